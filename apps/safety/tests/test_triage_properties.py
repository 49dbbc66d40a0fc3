"""The floor is monotone: a further finding never lowers it, and what is unknown is never normal."""

from __future__ import annotations

import random
from typing import Any

import pytest

from apps.safety.rules.concepts import lexicon
from apps.safety.rules.expressions import Facts
from apps.safety.rules.news2 import PARAMETERS
from apps.safety.rules.triage import DERIVED, FRAMES, NUMBERS, _fire, rule_set
from apps.safety.services import triage_floor
from medassist.clinical.case import CaseInput
from medassist.clinical.parsing import parse_case
from medassist.clinical.triage import SEVERITY

CASES = 10_000
FINDINGS = (
    "Chest pain going into the left arm.", "Vomited blood.", "She is short of breath.", "He fainted.", "Slurred speech since noon.",
    "Severe headache.", "Neck stiffness.", "Temperature 39.4.", "BP 82/40.", "Sats 86% on air.", "GCS 9.", "K 7.1.", "Fever and rigors.",
    "Rash.", "A swollen left calf.", "Cough.", "Sore throat.", "Back pain.", "Cannot pass urine.", "Palpitations.", "Abdominal pain.",
    "Took 30 paracetamol.", "Wants to die.", "Wheeze.", "Black stools.", "Dizzy.", "Drowsy.", "A fit this morning.", "On warfarin.",
    "Diabetic.", "HR 138.", "RR 32.", "Heart rate 38.", "Lactate 5.2 mmol/L.", "Hb 64 g/L.", "Deep cut on the hand.", "Getting worse fast.",
    "Temperature 34.8.", "Chemotherapy last week.", "Head injury.", "Vaginal bleeding.", "Hives and lip swelling.", "Not feeding.",
)  # fmt: skip
VITALS: dict[str, tuple[float, ...]] = {
    "respiratory_rate": (7, 10, 16, 22, 30), "spo2": (84, 91, 93, 95, 98), "systolic_bp": (72, 95, 105, 130, 225),
    "heart_rate": (36, 45, 72, 105, 120, 150), "temperature_c": (34.5, 35.8, 37, 38.6, 39.8, 41.2), "gcs": (7, 13, 15),
}  # fmt: skip
LABS = (("Potassium", "mmol/L", (2.2, 2.9, 4.2, 6.2, 7.0)), ("Glucose", "mg/dL", (40, 62, 100, 420, 900)),
        ("Sodium", "mmol/L", (116, 124, 140, 158)), ("Haemoglobin", "g/dL", (6.1, 7.6, 13.2)))  # fmt: skip


def _random_case(draw: random.Random) -> dict[str, Any]:
    vitals: dict[str, Any] = {name: float(draw.choice(few)) for name, few in VITALS.items() if draw.random() < 0.2}
    if "gcs" in vitals:
        vitals["gcs"] = int(vitals["gcs"])
    if draw.random() < 0.3:
        vitals["spo2_scale"] = 2
    if draw.random() < 0.3:
        vitals["on_oxygen"] = draw.random() < 0.5
    patient: dict[str, Any] = {"sex": draw.choice(("female", "male", "unknown"))}
    if draw.random() < 0.8:
        patient["age"] = {"value": float(draw.choice((1, 4, 9, 17, 34, 52, 70, 88))), "unit": "years"}
    return {
        "patient": patient,
        "presenting_complaint": "Seen today. "
        + " ".join(draw.sample((*FINDINGS, *OTHERWISE, *OTHERWISE), draw.randint(0, 2))),
        "vitals": vitals,
        "labs": _labs(draw, draw.randint(0, 2)),
    }


def _labs(draw: random.Random, many: int) -> list[dict[str, Any]]:
    return [
        {"name": name, "unit": unit, "value": float(draw.choice(few))}
        for name, unit, few in (draw.choice(LABS) for _ in range(many))
    ]


OTHERWISE = (
    "No chest pain.", "Denies fever.", "Not short of breath.", "HR was 140 last year.", "Possible rash.", "No headache now.",
    "Mother had a stroke.", "Worried about meningitis.", "BP 118/74 at the pharmacy in May.", "Never fainted.", "Alert and oriented.",
    "On room air.", "On home oxygen.", "HR 76.", "BP 122/78.", "Sats 98% on air.", "GCS 15.", "Temp 36.9.", "RR 14.", "AVPU: A.",
    "K 4.1.", "Lactate 1.0 mmol/L.", "If the pain comes back she should return.", "Previously had palpitations, resolved.",
    "Denies vomiting blood.", "Usually 84% on air.", "On 2 L oxygen.", "BP 190/130.", "AVPU P.",
)  # fmt: skip
"""Denied, doubtful, past, a relative's, hypothetical, and values that are normal."""


