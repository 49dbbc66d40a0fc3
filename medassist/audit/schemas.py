"""What a check of the audit chain reports, and what a person may read of the trail about themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

ProblemKind = Literal["altered", "missing", "unexpected", "cut_off", "head_missing", "head_forged"]


@dataclass(frozen=True)
class ChainProblem:
    """One thing wrong with a chain; `seq` is the number of the entry concerned, 0 for the head."""

    kind: ProblemKind
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class Access:
    """One entry as the person it is about may read it."""

    at: datetime
    actor_kind: str
    actor_id: str
    label: str
    action: str
