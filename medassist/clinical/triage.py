"""The triage vocabulary: levels, NEWS2 result, fired rules, the floor that no model may lower."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from medassist.clinical.case import Frozen

TriageLevel = Literal["emergency_now", "same_day", "routine"]

SEVERITY: dict[str, int] = {"routine": 0, "same_day": 1, "emergency_now": 2}


def highest(*levels: TriageLevel) -> TriageLevel:
    """The most urgent of the levels; routine when there is none."""
    return max(levels, key=lambda level: SEVERITY[level], default="routine")


class News2(Frozen):
    """National Early Warning Score 2 (Royal College of Physicians, 2017).

    `total` is the sum of what was measured, None when the score does not apply (under 16, pregnant)
    or nothing was measured. Unknown is not normal: `missing` names every parameter not given.
    """

    applicable: bool
    total: int | None
    parameters: dict[str, int] = Field(default_factory=dict)
    missing: tuple[str, ...] = ()
    reason: str = ""


class RuleDecision(Frozen):
    """What a clinic's clinician has decided about one version of a rule.

    `lapsed`: the rule's trigger or level has changed since, or it may not be switched off; the decision has no force.
    """

    rule: str
    version: str
    state: Literal["signed_off", "switched_off", "lapsed"]
    by: str
    on: date
    reason: str = ""


class FiredRule(Frozen):
    """A red-flag or early-warning rule that fired, with what made it fire."""

    id: str
    name: str
    level: TriageLevel
    source: str
    signed_off: bool = False
    """Whether the shipped data call it signed off; what this clinic has decided is `decision`."""
    decision: RuleDecision | None = None

    @property
    def is_signed_off(self) -> bool:
        """By the data that ship, or by a clinician of the clinic for this version of the rule."""
        return self.signed_off or (self.decision is not None and self.decision.state == "signed_off")

    evidence: tuple[str, ...] = ()
    """Short quotes or values of the record, e.g. "systolic_bp 82"; patient data, never logged."""
    conditions: tuple[str, ...] = ()
    """Must-not-miss conditions behind the rule; they join the retrieval and the differential."""


class TriageFloor(Frozen):
    """The minimum level that rules alone give; computed before and without any model."""

    level: TriageLevel
    rules: tuple[FiredRule, ...] = ()
    switched_off: tuple[FiredRule, ...] = ()
    """Rules that hold here but were switched off by the clinic: shown, without effect on the level."""
    news2: News2
    not_interpreted: tuple[str, ...] = ()
    """Laboratory values that no rule could use, each with the reason (unit missing or unknown)."""
    rule_set_version: str
