"""`manage.py index_report`: texts, passages, vectors and points of every partition, and where they differ."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.rag.index.embedding import embedder
from apps.rag.index.store import SHARED
from apps.rag.services import reindexing
from medassist.common.errors import RetrievalUnavailable
from medassist.tenancy.context import public_context
from medassist.tenancy.selectors import all_clinics


class Command(BaseCommand):
    help = "How Postgres and the index agree; exit status 1 when they do not."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clinic", action="append", default=[])
        parser.add_argument(
            "--repair", action="store_true", help="embed what is missing and rebuild the server's index"
        )

    def handle(self, *_: Any, clinic: list[str], repair: bool, **__: Any) -> None:
        with public_context():
            known = [item.schema_name for item in all_clinics()]
        names = [SHARED, *(clinic or known)]
        try:
            found = [reindexing.report(name) for name in names]
            if repair and not all(item.agrees for item in found):
                reindexing.embed_missing(known, batch=32, progress=lambda _: None)
                reindexing.rebuild_server(known)
                found = [reindexing.report(name) for name in names]
        except RetrievalUnavailable as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"embedder {embedder().id}")
        self.stdout.write(
            f"{'partition':24} {'texts':>7} {'passages':>9} {'no vector':>9} {'points':>9} {'generation':>10}"
        )
        for item in found:
            points = "in workers" if item.points is None else str(item.points)
            self.stdout.write(
                f"{item.clinic:24} {item.texts:>7} {item.passages:>9} {item.without_vector:>9} {points:>9} {item.generation:>10}"
                + ("" if item.agrees else "  DIFFERS")
            )
        if not all(item.agrees for item in found):
            raise CommandError("Postgres and the index differ: run reindex, or index_report --repair")
