"""`manage.py ingest_documents --clinic demo --kind protocol PATH …`: files and folders into a clinic's documents."""

from __future__ import annotations

import sys
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.documents import selectors, services
from apps.documents.schemas import EXPLANATIONS, About, Upload
from medassist.accounts.access import Permission, system_actor
from medassist.clinical.parsing import parse_as, parse_json
from medassist.common.errors import MedAssistError, TooManyRequests, Unavailable
from medassist.tenancy.context import clinic_context

SUFFIXES = frozenset({".pdf", ".docx", ".html", ".htm", ".md", ".markdown", ".txt", ".text", ".csv", ".tsv"})
RIGHTS = frozenset(
    {Permission.DOCUMENT_INGEST, Permission.PROTOCOL_MANAGE, Permission.DOCUMENT_READ, Permission.CASE_READ}
)


class Command(BaseCommand):
    help = "Sends files to a clinic's ingest queue; what is there already is skipped, so run it again to carry on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("paths", nargs="+", type=Path)
        parser.add_argument("--clinic", required=True)
        parser.add_argument("--kind", choices=["protocol", "case_document"], default="protocol")
        parser.add_argument("--case", type=UUID, default=None, help="the case that the documents belong to")
        parser.add_argument("--about", default="", help="version, published, grade, publisher, … as JSON")
        parser.add_argument("--dry-run", action="store_true", help="list what would be sent")
        parser.add_argument("--wait", action="store_true", help="wait until a worker has read them all")

    def handle(
        self, *_: Any, paths: list[Path], clinic: str, kind: Any, case: UUID | None, about: str, dry_run: bool,
        wait: bool, **__: Any,
    ) -> None:  # fmt: skip
        if missing := [str(path) for path in paths if not path.exists()]:
            raise CommandError(f"No such file or folder: {', '.join(missing)}")
        said = parse_as(About, parse_json(about), called="about") if about else About()
        files = list(_files(paths))
        if dry_run:
            for file in files:
                self.stdout.write(f"{file} ({file.stat().st_size} bytes)")
            self.stdout.write(f"{len(files)} files would be sent to {clinic} as {kind}")
            return
        actor = system_actor(clinic, "ingest_documents", scopes=RIGHTS)
        sent: dict[UUID, Path] = {}
        refused: list[str] = []
        done: Counter[str] = Counter()
        with clinic_context(clinic):
            for file in tqdm(files, unit="file", disable=not sys.stderr.isatty()):
                try:
                    found = self._send(actor, file, kind, case, said)
                except MedAssistError as error:
                    refused.append(f"{file}: {'; '.join(error.fields.values()) or error.detail}")
                    continue
                sent[found.document_id] = file
                done["sent" if found.created else "there already"] += 1
            if wait:
                refused += self._wait(actor, sent)
        for line in refused:
            self.stderr.write(line)
        told = ", ".join(f"{count} {name}" for name, count in done.items()) or "nothing"
        self.stdout.write(f"{told}, {len(refused)} refused or not read")
        if refused:
            raise CommandError(f"{len(refused)} files were refused or could not be read")

    @staticmethod
    def _send(actor: Any, file: Path, kind: Any, case: UUID | None, about: About) -> services.Accepted:
        if file.stat().st_size > settings.MAX_DOCUMENT_BYTES:
            raise MedAssistError(f"larger than {settings.MAX_DOCUMENT_BYTES} bytes")
        upload = Upload(name=file.name, data=file.read_bytes(), title=file.stem)
        while True:
            try:
                return services.ingest(
                    actor=actor, uploads=[upload], kind=kind, case_id=case, about=about, lane="batch"
                )[0]
            except (TooManyRequests, Unavailable) as error:
                # The queue is full: it empties.
                time.sleep(min(30, error.retry_after or 2))

    def _wait(self, actor: Any, sent: dict[UUID, Path]) -> list[str]:
        open_ids, problems = list(sent), []
        with tqdm(total=len(open_ids), unit="document", disable=not sys.stderr.isatty()) as bar:
            while open_ids:
                views = [selectors.document_view(actor=actor, document_id=document_id) for document_id in open_ids]
                for view in views:
                    if not view.pending:
                        bar.update(1)
                        if not view.readable:
                            problems.append(f"{sent[view.id]}: {EXPLANATIONS.get(view.reason, view.state)}")
                open_ids = [view.id for view in views if view.pending]
                if open_ids:
                    time.sleep(0.5)
        return problems


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    """Files as they are named; of folders, those whose names end like something that is read. No links."""
    for path in paths:
        if path.is_dir():
            yield from sorted(
                file
                for file in path.rglob("*")
                if file.is_file() and not file.is_symlink() and file.suffix.lower() in SUFFIXES
            )
        else:
            yield path
