"""One document, top to bottom: read in the sandbox -> cut and embed -> searchable. Slow steps hold no connection."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Protocol

from django.conf import settings

from apps.documents.extractors.sandbox import extract
from apps.documents.schemas import Extracted, Ingest, Limits
from apps.rag import services as rag
from apps.rag.schemas import Body, OwnTextInput, Staged
from medassist.common.database import hand_back_connection
from medassist.jobs.runner import Run


class Told(Protocol):
    """Hears how many pages were begun, of how many."""

    def __call__(self, page: int, pages: int | None) -> None: ...


def read(run: Run, data: bytes, filename: str, told: Told) -> Extracted:
    """What is in the file, or why nothing is. Raises `CallAborted` when the run was cancelled."""

    def progress(page: int, pages: int | None) -> None:
        run.progress("read", page, pages)
        told(page, pages)

    with run.step("read"), tempfile.TemporaryDirectory(prefix="medassist-document-") as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        hand_back_connection()
        limits = Limits(file_bytes=settings.MAX_DOCUMENT_BYTES)
        return extract(path, limits=limits, name=filename, progress=progress, stopped=run.abort.is_set)


def index(run: Run, document: Ingest, body: Body) -> Staged:
    """Cuts and embeds the body; nothing of it is found before it is published."""
    about = document.about
    text = OwnTextInput(
        id=document.id, kind=document.kind, title=document.title, case_id=document.case_id, publisher=about.publisher,
        version=about.version, published=about.published, grade=about.grade, specialty=about.specialty,
        language=about.language or body.language,
    )  # fmt: skip
    with run.step("index"):
        return rag.stage(
            text=text,
            body=body,
            progress=lambda done, total: run.progress("index", done, total),
            stopped=run.abort.is_set,
        )
