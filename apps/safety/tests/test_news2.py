"""NEWS2 against the printed chart, value by value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.safety.rules.news2 import PARAMETERS, news2
from medassist.clinical.case import Vitals

# The chart, row by row, as (highest value of the band, points); written down apart from the code.
CHART: dict[str, list[tuple[float, int]]] = {
    "respiratory_rate": [(8, 3), (11, 1), (20, 0), (24, 2), (99, 3)],
    "systolic_bp": [(90, 3), (100, 2), (110, 1), (219, 0), (300, 3)],
    "heart_rate": [(40, 3), (50, 1), (90, 0), (110, 1), (130, 2), (300, 3)],
    "temperature_c": [(35.0, 3), (36.0, 1), (38.0, 0), (39.0, 1), (45.0, 2)],
}
SCALE_1: list[tuple[float, int]] = [(91, 3), (93, 2), (95, 1), (100, 0)]
SCALE_2_ON_OXYGEN: list[tuple[float, int]] = [(83, 3), (85, 2), (87, 1), (92, 0), (94, 1), (96, 2), (100, 3)]
SCALE_2_ON_AIR: list[tuple[float, int]] = [(83, 3), (85, 2), (87, 1), (100, 0)]


def points(bands: list[tuple[float, int]], value: float) -> int:
    return next(score for upper, score in bands if value <= upper)


def scored(**values: object) -> dict[str, int]:
    return news2(Vitals.model_validate(values), age_years=50, pregnant=False).parameters


@pytest.mark.parametrize("name", ["respiratory_rate", "systolic_bp", "heart_rate"])
def test_every_whole_number_scores_as_on_the_chart(name: str) -> None:
    top = {"respiratory_rate": 60, "systolic_bp": 300, "heart_rate": 250}[name]
    bottom = 20 if name == "systolic_bp" else 0
    for value in range(bottom, top):
        assert scored(**{name: float(value)})[name] == points(CHART[name], value), (name, value)


def test_every_tenth_of_a_degree_scores_as_on_the_chart() -> None:
    for tenths in range(300, 430):
        value = tenths / 10
        assert scored(temperature_c=value)["temperature_c"] == points(CHART["temperature_c"], value), value


@pytest.mark.parametrize(
    ("scale", "oxygen", "bands"),
    [(1, False, SCALE_1), (1, True, SCALE_1), (2, True, SCALE_2_ON_OXYGEN), (2, False, SCALE_2_ON_AIR)],
)
def test_every_saturation_scores_as_on_the_chart(scale: int, oxygen: bool, bands: list[tuple[float, int]]) -> None:
    for value in range(60, 101):
        result = scored(spo2=float(value), spo2_scale=scale, on_oxygen=oxygen)
        assert result["spo2"] == points(bands, value), value
        assert result["oxygen"] == (2 if oxygen else 0)


@pytest.mark.parametrize(("letter", "expected"), [("A", 0), ("C", 3), ("V", 3), ("P", 3), ("U", 3)])
def test_only_alert_scores_nothing(letter: str, expected: int) -> None:
    assert scored(consciousness=letter)["consciousness"] == expected


def test_a_coma_score_stands_in_for_the_letter_but_never_overrules_it() -> None:
    assert scored(gcs=14)["consciousness"] == 3
    assert scored(gcs=15)["consciousness"] == 0
    assert scored(gcs=15, consciousness="C")["consciousness"] == 3


def test_what_was_not_measured_is_listed_and_not_counted() -> None:
    result = news2(Vitals(heart_rate=120.0), age_years=50, pregnant=False)
    assert result.total == 2
    assert set(result.missing) == set(PARAMETERS) - {"heart_rate"}
    assert news2(Vitals(), age_years=50, pregnant=False).total is None


def test_a_worked_example_adds_up() -> None:
    vitals = Vitals(
        respiratory_rate=22.0,
        spo2=94.0,
        on_oxygen=True,
        systolic_bp=104.0,
        heart_rate=112.0,
        consciousness="A",
        temperature_c=38.4,
    )
    result = news2(vitals, age_years=58, pregnant=False)
    assert result.total == 2 + 1 + 2 + 1 + 2 + 0 + 1
    assert result.missing == ()


@pytest.mark.parametrize(("age", "pregnant"), [(15.9, False), (30, True), (0.1, False)])
def test_it_is_not_given_where_it_does_not_apply(age: float, pregnant: bool) -> None:
    result = news2(Vitals(heart_rate=150.0), age_years=age, pregnant=pregnant)
    assert (result.applicable, result.total, result.parameters) == (False, None, {})
    assert result.reason


@given(st.floats(0, 120), st.floats(20, 100), st.floats(20, 320), st.floats(0, 350), st.floats(20, 46))
def test_the_total_is_the_sum_of_its_parameters(
    rr: float, spo2: float, sbp: float, hr: float, temperature: float
) -> None:
    vitals = Vitals(respiratory_rate=rr, spo2=spo2, systolic_bp=sbp, heart_rate=hr, temperature_c=temperature)
    result = news2(vitals, age_years=40, pregnant=False)
    assert result.total == sum(result.parameters.values())
    assert all(0 <= value <= 3 for value in result.parameters.values())
