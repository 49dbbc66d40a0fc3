"""Whatever is done to a record, the import answers with an account and never raises."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.interop.rules.outcomes import outcome_of
from apps.interop.tests.records import (
    Json,
    allergy,
    bundle,
    coded,
    condition,
    encounter,
    imported,
    medicine,
    observation,
    order,
    patient,
    pressure,
    quantity,
)

SAMPLE = json.loads((Path(__file__).parent / "data/synthea_clemente.json").read_text("utf-8"))
WHOLE = bundle(
    patient(), encounter(type=[{"text": "Visit"}], diagnosis=[{"condition": {"reference": "Condition/c"}}]), pressure(120, 80),
    observation("8867-4", quantity(80, "/min")), observation("2823-3", quantity(4.1, "mmol/L"), category="laboratory"),
    observation("80288-4") | {"valueCodeableConcept": coded("http://snomed.info/sct", "248234008", "Alert")},
    condition("Asthma", id="c", onsetAge={"value": 5, "unit": "a"}), medicine("Metformin", dosage=[{"text": "daily"}]),
    order("Ramipril", dosageInstruction=[{"timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}}]),
    allergy("Egg", reaction=[{"manifestation": [{"text": "Rash"}]}]),
    {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/p1"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "UGFpbg=="}}],
    },
    {
        "resourceType": "DiagnosticReport", "status": "final", "subject": {"reference": "Patient/p1"}, "code": {"text": "X-ray"},
        "conclusion": "Clear", "contained": [observation("718-7", quantity(12, "g/dL"), category="laboratory", id="h")],
        "result": [{"reference": "#h"}],
    },
    {
        "resourceType": "FamilyMemberHistory", "status": "completed", "patient": {"reference": "Patient/p1"},
        "relationship": {"text": "Father"}, "condition": [{"code": {"text": "Gout"}}],
    },
    timestamp="2026-11-24T09:00:00Z",
)  # fmt: skip

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
    st.sampled_from([
        "", "#", "Patient/p1", "9999-12-31", "0001-01-01", "2026-11-24T25:00:00Z", "2026-02-30", "\x00", "\ud800", 10**400, -1,
        1e308, "entered-in-error", "http://loinc.org", "8480-6", "/min", "a" * 3000,
    ]),
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path]
    if isinstance(value, dict):
        for key, item in value.items():
            found += places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += places(item, (*path, index))
    return found


def changed(draw: st.DrawFn, record: Json) -> Any:
    data: Any = copy.deepcopy(record)
    for _ in range(draw(st.integers(1, 4))):
        where = draw(st.sampled_from(places(data)))
        kind = draw(st.sampled_from(["replace", "remove", "copy", "add"]))
        if not where:
            if kind == "replace":
                return draw(values)
            continue
        home = data
        for step in where[:-1]:
            home = home[step]
        if kind == "replace":
            home[where[-1]] = draw(values)
        elif kind == "remove":
            del home[where[-1]]
        elif kind == "copy":
            home[where[-1]] = copy.deepcopy(data)
        elif isinstance(home, dict):
            home[
                draw(st.sampled_from(["status", "code", "subject", "id", "value", "modifierExtension", "focus", "x"]))
            ] = draw(values)
        if not isinstance(data, (dict, list)):
            return data
    return data


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    return changed(draw, draw(st.sampled_from([WHOLE, SAMPLE])))


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(damaged())
def test_a_damaged_record_is_accounted_for(data: Any) -> None:
    found = imported(data)
    outcome = outcome_of(found)
    json.dumps(outcome)
    json.dumps(found.model_dump(mode="json"), ensure_ascii=False).encode()
    if found.refusal:
        assert outcome["issue"]
    if found.case is not None:
        assert found.case.presenting_complaint.strip() or found.case.history.strip()


@settings(max_examples=200, deadline=None)
@given(values)
def test_any_json_at_all_is_answered(data: Any) -> None:
    assert imported(data).refusal is not None


def test_a_record_nested_without_end_is_quarantined() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"extension": [deep]}
    found = imported(bundle(patient(), encounter(), condition("Asthma", **deep)))
    assert found.case is not None
    assert [item.code for item in found.problems] == ["too_deep"]
