"""`manage.py search_guidelines "chest pain" --clinic demo`: what the search finds, and how."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from apps.rag.schemas import Query, Scope
from apps.rag.services import retrieve
from medassist.tenancy.context import clinic_context


class Command(BaseCommand):
    help = "Searches the guidelines as a clinic would and explains each hit."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("query")
        parser.add_argument("--clinic", required=True)
        parser.add_argument("--mode", choices=["fused", "dense", "sparse"], default="fused")
        parser.add_argument("--limit", type=int, default=10)

    def handle(self, *_: Any, query: str, clinic: str, mode: str, limit: int, **__: Any) -> None:
        with clinic_context(clinic):
            found = retrieve(scope=Scope(clinic), queries=[Query(query, mode=mode)], limit=limit)  # type: ignore[arg-type]
        for hit in found.hits:
            cosine = f"{hit.similarity:.3f}" if hit.similarity is not None else "  -  "
            heading = " > ".join(hit.passage.heading)
            self.stdout.write(f"{hit.rank:2}  {hit.score:.4f}  cos {cosine}  {hit.passage.title} | {heading}")
        self.stdout.write(f"snapshot {found.snapshot}, {found.embedder}, weak: {found.weak}")
