"""What a run found. Pure, since it crosses from the process of one course to the one that adds them up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

WORDS = "confidentialwords"
"""In every case's free text: it may be in no log, no broker, no event."""


@dataclass(frozen=True)
class Acknowledged:
    """A submission that was answered with 202."""

    clinic: str
    key: str
    job: str
    case: str
    mark: str


@dataclass
class Findings:
    """Lists of what is wrong, each with a few examples; empty lists are the promise kept."""

    lost: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)
    states: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    status_reasons: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    blamed: Counter[str] = field(default_factory=Counter)
    runs: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.stuck or self.double or self.wrong or self.leaks)

    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in ("lost", "stuck", "double", "wrong", "leaks")}
