"""`manage.py reindex`: embeds what the configured embedder has not embedded, then makes the server's index anew."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.rag.index.embedding import embedder
from apps.rag.services import reindexing
from medassist.common.errors import RetrievalUnavailable
from medassist.tenancy.context import public_context
from medassist.tenancy.selectors import all_clinics


class Command(BaseCommand):
    help = "Re-embeds guidelines and clinics' texts and rebuilds the index; searches go on. Run it again to resume."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--clinic", action="append", default=[], help="only this clinic's texts, and what is shared"
        )
        parser.add_argument("--batch", type=int, default=32)
        parser.add_argument("--dry-run", action="store_true", help="count what is missing")

    def handle(self, *_: Any, clinic: list[str], batch: int, dry_run: bool, **__: Any) -> None:
        with public_context():
            known = [item.schema_name for item in all_clinics()]
        if unknown := sorted(set(clinic) - set(known)):
            raise CommandError(f"No such clinic: {', '.join(unknown)}")
        chosen = clinic or known
        missing = reindexing.missing(chosen)
        if dry_run:
            for name, count in missing.items():
                self.stdout.write(f"{name}: {count} passages without a vector by {embedder().id}")
            return
        try:
            with tqdm(total=sum(missing.values()), unit="passage", disable=not sys.stderr.isatty()) as bar:
                done = reindexing.embed_missing(chosen, batch=batch, progress=bar.update)
            # A collection holds every clinic: it is made anew only when all of them were asked for.
            points = reindexing.rebuild_server(known) if not clinic else 0
        except RetrievalUnavailable as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{done} passages embedded by {embedder().id}; {points} points in the server's new index")
