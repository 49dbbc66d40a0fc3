"""The triage floor: the least urgent level that the rules allow. No model is asked, none can lower it.

Rules live in `data/redflag_rules.jsonl`, one reviewable line each: name, levels with their trigger, source and
whether a clinician has signed the threshold off. The most urgent level that holds counts. Thresholds come from
public guidance; none is signed off, and the product says so wherever a rule is shown.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import cast

from apps.safety.rules import concepts
from apps.safety.rules.expressions import Facts, RuleError, compile_rule, evaluate
from apps.safety.rules.news2 import news2
from apps.safety.rules.readings import Readings, readings
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import SEVERITY, FiredRule, News2, TriageFloor, TriageLevel, highest

RULE_SET_VERSION = "2026.11"
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
    "late_pregnancy", "term", "male_or_unknown", "troponin_high", "non_mobile_infant",
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
                    _yes_or_no(data["signed_off"]),
                    tuple(data["conditions"]),
                )
            )
        except (RuleError, KeyError, TypeError, ValueError) as error:
            raise RuleError(f"redflag_rules.jsonl line {number}: {error}") from None
    if len({rule.id for rule in rules}) != len(rules):
        raise RuleError("redflag_rules.jsonl: two rules share an id")
    return tuple(rules)


def _yes_or_no(value: object) -> bool:
    # A sign-off is a statement by a person: nothing but JSON's own true counts as one.
    if not isinstance(value, bool):
        raise RuleError("signed_off must be true or false")
    return value


def triage_floor(case: CaseInput) -> TriageFloor:
    """The floor of one case: pure, deterministic, a few milliseconds."""
    measured = readings(case)
    said = concepts.asserted(case)
    pregnant = case.patient.pregnancy == "pregnant" or (case.patient.pregnancy == "unknown" and "pregnant" in said)
    age = case.patient.age.years if case.patient.age else None
    score = news2(measured.vitals, age_years=age, pregnant=pregnant)
    facts = _facts(case, measured, said, score, pregnant=pregnant)
    fired = tuple(found for rule in rule_set() if (found := _fire(rule, facts)) is not None)
    fired = tuple(sorted(fired, key=lambda rule: -SEVERITY[rule.level]))
    return TriageFloor(
        level=highest(*(rule.level for rule in fired)), rules=fired, news2=score, rule_set_version=RULE_SET_VERSION
    )


def _fire(rule: Rule, facts: Facts) -> FiredRule | None:
    for level, expression in rule.levels:
        outcome = evaluate(expression, facts)
        if outcome.holds:
            return FiredRule(
                id=rule.id,
                name=rule.name,
                level=level,
                source=rule.source,
                signed_off=rule.signed_off,
                evidence=outcome.evidence[:MAX_EVIDENCE],
                conditions=rule.conditions,
            )
    return None


def _facts(
    case: CaseInput, measured: Readings, said: Mapping[str, tuple[str, ...]], score: News2, *, pregnant: bool
) -> Facts:
    numbers = dict(measured.values)
    where = dict(measured.where)
    for lab in ("lithium", "digoxin"):
        if lab in numbers:
            numbers[f"{lab}_level"] = numbers.pop(lab)
            where[f"{lab}_level"] = where[lab]
    age = case.patient.age
    if age is not None:
        numbers |= {"age_years": age.years, "age_months": age.years * 12, "age_days": age.years * 365.25}
        where["age_years"] = where["age_months"] = where["age_days"] = f"age {age}"
    if score.total is not None:
        numbers |= {"news2": float(score.total), "news2_max": float(max(score.parameters.values()))}
        where["news2"] = f"NEWS2 {score.total}"
        where["news2_max"] = ", ".join(f"{name} scores 3" for name, points in score.parameters.items() if points == 3)
    if numbers.get("systolic_bp") and "heart_rate" in numbers:
        numbers["shock_index"] = numbers["heart_rate"] / numbers["systolic_bp"]
        where["shock_index"] = f"heart rate / systolic {numbers['shock_index']:.2f}"
    derived = _derived(case, measured, said, numbers, pregnant=pregnant)
    return Facts(concepts={**said, **derived}, numbers=numbers, where=where)


def _derived(
    case: CaseInput,
    measured: Readings,
    said: Mapping[str, tuple[str, ...]],
    numbers: Mapping[str, float],
    *,
    pregnant: bool,
) -> dict[str, tuple[str, ...]]:
    """Facts that follow from several fields at once; each with its evidence, empty where it is only a frame."""
    years = numbers.get("age_years")
    vitals, patient = measured.vitals, case.patient
    child = years is not None and years < 16
    could_be = patient.pregnancy != "not_pregnant" and patient.sex != "male" and (years is None or 10 <= years <= 56)
    maybe_pregnant = pregnant or (could_be and "maybe_pregnant" in said)
    weeks = patient.gestation_weeks if patient.gestation_weeks is not None else _gestation_from_words(case)
    held: dict[str, tuple[str, ...] | None] = {
        "adult": None if child else (),
        "child": (where_age(case),) if child else None,
        "not_alert": _not_alert(measured),
        "low_systolic": _low_systolic(numbers, measured.where, years),
        "scale_2": () if vitals.spo2_scale == 2 else None,
        "pregnant_now": said.get("pregnant", ("pregnancy",)) if pregnant else None,
        "postpartum_now": said.get("postpartum", ("postpartum",))
        if patient.pregnancy == "postpartum" or "postpartum" in said
        else None,
        "maybe_pregnant_now": said.get("maybe_pregnant", ("pregnancy",)) if maybe_pregnant else None,
        "late_pregnancy": (f"{weeks:g} weeks pregnant",) if pregnant and weeks is not None and weeks >= 20 else None,
        "term": () if weeks is not None and weeks >= 37 else None,
        "male_or_unknown": () if patient.sex != "female" else None,
        "troponin_high": (measured.where["troponin"],) if "troponin_high" in numbers else None,
        "non_mobile_infant": (where_age(case),) if years is not None and years < 0.5 else None,
        **_for_age(numbers, measured.where, years),
    }
    return {name: evidence for name, evidence in held.items() if evidence is not None}


def where_age(case: CaseInput) -> str:
    return f"age {case.patient.age}"


def _not_alert(measured: Readings) -> tuple[str, ...] | None:
    vitals = measured.vitals
    if vitals.consciousness not in {None, "A"}:
        return (measured.where.get("consciousness", f"consciousness {vitals.consciousness}"),)
    if vitals.gcs is not None and vitals.gcs < 15:
        return (f"Glasgow coma score {vitals.gcs}",)
    return None


def _low_systolic(
    numbers: Mapping[str, float], where: Mapping[str, str], years: float | None
) -> tuple[str, ...] | None:
    # Children: 70 + 2 x age mmHg (Pediatric Advanced Life Support); from ten years on 90.
    limit = 90.0 if years is None or years >= 10 else (60.0 if years < 1 / 12 else 70 + 2 * years)
    value = numbers.get("systolic_bp")
    return (where["systolic_bp"],) if value is not None and value < limit else None


# Upper limits by age in years: (under, high, very high). High: NICE NG143 and its adult continuation;
# very high: about the 99th centile of Fleming et al., Lancet 2011;377:1011-18.
_PULSE = ((1.0, 160, 181), (2.0, 150, 168), (5.0, 140, 158), (8.0, 130, 143), (12.0, 120, 133), (16.0, 115, 128))
_BREATHS = ((1.0, 50, 62), (2.0, 40, 53), (5.0, 40, 45), (8.0, 30, 34), (12.0, 28, 31), (16.0, 25, 29))


def pulse_limit(years: float) -> float | None:
    """The highest usual pulse per minute of a child; None from 16 years on."""
    return next((float(high) for under, high, _ in _PULSE if years < under), None)


def breathing_limit(years: float) -> float | None:
    """The highest usual breathing rate per minute of a child; None from 16 years on."""
    return next((float(high) for under, high, _ in _BREATHS if years < under), None)


def _for_age(
    numbers: Mapping[str, float], where: Mapping[str, str], years: float | None
) -> dict[str, tuple[str, ...] | None]:
    found: dict[str, tuple[str, ...] | None] = {}
    for name, key, table in (("heart", "heart_rate", _PULSE), ("breathing", "respiratory_rate", _BREATHS)):
        value = numbers.get(key)
        limits = next(((high, very) for under, high, very in table if years is not None and years < under), None)
        if value is None or limits is None:
            continue
        found[f"fast_{name}_for_age"] = (where[key],) if value > limits[0] else None
        found[f"very_fast_{name}_for_age"] = (where[key],) if value > limits[1] else None
    return found


def _gestation_from_words(case: CaseInput) -> float | None:
    return concepts.gestation_weeks(f"{case.presenting_complaint}\n{case.history}")
