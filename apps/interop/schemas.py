"""What an import of FHIR resources gives: the case, and what became of each entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from medassist.clinical.case import CaseInput, Frozen
from medassist.clinical.triage import TriageFloor

Outcome = Literal["used", "left_out", "quarantined"]


class EntryProblem(Frozen):
    """One thing of an entry that is not in the case, and why. `reason` never repeats a value of the record."""

    entry: int | None
    """Index in the bundle; None when it is about the whole."""
    resource_type: str
    id: str
    about: str = ""
    """The resource's or component's first code, as "system|code"."""
    code: str
    """Stable, e.g. "unknown_unit"."""
    outcome: Literal["left_out", "quarantined", "note"]
    """`quarantined`: wrong or not understood. `left_out`: understood, and not for this case. `note`: used, with care."""
    reason: str


class KeptCode(Frozen):
    """A code as it was sent, and where in the case its words went."""

    entry: int
    system: str
    code: str
    display: str
    where: str
    """Dotted path of the case, e.g. "past_history.0"."""


class EntryCounts(Frozen):
    """Every entry counts once; an entry of which one part was used is used."""

    total: int
    used: int
    left_out: int
    quarantined: int


class Imported(Frozen):
    """`case` is None when the resources make no case; `refusal` then says why."""

    case: CaseInput | None
    draft: dict[str, Any]
    """The case's fields as they were mapped, also when they make no case yet."""
    as_of: datetime
    as_of_from: Literal["given", "bundle", "newest_entry", "now"]
    """Where the moment comes from that ages and "recent" are reckoned from."""
    complaint_from: str = ""
    entries: EntryCounts
    problems: tuple[EntryProblem, ...] = ()
    codes: tuple[KeptCode, ...] = ()
    refusal: EntryProblem | None = None


@dataclass(frozen=True)
class Submitted:
    """What an import that was stored answers with."""

    imported: Imported
    case_id: UUID
    job_id: UUID
    floor: TriageFloor
    created: bool