def _with_more(draw: random.Random, case: dict[str, Any]) -> dict[str, Any]:
    """The case with one finding or value more: in the text, as a symptom, as a result, or as a vital sign not given yet."""
    kind = draw.choice(("history", "otherwise", "examination", "symptoms", "labs", "alertness", "vitals", "vitals"))
    if kind in {"history", "examination"}:
        return {**case, kind: draw.choice(FINDINGS)}
    if kind == "otherwise":
        return {**case, "history": draw.choice(OTHERWISE)}
    if kind == "vitals":
        absent = sorted({*VITALS, "diastolic_bp", "on_oxygen", "consciousness"} - case["vitals"].keys())
        name = draw.choice(absent)
        if name in {"on_oxygen", "consciousness"}:
            value: Any = draw.random() < 0.5 if name == "on_oxygen" else draw.choice("AACVPU")
        else:
            value = draw.choice((50.0, 60.0, 68.0) if name == "diastolic_bp" else VITALS[name])
        return {**case, "vitals": {**case["vitals"], name: int(value) if name == "gcs" else value}}
    if kind == "symptoms":
        return {**case, "symptoms": [{"name": draw.choice(("chest pain", "fever", "confusion", "collapse", "rash"))}]}
    if kind == "labs":
        return {**case, "labs": [*case["labs"], *_labs(draw, 1)]}
    return {**case, "vitals": {**case["vitals"], "consciousness": draw.choice("CVPU")}}


