"""`manage.py ingest_guidelines [--samples] [PATH …]`: shared guidelines from JSONL files or folders; run again to resume."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.rag.extractors.guideline_lines import GuidelineText, Problem, read
from apps.rag.services import ingest_guidelines
from medassist.accounts.access import system_actor
from medassist.tenancy.schemas import PUBLIC_SCHEMA

DATA = Path(__file__).resolve().parents[2] / "data"
SAMPLES = DATA / "guidelines"
CACHE = DATA / "sample_vectors.npz"


class Command(BaseCommand):
    help = "Ingests shared guidelines (JSONL, one section a line); unchanged sections are skipped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="*", type=Path)
        parser.add_argument("--samples", action="store_true", help="the sections that ship with the project")
        parser.add_argument("--dry-run", action="store_true", help="read and check only")

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
        else:
            with tqdm(total=len(texts), unit="section", disable=not sys.stderr.isatty()) as bar:
                done = ingest_guidelines(
                    actor=system_actor(PUBLIC_SCHEMA, "ingest_guidelines"), texts=texts,
                    cached=sample_vectors() if samples else {}, progress=bar.update,
                )  # fmt: skip
            self.stdout.write(
                f"{done.guidelines} sections stored ({done.passages} passages, {done.embedded} embedded), "
                f"{done.unchanged} unchanged, {len(problems)} lines refused"
            )
        if problems:
            raise CommandError(f"{len(problems)} lines were refused")


def sample_vectors() -> dict[str, bytes]:
    """The shipped vectors of the samples by embedding key; empty when the file is not there."""
    if not CACHE.exists():
        return {}
    with np.load(CACHE) as stored:
        return {
            key: vector.astype("<f4").tobytes() for key, vector in zip(stored["keys"], stored["vectors"], strict=True)
        }
