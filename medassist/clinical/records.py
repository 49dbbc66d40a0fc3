"""The record behind a case, for rooms beside the one that keeps it.

Cases and chat stand on the same floor and do not import each other: the cases' room says here how a record is read, the
chat's room reads it. Nothing is stored here, and nothing is asked without the reader's own checks of rights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.draft import Source


@dataclass(frozen=True, slots=True)
class RecordReader:
    require: Callable[..., None]
    """`require(actor=, case_id=)`: raises `NotFound` unless the case is there and the actor may read it."""
    read: Callable[[UUID], tuple[CaseInput, Assessment | None]]
    """The record and its latest released assessment, for a run in the clinic."""
    parts: Callable[[CaseInput], tuple[Source, ...]]
    """The record as citable parts."""
    headline: Callable[[CaseInput], str]


_readers: list[RecordReader] = []


def serve(reader: RecordReader) -> None:
    """Makes it the one that reads; a second call with another one replaces it (tests)."""
    _readers[:] = [reader]


def reader() -> RecordReader:
    """The one that reads. Raises `LookupError` when no room keeps records."""
    if not _readers:
        raise LookupError("no room keeps records")
    return _readers[0]
