"""What a check of the audit chain reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ProblemKind = Literal["altered", "missing", "unexpected", "cut_off", "head_missing", "head_forged"]


@dataclass(frozen=True)
class ChainProblem:
    """One thing wrong with a chain; `seq` is the number of the entry concerned, 0 for the head."""

    kind: ProblemKind
    seq: int
    text: str
