"""The structured form: what is typed becomes a `CaseInput`, and every mistake is shown at its own field."""

from __future__ import annotations

from typing import Any

import pytest

from apps.cases.forms import CaseEntry, CaseJsonForm, bounds, initial_of
from apps.cases.tests import samples
from medassist.clinical.case import Vitals
from medassist.common.errors import InvalidInput

BLANK = {
    "age_unit": "years", "sex": "unknown", "pregnancy": "unknown", "spo2_scale": "1", "locale": "en-GB",
    "symptoms-TOTAL_FORMS": "2", "symptoms-INITIAL_FORMS": "0",
    "symptoms-0-present": "yes", "symptoms-1-present": "yes",
    "labs-TOTAL_FORMS": "2", "labs-INITIAL_FORMS": "0",
}  # fmt: skip


def entry(**typed: Any) -> CaseEntry:
    return CaseEntry({**BLANK, "presenting_complaint": "cough", **typed}, locales=("en-GB", "es"))


def problems(of: CaseEntry) -> dict[str, str]:
    assert not of.is_valid()
    return {field: message for field, _label, message in of.problems()}


def test_one_complaint_is_enough() -> None:
    made = entry()
    assert made.is_valid(), made.problems()
    assert made.case is not None
    assert made.case.presenting_complaint == "cough"
    assert made.case.symptoms == ()
    assert made.case.vitals == Vitals()


def test_everything_that_is_typed_reaches_the_case() -> None:
    made = entry(**{
        "age_value": "3,5", "age_unit": "months", "sex": "female", "reference": "A-1", "heart_rate": "148",
        "temperature_c": "38,9", "gcs": "15", "on_oxygen": "no", "consciousness": "A", "taken_at": "2026-11-02T08:30",
        "medications": "paracetamol\n\n  vitamin D ", "allergies": "penicillin", "question": "Sepsis?", "locale": "es",
        "symptoms-1-name": "vomiting", "symptoms-1-present": "no", "symptoms-1-onset": "today",
        "labs-0-name": "CRP", "labs-0-value": "64,2", "labs-0-unit": "mg/L", "labs-0-reference_high": "5",
        "labs-1-name": "Culture", "labs-1-value": "pending",
    })  # fmt: skip
    assert made.is_valid(), made.problems()
    case = made.case
    assert case is not None
    assert str(case.patient.age) == "3.5 months"
    assert (case.vitals.heart_rate, case.vitals.temperature_c, case.vitals.gcs) == (148, 38.9, 15)
    assert case.vitals.on_oxygen is False
    assert case.vitals.taken_at is not None
    assert case.medications == ("paracetamol", "vitamin D")
    assert [(item.name, item.present, item.onset) for item in case.symptoms] == [("vomiting", False, "today")]
    assert [(lab.name, lab.value) for lab in case.labs] == [("CRP", 64.2), ("Culture", "pending")]
    assert case.labs[0].reference_high == 5
    assert case.locale == "es"
    assert case.audience == "clinician"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("heart_rate", "800"),
        ("heart_rate", "fast"),
        ("temperature_c", "nan"),
        ("spo2", "inf"),
        ("gcs", "14.5"),
        ("age_value", "130"),
        ("age_value", "-1"),
        ("gestation_weeks", "60"),
        ("consciousness", "X"),
        ("locale", "tlh"),
        ("taken_at", "yesterday"),
        ("labs-0-reference_low", "low"),
        ("presenting_complaint", "a\x00b"),
    ],
)
def test_a_mistake_is_shown_at_its_own_field(field: str, typed: str) -> None:
    more = {"labs-0-name": "CRP", "labs-0-value": "4"} if field.startswith("labs") else {}
    assert f"id_{field}" in problems(entry(**{field: typed, **more}))


def test_a_case_that_says_nothing_points_at_the_complaint() -> None:
    assert "complaint or a history" in problems(entry(presenting_complaint=" "))["id_presenting_complaint"]


def test_pressures_that_disagree_point_at_the_diastolic_one() -> None:
    assert "id_diastolic_bp" in problems(entry(systolic_bp="90", diastolic_bp="120"))


def test_a_row_without_a_name_is_shown_in_that_row() -> None:
    found = problems(entry(**{"labs-1-value": "5", "symptoms-0-onset": "today"}))
    assert set(found) == {"id_labs-1-name", "id_symptoms-0-name"}


def test_the_range_shown_is_the_range_of_the_contract() -> None:
    assert bounds(Vitals, "heart_rate") == (0, 350)
    assert str(CaseEntry().form["heart_rate"].help_text) == "0 to 350"


def test_an_error_of_a_list_names_the_line_that_was_typed() -> None:
    made = entry(medications="aspirin\n\nsecond")
    assert made.is_valid()
    made.place(InvalidInput("no", fields={"medications.1": "is not right"}))
    assert [message for _id, _label, message in made.problems()] == ["Line 3: is not right"]


def test_an_error_of_the_service_lands_in_the_row_that_was_typed() -> None:
    made = entry(**{"labs-1-name": "CRP", "labs-1-value": "5"})
    assert made.is_valid()
    made.place(InvalidInput("no", fields={"labs.0.unit": "unknown unit", "patient.sex": "odd", "elsewhere": "wrong"}))
    assert {(field, message) for field, _label, message in made.problems()} == {
        ("id_labs-1-unit", "unknown unit"), ("id_sex", "odd"), ("", "elsewhere: wrong"),
    }  # fmt: skip


def test_a_stored_case_survives_the_way_through_the_form() -> None:
    start = initial_of(samples.case())
    first = CaseEntry(initial=start)
    typed: dict[str, Any] = {}
    for form in first.bound_forms:
        for name in form.fields:
            typed[form.add_prefix(name)] = "" if form[name].value() is None else str(form[name].value())
    for rows in (first.symptoms, first.labs):
        typed[f"{rows.prefix}-TOTAL_FORMS"] = str(rows.total_form_count())
        typed[f"{rows.prefix}-INITIAL_FORMS"] = str(rows.initial_form_count())
    second = CaseEntry(typed)
    assert second.is_valid(), second.problems()
    assert second.case == samples.case()


def test_json_errors_name_the_field_and_never_repeat_what_was_written() -> None:
    form = CaseJsonForm({"case_json": '{"history": "x", "vitals": {"heart_rate": 800}, "secret_key": "Jane Roe"}'})
    assert not form.is_valid()
    text = str(form.problems())
    assert "vitals.heart_rate" in text
    assert "secret_key: unknown field" in text
    assert "Jane Roe" not in text


def test_text_that_is_not_json_is_refused() -> None:
    form = CaseJsonForm({"case_json": "{history: 1"})
    assert not form.is_valid()
    assert "not valid JSON" in str(form.problems())