def test_a_further_finding_never_lowers_the_level() -> None:
    draw = random.Random(20261123)
    fallen = []
    for _ in range(CASES // 5):
        before = _random_case(draw)
        after = _with_more(draw, before)
        if SEVERITY[_level(after)] < SEVERITY[_level(before)]:
            fallen.append((before, after))
    assert not fallen


def _level(case: dict[str, Any]) -> str:
    return triage_floor(parse_case(case)).level


def test_a_graver_value_in_the_text_counts_beside_a_structured_one_and_is_shown() -> None:
    floor = triage_floor(case_with(history="HR 138 in the ambulance.", vitals={"heart_rate": 120.0}))
    alone = triage_floor(case_with(vitals={"heart_rate": 120.0}))
    assert SEVERITY[floor.level] > SEVERITY[alone.level]
    assert any("hr 138" in words for rule in floor.rules for words in rule.evidence)
    assert floor.news2.parameters == {"heart_rate": 2}, "the chart shows the measured value"
    milder = triage_floor(case_with(history="HR 76.", vitals={"heart_rate": 150.0}))
    assert milder.level == triage_floor(case_with(vitals={"heart_rate": 150.0})).level
    assert any("heart rate 150" in words for rule in milder.rules for words in rule.evidence)


def test_an_alert_patient_with_a_low_coma_score_is_not_alert() -> None:
    low = triage_floor(case_with(history="GCS 9.", vitals={"consciousness": "A"}))
    assert low.level == triage_floor(case_with(history="GCS 9.")).level == "emergency_now"


def test_no_rule_is_silenced_by_a_further_fact() -> None:
    """The rules themselves, on random facts: what holds goes on holding when a finding or a value is added."""
    draw = random.Random(7)
    findings = sorted(({concept.name for concept in lexicon()} | DERIVED) - FRAMES)
    numbers = sorted(NUMBERS)
    for _ in range(CASES):
        said: dict[str, tuple[str, ...]] = dict.fromkeys(draw.sample(findings, draw.randint(0, 12)), ("said",))
        said |= {name: () for name in FRAMES if draw.random() < 0.2}
        measured = {name: (draw.uniform(0, 200),) for name in draw.sample(numbers, draw.randint(0, 8))}
        more = {**said, draw.choice(findings): ("more",)}
        name = draw.choice(numbers)
        further = {**measured, name: (*measured.get(name, ()), draw.uniform(0, 200))}
        rule = draw.choice(rule_set())
        before = _fire(rule, Facts(concepts=said, numbers=measured, where={}), None)
        after = _fire(rule, Facts(concepts=more, numbers=further, where={}), None)
        if before is not None:
            assert after is not None
            assert SEVERITY[after.level] >= SEVERITY[before.level], rule.id


def test_what_is_removed_is_missing_and_never_normal() -> None:
    draw = random.Random(11)
    for _ in range(CASES // 10):
        case = _random_case(draw)
        case["patient"]["age"] = {"value": 50.0, "unit": "years"}
        case["presenting_complaint"] = "Seen today."
        floor = triage_floor(parse_case(case))
        known = set(floor.news2.parameters)
        assert known | set(floor.news2.missing) == set(PARAMETERS)
        for name in sorted(case["vitals"].keys() - {"spo2_scale"}):
            less = {key: value for key, value in case["vitals"].items() if key != name}
            fewer = triage_floor(parse_case({**case, "vitals": less}))
            assert set(fewer.news2.parameters) <= known
            gone = {"gcs": "consciousness", "on_oxygen": "oxygen"}.get(name, name)
            assert gone in fewer.news2.missing
            assert SEVERITY[fewer.level] <= SEVERITY[floor.level]


def case_with(**fields: Any) -> CaseInput:
    return parse_case({"presenting_complaint": "Seen today.", **fields})


@pytest.mark.parametrize(
    ("lab", "reason"),
    [
        ({"name": "Glucose", "value": 25.0}, "the unit is not given"),
        ({"name": "Potassium", "value": 7.1, "unit": "mg/dL"}, "this unit is not known"),
        ({"name": "Haemoglobin", "value": 64.0, "unit": "stone"}, "this unit is not known"),
        ({"name": "Potassium", "value": 71.0, "unit": "mmol/L"}, "outside what is possible"),
        ({"name": "Peak flow", "value": 250.0, "unit": "L/min"}, "this unit is not known"),
    ],
)
def test_a_value_whose_unit_cannot_be_told_is_listed_and_not_used(lab: dict[str, Any], reason: str) -> None:
    floor = triage_floor(case_with(labs=[lab]))
    assert len(floor.not_interpreted) == 1
    assert reason in floor.not_interpreted[0]
    assert lab["name"] in floor.not_interpreted[0]
    assert floor.level == ("same_day" if lab["name"] == "Glucose" else "routine")


@pytest.mark.parametrize(
    ("name", "value", "unit", "level"),
    [
        ("Glucose", 36.0, "mg/dL", "emergency_now"),
        ("Glucose", 2.0, "mmol/L", "emergency_now"),
        ("Glucose", 90.0, "mg/dL", "routine"),
        ("Glucose", 550.0, "mg/dL", "emergency_now"),
        ("Creatinine", 5.0, "mg/dL", "emergency_now"),
        ("Creatinine", 80.0, "µmol/L", "routine"),
        ("Calcium", 14.5, "mg/dL", "emergency_now"),
        ("Hb", 6.2, "g/dL", "emergency_now"),
        ("Hb", 62.0, "g/L", "emergency_now"),
        ("K", 7.1, "mEq/L", "emergency_now"),
        ("Lactate", 45.0, "mg/dL", "emergency_now"),
        ("Platelets", 8000.0, "/µL", "emergency_now"),
        ("Platelets", 8.0, "×10⁹/L", "emergency_now"),
        ("Platelets", 250.0, "10*9/L", "routine"),
    ],
)
def test_one_value_in_two_units_gives_one_level(name: str, value: float, unit: str, level: str) -> None:
    assert triage_floor(case_with(labs=[{"name": name, "value": value, "unit": unit}])).level == level


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("BP 82/40", "emergency_now"),
        ("sats 86% on air", "emergency_now"),
        ("K 7.1", "emergency_now"),
        ("GCS 9", "emergency_now"),
        ("temp 41.3", "emergency_now"),
        ("3 week old, temp 38.4", "emergency_now"),
        ("34-year-old, temp 38.4", "routine"),
        ("Her 3-week-old grandson was here. 60 yo, BP 128/80", "routine"),
        ("breathing at 36 a minute", "emergency_now"),
        ("systolic in the 70s", "emergency_now"),
        ("Last year K 7.1", "routine"),
    ],
)
def test_numbers_and_ages_written_in_the_text_count(text: str, level: str) -> None:
    assert triage_floor(parse_case({"presenting_complaint": text})).level == level
