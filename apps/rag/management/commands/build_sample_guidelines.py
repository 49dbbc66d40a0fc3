"""`manage.py build_sample_guidelines --medquad FILE --openstax FILE`: makes the shipped samples from their sources.

The selection is apps/rag/data/sample_selection.json; the texts are the sources' own, with list marks put on lines.
"""

from __future__ import annotations

import json
import re
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand

from apps.rag.extractors.guideline_lines import GuidelineText, read
from apps.rag.index.embedding import embedder
from apps.rag.management.commands.ingest_guidelines import CACHE, DATA, SAMPLES
from apps.rag.selectors import embedded_text
from apps.rag.services.guidelines import _rows, embedding_key

PUBLISHERS = {
    "MPlusHealthTopics": "MedlinePlus, US National Library of Medicine",
    "NHLBI": "US National Heart, Lung, and Blood Institute",
    "NINDS": "US National Institute of Neurological Disorders and Stroke",
    "NIDDK": "US National Institute of Diabetes and Digestive and Kidney Diseases",
    "CDC": "US Centers for Disease Control and Prevention",
}
MEDQUAD = "MedQuAD (Ben Abacha and Demner-Fushman, 2019), CC BY 4.0; text of {publisher}, content of about 2017"
OPENSTAX = "OpenStax, {book}. Access for free at openstax.org. CC BY 4.0"
LONGEST = 9_000


class Command(BaseCommand):
    help = "Builds the sample guidelines and their vectors from MedQuAD core and OpenStax nursing files."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--medquad", type=Path, required=True)
        parser.add_argument("--openstax", type=Path, nargs="*", default=[])

    def handle(self, *_: Any, medquad: Path, openstax: list[Path], **__: Any) -> None:
        selection = json.loads((DATA / "sample_selection.json").read_text(encoding="utf-8"))
        SAMPLES.mkdir(parents=True, exist_ok=True)
        counts = {
            "medquad.jsonl": _write(SAMPLES / "medquad.jsonl", _medquad(medquad, selection)),
            "openstax.jsonl": _write(SAMPLES / "openstax.jsonl", _openstax(openstax, set(selection["openstax"]))),
        }
        for name, count in counts.items():
            self.stdout.write(f"{name}: {count} sections")
        self.stdout.write(f"vectors: {_write_vectors()}")


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _medquad(path: Path, selection: dict[str, Any]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        wanted = selection.get(row["source"])
        focus = row["focus"].strip()
        if not wanted or row["qtype"] not in wanted["qtypes"] or focus in wanted.get("except", []) or not focus:
            continue
        if wanted["focus"] != "*" and focus not in wanted["focus"]:
            continue
        text = lined(row["answer"])
        if len(text.split()) < 25 or text in seen:
            continue
        seen.add(text)
        publisher = PUBLISHERS[row["source"]]
        yield {
            "format": 1, "id": f"medquad-{row['id']}", "title": mended(focus), "heading": mended(row["question"]).strip(),
            "publisher": publisher, "collection": "MedQuAD", "version": "2017", "published": "2017-01-01",
            "grade": "reference", "language": "en", "url": row["url"], "licence": "CC BY 4.0",
            "attribution": MEDQUAD.format(publisher=publisher), "text": text,
        }  # fmt: skip


def mended(text: str) -> str:
    """Names whose accents were lost in the source."""
    return text.replace("Guillain-Barr Syndrome", "Guillain-Barre Syndrome").replace("Sjgren", "Sjogren")


def lined(text: str) -> str:
    """List marks in the running text start a line each; very long sections end at a sentence."""
    text = re.sub(r"\s+-\s+(?=[A-Z0-9a-z(])", "\n- ", text).strip()
    text = re.sub(r"[ \t]+", " ", text)
    if len(text) > LONGEST:
        text = text[: text.rfind(". ", 0, LONGEST) + 1]
    return text


def _openstax(paths: list[Path], wanted: set[str]) -> Iterator[dict[str, Any]]:
    for path in paths:
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["id"] not in wanted:
                continue
            text = row["text"].strip()
            if len(text) > LONGEST:
                text = text[: text.rfind("\n", 0, LONGEST)]
            yield {
                "format": 1, "id": f"openstax-{row['id'].replace('/', '-')}", "title": row["title"], "heading": row["book"],
                "publisher": "OpenStax, Rice University", "collection": row["book"], "version": "2024",
                "published": "2024-09-20", "grade": "textbook", "language": "en", "url": "https://openstax.org/",
                "licence": "CC BY 4.0", "attribution": OPENSTAX.format(book=row["book"]), "text": text,
            }  # fmt: skip


def _write_vectors() -> int:
    keys, texts = [], []
    for item in read(SAMPLES):
        assert isinstance(item, GuidelineText), item
        guideline, rows = _rows(item)
        for row in rows:
            text = embedded_text(guideline, row.heading, row.text)
            keys.append(embedding_key(text))
            texts.append(text)
    vectors = embedder().embed(texts).astype(np.float16)
    np.savez_compressed(CACHE, keys=np.array(keys), vectors=vectors)
    return len(keys)
