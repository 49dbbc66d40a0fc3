"""`manage.py ingest_guidelines [--samples] [--dry-run] [PATH …]`: shared guidelines from files or folders (JSONL,
Markdown and text with a front matter); run again to resume."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.rag.extractors.guideline_lines import GuidelineText, Problem, read
from apps.rag.schemas import Ingested
from apps.rag.services import ingest_guidelines, preview_guidelines
from medassist.accounts.access import system_actor
from medassist.tenancy.schemas import PUBLIC_SCHEMA

DATA = Path(__file__).resolve().parents[2] / "data"
SAMPLES = DATA / "guidelines"
CACHE = DATA / "sample_vectors.npz"
MOST_NAMED = 50


class Command(BaseCommand):
    help = "Ingests shared guidelines; unchanged sections are skipped, changed ones supersede their earlier version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", type=Path)
        parser.add_argument("--samples", action="store_true", help="the sections that ship with the project")
        parser.add_argument("--dry-run", action="store_true", help="say what would be stored, and store nothing")

    def handle(self, *_: Any, paths: list[Path], samples: bool, dry_run: bool, **__: Any) -> None:
        sources = [*([SAMPLES] if samples else []), *paths]
        if not sources:
            raise CommandError("Name files or folders, or --samples")
        if missing := [str(path) for path in sources if not path.exists()]:
            raise CommandError(f"No such file or folder: {', '.join(missing)}")
        lines = [line for path in sources for line in read(path)]
        texts = [line for line in lines if isinstance(line, GuidelineText)]
        problems = [line for line in lines if isinstance(line, Problem)]
        for problem in problems:
            self.stderr.write(str(problem))
        if dry_run:
            self.stdout.write(f"{len(texts)} sections can be read, {len(problems)} lines cannot")
            self._tell("would be", preview_guidelines(texts=texts), len(problems))
        else:
            with tqdm(total=len(texts), unit="section", disable=not sys.stderr.isatty()) as bar:
                done = ingest_guidelines(
                    actor=system_actor(PUBLIC_SCHEMA, "ingest_guidelines"), texts=texts,
                    cached=sample_vectors() if samples else {}, progress=bar.update,
                )  # fmt: skip
            self._tell("were", done, len(problems))
        if problems:
            raise CommandError(f"{len(problems)} lines were refused")

    def _tell(self, verb: str, done: Ingested, refused: int) -> None:
        stored = f"{done.passages} passages, {done.embedded} embedded"
        new = done.guidelines - done.older
        self.stdout.write(
            f"{done.guidelines} sections stored ({stored}), {done.unchanged} unchanged, {refused} lines refused"
            if verb == "were"
            else f"{new} new or newer, {done.older} older than what is there, {done.unchanged} unchanged, "
            f"{done.amended} amended, {len(done.superseded)} superseded, {refused} refused"
        )
        if verb == "were" and (done.older or done.amended):
            self.stdout.write(f"{done.older} of them older than what is there; {done.amended} amended")
        for word, ids in (("superseded", done.superseded), ("withdrawn", done.withdrawn)):
            for name in ids[:MOST_NAMED]:
                self.stdout.write(f"  {verb} {word}: {name}")
            if len(ids) > MOST_NAMED:
                self.stdout.write(f"  and {len(ids) - MOST_NAMED} more {word}")
        if verb == "were" and (done.superseded or done.withdrawn):
            self.stdout.write("Assessments that cite them: manage.py guideline_recall WORK")


def sample_vectors() -> dict[str, bytes]:
    """The shipped vectors of the samples by embedding key; empty when the file is not there."""
    if not CACHE.exists():
        return {}
    with np.load(CACHE) as stored:
        return {
            key: vector.astype("<f4").tobytes() for key, vector in zip(stored["keys"], stored["vectors"], strict=True)
        }
