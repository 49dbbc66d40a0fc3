"""python -m bench notes --data valid.csv [more.csv] [--most 1000]

Conversations with the notes that people wrote from them (columns `dialogue` and `note` or `section_text`), summarised by the real
pipeline of the notes' room with the reference backbone in this process. Nothing is stored and no server is needed.

Fidelity is judged by code of its own: every number, denial and medicine of a summary must stand in the conversation, and every
sentence word for word. Coverage: the share of the lines with a number, a denial or a medicine that the summary or its list of
omissions holds; ROUGE against the note that people wrote. It exits with 1 when anything was invented or lost.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import uuid4

import django
from rouge_score.rouge_scorer import RougeScorer

from bench.figures import last_line, percentile, table

_NUMBER = re.compile(r"\d+(?:[.,/]\d+)*")
_DENIAL = re.compile(r"\b(?:no|not|never|none|nor|without|denie[sd]|deny|denying)\b|n['’]t\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z][a-z-]{3,}")
_NAMES = Path(__file__).resolve().parents[1] / "apps" / "safety" / "rules" / "data" / "medicines.tsv"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench notes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--most", type=int, default=1000)
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medassist.settings.typing")
    django.setup()
    names = _medicine_names()
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=True)
    rows, failed = [], []
    for path in options.data:
        done = [_one(text, note, names, scorer) for text, note in _pairs(path, options.most)]
        failed += [f"{path.name} {number}: {fault}" for number, one in enumerate(done) for fault in one["faults"]]
        released = [one for one in done if one["sentences"]]
        weighty = sum(one["weighty"] for one in done)
        rows.append(
            [
                path.name, len(done), len(done) - len(released), sum(one["sentences"] for one in done),
                sum(len(one["faults"]) for one in done),
                round(sum(one["held"] for one in done) / max(weighty, 1), 4),
                round(sum(one["in_summary"] for one in done) / max(weighty, 1), 3),
                *(round(sum(one[name] for one in done) / len(done), 3) for name in ("rouge1", "rouge2", "rougeL", "recall1")),
                percentile([one["ms"] for one in done], 95),
            ]
        )  # fmt: skip
    table(
        "Summaries of conversations, reference backbone",
        ["set", "notes", "no summary", "sentences", "invented", "weighty lines held", "in the summary", "ROUGE-1", "ROUGE-2",
         "ROUGE-L", "ROUGE-1 recall", "p95 ms"],
        rows,
    )  # fmt: skip
    for line in failed[:20]:
        print(line)
    last_line({"sets": [str(row[0]) for row in rows], "invented": len(failed)})
    return 1 if failed else 0


def _pairs(path: Path, most: int) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        for number, row in enumerate(csv.DictReader(lines)):
            if number >= most:
                return
            yield row["dialogue"].strip(), (row.get("note") or row.get("section_text") or "").strip()


def _one(text: str, note: str, names: frozenset[str], scorer: RougeScorer) -> dict[str, Any]:
    began = time.monotonic()
    summary = summarised(text)
    ms = (time.monotonic() - began) * 1000
    said = [sentence.text for section in summary.sections for sentence in section.sentences]
    scores = scorer.score(note, "\n".join(said))
    held = [place for s in summary.sections for one in s.sentences for place in one.source]
    omitted = [item.place for item in summary.omissions]
    weighty = [span for span in _lines(text) if _weighs(text[slice(*span)], names)]
    return {
        "sentences": len(said),
        "faults": list(_faults(text, said, names)),
        "weighty": len(weighty),
        "in_summary": sum(any(p.start < end and p.end > start for p in held) for start, end in weighty),
        "held": sum(any(p.start < end and p.end > start for p in (*held, *omitted)) for start, end in weighty),
        "rouge1": scores["rouge1"].fmeasure, "rouge2": scores["rouge2"].fmeasure, "rougeL": scores["rougeL"].fmeasure,
        "recall1": scores["rouge1"].recall, "ms": ms,
    }  # fmt: skip


def _faults(text: str, said: Sequence[str], names: frozenset[str]) -> Iterator[str]:
    """What a sentence says that the conversation does not: by words alone, without the product's checks."""
    plain = " ".join(text.split())
    for sentence in said:
        words = " ".join(sentence.split())
        if words not in plain:
            yield f"not word for word: {words[:120]}"
        elif not set(_NUMBER.findall(words)) <= set(_NUMBER.findall(text)):
            yield f"a number: {words[:120]}"
        elif not set(map(str.lower, _DENIAL.findall(words))) <= set(map(str.lower, _DENIAL.findall(text))):
            yield f"a denial: {words[:120]}"
        elif not names & set(_WORD.findall(words.lower())) <= set(_WORD.findall(text.lower())):
            yield f"a medicine: {words[:120]}"


def _lines(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(r"[^\n]*[^\s][^\n]*", text):
        yield match.span()


def _weighs(line: str, names: frozenset[str]) -> bool:
    return bool(_NUMBER.search(line) or _DENIAL.search(line) or names & set(_WORD.findall(line.lower())))


def _medicine_names() -> frozenset[str]:
    lines = _NAMES.read_text(encoding="utf-8").splitlines()
    return frozenset(name for line in lines if (name := line.split("\t")[0].lower()).isalpha() and len(name) > 3)


def summarised(text: str) -> Any:
    """One note through the pipeline, with the reference brain asked in this process and nothing stored."""
    from apps.notes.pipeline import summarizing
    from apps.notes.schemas import NoteContent
    from apps.safety.schemas import Answer
    from medassist.jobs.runner import Run
    from medassist.jobs.schemas import Leased
    from medassist.llm.reference.brain import answer

    def ask(*, messages: Any, schema: Any, max_tokens: int, **_rest: Any) -> Answer:
        data: dict[str, Any] = json.loads(answer(messages, schema, max_tokens=max_tokens))
        return Answer(data=data, backbone="reference", model="reference", language_model=False)

    job = Leased(
        id=uuid4(), kind="notes.summary", clinic="bench", queue="llm", lane="batch", tier="light", attempt=1, fence=1,
        deadline_at=datetime.now(UTC) + timedelta(seconds=300), deadline_left_s=300.0, trace_id="bench", references={},
    )  # fmt: skip
    content = NoteContent(id=uuid4(), text=text, kind="conversation", locale="en-US")
    quiet = (
        mock.patch("apps.safety.gateway.ask", ask),
        mock.patch("apps.safety.services.judged_as", return_value="clinician"),
        mock.patch.object(summarizing, "hand_back_connection", return_value=None),
        mock.patch("medassist.jobs.progress.publish_sealed", return_value=None),
        mock.patch.object(Run, "_tell", return_value=None),
    )
    for one in quiet:
        one.start()
    try:
        return summarizing.summarize(Run(job), lambda: content)
    finally:
        for one in quiet:
            one.stop()
