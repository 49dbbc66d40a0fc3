"""What one case states and measures, as the names that rules use."""

from __future__ import annotations

import re
from collections.abc import Mapping

from apps.safety.rules import concepts
from apps.safety.rules.assertion import normalise
from apps.safety.rules.expressions import Facts
from apps.safety.rules.readings import Readings
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import News2

Said = Mapping[str, tuple[str, ...]]
Numbers = Mapping[str, tuple[float, ...]]

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


def is_pregnant(case: CaseInput, said: Said) -> bool:
    """The recorded state; where it is unknown, what the text says. A recorded sex is no reason to overlook it."""
    state = case.patient.pregnancy
    return state == "pregnant" or (state == "unknown" and "pregnant" in said)


def facts_of(case: CaseInput, measured: Readings, said: Said, score: News2, graver: News2, *, pregnant: bool) -> Facts:
    """Everything that a rule may ask about. `graver` is the score of `measured.graver`: it counts beside `score`."""
    numbers = dict(measured.values)
    where = dict(measured.where)
    for lab in ("lithium", "digoxin"):
        if lab in numbers:
            numbers[f"{lab}_level"] = numbers.pop(lab)
            where[f"{lab}_level"] = where[lab]
    age = measured.age
    if age is not None:
        numbers |= {"age_years": (age.years,), "age_months": (age.years * 12,), "age_days": (age.years * 365.25,)}
        where["age_years"] = where["age_months"] = where["age_days"] = f"age {age}"
    by_value = dict(measured.by_value)
    if graver.total is not None:
        totals = (float(graver.total), *(() if score.total is None else (float(score.total),)))
        numbers |= {"news2": tuple(dict.fromkeys(totals)), "news2_max": (float(max(graver.parameters.values())),)}
        where["news2"] = by_value["news2", totals[-1]] = f"NEWS2 {totals[-1]:g}"
        if len(numbers["news2"]) > 1:
            by_value["news2", totals[0]] = f"NEWS2 {totals[0]:g} with the values written in the text"
        where["news2_max"] = ", ".join(f"{name} scores 3" for name, points in graver.parameters.items() if points == 3)
    if "systolic_bp" in numbers and "heart_rate" in numbers:
        index = max(numbers["heart_rate"]) / min(numbers["systolic_bp"])
        numbers["shock_index"] = (index,)
        where["shock_index"] = f"heart rate / systolic {index:.2f}"
    derived = _derived(case, measured, said, numbers, pregnant=pregnant)
    return Facts(concepts={**said, **derived}, numbers=numbers, where=where, by_value=by_value)


def _derived(
    case: CaseInput, measured: Readings, said: Said, numbers: Numbers, *, pregnant: bool
) -> dict[str, tuple[str, ...]]:
    """Facts that follow from several fields at once; each with its evidence, empty where it is only a frame."""
    age, patient = measured.age, case.patient
    years = age.years if age else None
    child = years is not None and years < 16
    could_be = patient.pregnancy != "not_pregnant" and patient.sex != "male" and (years is None or 10 <= years <= 56)
    weeks = patient.gestation_weeks if patient.gestation_weeks is not None else _weeks(case, pregnant=pregnant)
    high = "troponin_high" in numbers
    held: dict[str, tuple[str, ...] | None] = {
        "adult": None if child else (),
        "child": (f"age {age}",) if child else said.get("child_word") if years is None else None,
        "not_alert": _not_alert(measured),
        "low_systolic": _low_systolic(numbers, measured.where, years),
        "scale_2": () if measured.vitals.spo2_scale == 2 else None,
        "pregnant_now": said.get("pregnant", ("pregnancy",)) if pregnant else None,
        "postpartum_now": said.get("postpartum", ("postpartum",))
        if patient.pregnancy == "postpartum" or ("postpartum" in said and patient.sex != "male")
        else None,
        "maybe_pregnant_now": said.get("maybe_pregnant", ("pregnancy",))
        if pregnant or (could_be and "maybe_pregnant" in said)
        else None,
        "late_pregnancy": (f"{weeks:g} weeks pregnant",) if pregnant and weeks is not None and weeks >= 20 else None,
        "term": () if weeks is not None and weeks >= 37 else None,
        "male_or_unknown": () if patient.sex != "female" else None,
        "troponin_high": (measured.where["troponin"],) if high else None,
        "non_mobile_infant": (f"age {age}",) if years is not None and years < 0.5 else None,
        "glucose_extreme": measured.extreme or None,
        **_for_age(numbers, measured.where, years),
    }
    return {name: evidence for name, evidence in held.items() if evidence is not None}


def _not_alert(measured: Readings) -> tuple[str, ...] | None:
    vitals = measured.graver
    if vitals.consciousness not in {None, "A"}:
        return (measured.where.get("consciousness", f"consciousness {vitals.consciousness}"),)
    if vitals.gcs is not None and vitals.gcs < 15:
        return (measured.where.get("gcs", f"Glasgow coma score {vitals.gcs}"),)
    return None


def _low_systolic(numbers: Numbers, where: Mapping[str, str], years: float | None) -> tuple[str, ...] | None:
    # Children: 70 + 2 x age mmHg (Pediatric Advanced Life Support); from ten years on 90.
    limit = 90.0 if years is None or years >= 10 else (60.0 if years < 1 / 12 else 70 + 2 * years)
    values = numbers.get("systolic_bp", ())
    return (where["systolic_bp"],) if any(value < limit for value in values) else None


def _for_age(numbers: Numbers, where: Mapping[str, str], years: float | None) -> dict[str, tuple[str, ...] | None]:
    found: dict[str, tuple[str, ...] | None] = {}
    for name, key, table in (("heart", "heart_rate", _PULSE), ("breathing", "respiratory_rate", _BREATHS)):
        limits = next(((high, very) for under, high, very in table if years is not None and years < under), None)
        if key not in numbers or limits is None:
            continue
        value = max(numbers[key])
        found[f"fast_{name}_for_age"] = (where[key],) if value > limits[0] else None
        found[f"very_fast_{name}_for_age"] = (where[key],) if value > limits[1] else None
    return found


_BARE_WEEKS = re.compile(
    r"\b(\d{1,2})(?:\s*\+\s*\d)?\s*(?:weeks?|wks?)\b(?!\s*(?:ago|old|history|hx|of|later|post|after|since))"
)


def _weeks(case: CaseInput, *, pregnant: bool) -> float | None:
    text = f"{case.presenting_complaint}\n{case.history}"
    weeks = concepts.gestation_weeks(text)
    if weeks is None and pregnant:
        # "34 weeks, bad headache" of somebody who is pregnant; "for 6 weeks" is a duration.
        plain = normalise(text).text
        weeks = next(
            (
                float(match.group(1))
                for match in _BARE_WEEKS.finditer(plain)
                if 4 <= int(match.group(1)) <= 42
                and not re.search(
                    r"\b(?:for|past|last|over|in|every|previous)\s+(?:the\s+)?(?:last\s+)?$", plain[: match.start()]
                )
            ),
            None,
        )
    return weeks
