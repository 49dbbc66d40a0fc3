"""The triage floor: the least urgent level that the rules allow. No model is asked, none can lower it.

Rules live in `data/redflag_rules.jsonl`, one reviewable line each: name, levels with their trigger, source and
whether a clinician has signed the threshold off. The most urgent level that holds counts. Thresholds come from
public guidance; none is signed off, and the product says so wherever a rule is shown.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import cast

from apps.safety.rules import concepts
from apps.safety.rules.expressions import Facts, RuleError, compile_rule, evaluate
from apps.safety.rules.facts import facts_of, is_pregnant
from apps.safety.rules.news2 import news2
from apps.safety.rules.readings import readings
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import SEVERITY, FiredRule, RuleDecision, TriageFloor, TriageLevel, highest

RULE_SET_VERSION = "2026.11.4"
MAX_EVIDENCE = 6

NUMBERS = frozenset({
    "systolic_bp", "diastolic_bp", "heart_rate", "respiratory_rate", "spo2", "temperature_c", "gcs",
    "news2", "news2_max", "shock_index", "age_years", "age_months", "age_days",
    "glucose", "ketones", "potassium", "sodium", "calcium", "lactate", "hemoglobin", "inr", "ph", "bicarbonate",
    "creatinine", "egfr", "urea", "neutrophils", "white_cells", "platelets", "crp", "lithium_level",
    "digoxin_level", "paracetamol", "bilirubin", "osmolality", "pef_percent",
})  # fmt: skip
DERIVED = frozenset({
    "adult", "child", "not_alert", "low_systolic", "scale_2", "pregnant_now", "postpartum_now", "maybe_pregnant_now",
    "late_pregnancy", "term", "male_or_unknown", "troponin_high", "non_mobile_infant", "glucose_extreme",
    "fast_heart_for_age", "fast_breathing_for_age", "very_fast_heart_for_age", "very_fast_breathing_for_age",
})  # fmt: skip


FRAMES = frozenset({"child", "scale_2", "late_pregnancy", "term", "dialysis", "resolved_recently"})
"""Whose findings these are, and whether they are over: all that `not` may stand before."""


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    name: str
    levels: tuple[tuple[TriageLevel, ast.expr], ...]
    """Most urgent first."""
    source: str
    signed_off: bool
    conditions: tuple[str, ...]
    version: str
    """Of level and trigger: a clinic's decision holds for one version."""
    hard: bool = False
    """A clinic may not switch it off: physiology that kills within the hour, or a floor under a person's safety."""
    triggers: tuple[tuple[TriageLevel, str], ...] = ()


@lru_cache(maxsize=1)
def rule_set() -> tuple[Rule, ...]:
    """The rules of the shipped file; raises `RuleError` naming the line for anything that cannot be read."""
    text = resources.files("apps.safety.rules").joinpath("data/redflag_rules.jsonl").read_text(encoding="utf-8")
    return parse_rules(text)


def parse_rules(text: str) -> tuple[Rule, ...]:
    known = concepts.names() | DERIVED
    rules: list[Rule] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            data = json.loads(line)
            levels = sorted(
                (
                    (
                        cast(TriageLevel, one["level"]),
                        compile_rule(one["when"], concepts=known, numbers=NUMBERS, frames=FRAMES),
                    )
                    for one in data["levels"]
                ),
                key=lambda level: -SEVERITY[level[0]],
            )
            rules.append(
                Rule(
                    data["id"],
                    data["name"],
                    tuple(levels),
                    data["source"],
                    _yes_or_no(data["signed_off"], "signed_off"),
                    tuple(data["conditions"]),
                    version_of(data["levels"]),
                    _yes_or_no(data.get("hard", False), "hard"),
                    tuple((one["level"], one["when"]) for one in data["levels"]),
                )
            )
        except (RuleError, KeyError, TypeError, ValueError) as error:
            raise RuleError(f"redflag_rules.jsonl line {number}: {error}") from None
    if len({rule.id for rule in rules}) != len(rules):
        raise RuleError("redflag_rules.jsonl: two rules share an id")
    return tuple(rules)


_CLASS_NAME = re.compile(r"@\w+")


def words_of(rule: Rule) -> tuple[tuple[str, str], ...]:
    """The findings that a rule names, each with the words of a record that assert it, and the word classes in those."""
    names = {node.id for _, tree in rule.levels for node in ast.walk(tree) if isinstance(node, ast.Name)}
    written = concepts.as_written()
    found = {name: written[name] for name in sorted(names & written.keys())}
    classes = {name for phrases in found.values() for name in _CLASS_NAME.findall(phrases)}
    return (*found.items(), *((name, written[name]) for name in sorted(classes & written.keys())))


def version_of(levels: object) -> str:
    """The version of a rule: it changes with its levels and triggers only, not with its name or source."""
    return hashlib.sha256(json.dumps(levels, sort_keys=True).encode()).hexdigest()[:12]


def _yes_or_no(value: object, name: str) -> bool:
    # A sign-off is a statement by a person: nothing but JSON's own true counts as one.
    if not isinstance(value, bool):
        raise RuleError(f"{name} must be true or false")
    return value


def triage_floor(case: CaseInput, *, decisions: Sequence[RuleDecision] = ()) -> TriageFloor:
    """The floor of one case: pure, deterministic, a few milliseconds.

    `decisions` are the clinic's: a rule that it has switched off does not raise the level, but is listed when it
    would have. A decision about an older version of a rule, or that switches off a hard one, has no force.
    """
    measured = readings(case)
    said = concepts.asserted(case)
    pregnant = is_pregnant(case, said)
    years = measured.age.years if measured.age else None
    score = news2(measured.vitals, age_years=years, pregnant=pregnant)
    graver = news2(measured.graver, age_years=years, pregnant=pregnant)
    facts = facts_of(case, measured, said, score, graver, pregnant=pregnant)
    held = {decision.rule: decision for decision in decisions}
    fired = [found for rule in rule_set() if (found := _fire(rule, facts, held.get(rule.id))) is not None]
    fired.sort(key=lambda rule: -SEVERITY[rule.level])
    counting = tuple(rule for rule in fired if not _is_off(rule))
    return TriageFloor(
        level=highest(*(rule.level for rule in counting)),
        rules=counting,
        switched_off=tuple(rule for rule in fired if _is_off(rule)),
        news2=score,
        not_interpreted=measured.not_interpreted,
        rule_set_version=RULE_SET_VERSION,
    )


def _is_off(fired: FiredRule) -> bool:
    return fired.decision is not None and fired.decision.state == "switched_off"


def _fire(rule: Rule, facts: Facts, decision: RuleDecision | None) -> FiredRule | None:
    for level, expression in rule.levels:
        outcome = evaluate(expression, facts)
        if outcome.holds:
            return FiredRule(
                id=rule.id,
                name=rule.name,
                level=level,
                source=rule.source,
                signed_off=rule.signed_off,
                decision=standing(rule, decision),
                evidence=outcome.evidence[:MAX_EVIDENCE],
                conditions=rule.conditions,
            )
    return None


def standing(rule: Rule, decision: RuleDecision | None) -> RuleDecision | None:
    """The decision as it holds for the rule as it reads now: changed triggers and hard rules make it lapse."""
    if decision is None:
        return None
    lapsed = decision.version != rule.version or (rule.hard and decision.state == "switched_off")
    return decision.model_copy(update={"state": "lapsed"}) if lapsed else decision
