"""python -m bench guard [--texts 100] [--seed 1]

How long the medicine guard takes over 4 kB on one core: harmless text, orders, and text stuffed with every way of hiding; and how long
verify and guard take together over an assessment draft that cites sixteen passages. Then recall and false positives on the shipped
suites, with 95 % intervals. Times are processor time of this process, so that a neighbour does not count.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from apps.safety.rules.grounding import verify_draft
from apps.safety.rules.guard import GUARD_VERSION, check_text
from apps.safety.rules.guard_draft import guard_draft
from bench.figures import last_line, percentile, table
from medassist.clinical.draft import Draft, DraftCite, DraftClaim, DraftCondition, Source

ROOT = Path(__file__).resolve().parents[1]
SUITES = ROOT / "apps" / "safety" / "suites"
PASSAGES = ROOT / "apps" / "rag" / "data" / "guidelines" / "medquad.jsonl"
CHARS = 4000
MOST_GUARD_MS = 50.0
MOST_CHAIN_MS = 400.0
_RECORD = (
    "67-year-old man with type 2 diabetes and atrial fibrillation. Takes metformin 500 mg BD and apixaban 5 mg BD. "
    "Chest pain for 25 minutes, radiating to the left arm. Heart rate 112, blood pressure 148/92. Allergic to penicillin."
)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench guard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--texts", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rows = _rows()
    made = random.Random(options.seed)
    kinds = {
        "harmless": [row for row in rows if row["verdict"] == "allow"],
        "orders": [row for row in rows if row["verdict"] == "block"],
        "hidden forms": [row for row in rows if row.get("kind") == "B7"],
    }
    check_text("Give warfarni now.", record="Takes aspirin.")  # word lists are read at the first word that needs them
    times = {name: _times(pool, options.texts, made) for name, pool in kinds.items()}
    times["verify and guard, 16 passages"] = _chain(options.texts // 2)
    table(
        f"Guard {GUARD_VERSION}: processor time, {CHARS} characters each",
        ["text", "runs", "p50 ms", "p95 ms", "most ms"],
        [[name, len(took), percentile(took, 50), percentile(took, 95), max(took)] for name, took in times.items()],
    )
    levels = _levels(rows)
    table(
        "Suites: sets that have been looked at, so a level and no estimate",
        ["suite", "blocked of what prescribes", "95 %", "blocked of what is harmless", "95 % "],
        [
            [name, *(level.get(figure, "none") for figure in ("recall", "recall_95", "fpr", "fpr_95"))]
            for name, level in levels.items()
        ],
    )
    p95 = {name: round(percentile(took, 95), 1) for name, took in times.items()}
    chain = p95.pop("verify and guard, 16 passages")
    good = max(p95.values()) <= MOST_GUARD_MS and chain <= MOST_CHAIN_MS
    last_line({"bench": "guard", "ok": good, "p95_ms": p95, "chain_p95_ms": chain, "levels": levels})
    return 0 if good else 1


def _rows() -> list[dict[str, Any]]:
    files = sorted(SUITES.glob("guard_*.jsonl"))
    return [
        {**json.loads(line), "suite": path.stem}
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
    ]


def _times(pool: list[dict[str, Any]], count: int, made: random.Random) -> list[float]:
    took = []
    for _ in range(count):
        text, record = "", made.choice(pool)["record"]
        while len(text) < CHARS:
            text += made.choice(pool)["text"] + " "
        took.append(_timed(lambda text=text, record=record: check_text(text[:CHARS], record=record)))  # type: ignore[misc]
    return took


def _timed(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return (time.process_time() - began) * 1000


def _chain(count: int) -> list[float]:
    took = []
    for start in range(count):
        draft, sources = _assessment(start * 16)
        took.append(_timed(lambda draft=draft, sources=sources: _verified_and_guarded(draft, sources)))  # type: ignore[misc]
    return took


def _verified_and_guarded(draft: Draft, sources: tuple[Source, ...]) -> None:
    verified = verify_draft(draft=draft, sources=sources, audience="clinician")
    guard_draft(verified=verified, record_text=sources[0].text, audience="clinician")


def _assessment(start: int) -> tuple[Draft, tuple[Source, ...]]:
    """A draft of eight conditions over sixteen passages: two claims a passage, each with its own words quoted."""
    lines = PASSAGES.read_text(encoding="utf-8").splitlines()
    sources = [Source(id="r1", kind="record", label="history", text=_RECORD)]
    claims = []
    for number in range(16):
        text = json.loads(lines[(start + number) % len(lines)])["text"]
        sources.append(Source(id=f"g{number + 1}", kind="guideline", label="passage", text=text[:2000]))
        told = [line for line in re.split(r"(?<=[.!?])\s+|\n+", text[:2000]) if 40 <= len(line) <= 300][:2]
        claims.append(tuple(_claim(line, f"g{number + 1}") for line in told))
    conditions = tuple(
        DraftCondition(condition=name, band="possible", claims_for=claims[2 * at], claims_against=claims[2 * at + 1])
        for at, name in enumerate(
            (
                "Angina",
                "Pneumonia",
                "Pericarditis",
                "Aortic dissection",
                "Reflux",
                "Pulmonary embolism",
                "Anxiety",
                "Rib fracture",
            )
        )
    )
    summary = tuple(
        DraftClaim(text=line, kind="patient_fact", cites=(DraftCite(source="r1", quote=line.rstrip(".")),))
        for line in _RECORD.split(". ")[:3]
    )
    return Draft(triage_level="same_day", summary=summary, differential=conditions), tuple(sources)


def _claim(words: str, source: str) -> DraftClaim:
    return DraftClaim(text=words, kind="guideline", cites=(DraftCite(source=source, quote=words),))


def _levels(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    levels: dict[str, dict[str, Any]] = {}
    for suite in sorted({row["suite"] for row in rows}):
        level: dict[str, Any] = {}
        for name, verdict in (("recall", "block"), ("fpr", "allow")):
            judged = [
                not check_text(row["text"], record=row["record"], audience=row["audience"]).allowed
                for row in rows
                if row["suite"] == suite and row["verdict"] == verdict
            ]
            if not judged:
                continue
            low, high = wilson(sum(judged), len(judged))
            level[name] = round(sum(judged) / len(judged), 4)
            level[f"{name}_95"] = f"{low:.3f} to {high:.3f}"
        levels[suite] = level
    return levels


def wilson(count: int, of: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    z, share = 1.96, count / of
    scale = 1 + z * z / of
    middle = share + z * z / (2 * of)
    half = z * (share * (1 - share) / of + z * z / (4 * of * of)) ** 0.5
    return (middle - half) / scale, (middle + half) / scale
