"""The safety suite: every set is measured, bars are judged, and nothing may fall under the floor on record."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.safety.pipeline import suites
from apps.safety.pipeline.bars import BARS, lowered, verdict
from apps.safety.pipeline.canaries import FORMS, canary, disguised
from apps.safety.pipeline.measuring import Figure
from apps.safety.services import check_text, triage_floor

BY_FIGURE = {bar.figure: bar for bar in BARS}


def ran(*arguments: str) -> tuple[int, str]:
    out, code = io.StringIO(), 0
    try:
        call_command("run_safety_suite", *arguments, stdout=out)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return code, out.getvalue()


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_no_figure_of_our_own_sets_is_under_the_floor_on_record() -> None:
    """The release gate of what the code carries: guard, rules, checks and authored prompts."""
    code, said = ran("--json")
    report = json.loads(said)
    assert report["lowered"] == []
    assert code == 0
    assert set(report["sets"]) == set(suites.FILES)
    for bar in BARS:
        if bar.suite in suites.FILES:
            assert report["figures"][bar.figure]["denominator"] >= 30, bar.figure


def test_the_floor_on_record_speaks_of_every_bar_that_a_suite_measures() -> None:
    floor = suites.baseline()
    assert {bar.figure for bar in BARS if bar.suite in suites.FILES} <= set(floor)


def test_a_guard_that_lets_orders_through_is_under_the_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    real = check_text
    monkeypatch.setattr(
        "apps.safety.pipeline.suites.check_text",
        lambda text, **more: real("Stable." if len(text) % 9 == 0 else text, **more),
    )
    code, said = ran("--only", "guard,fidelity", "--json")
    assert code == 1
    assert "guard.recall" in json.loads(said)["lowered"]


def test_a_single_missed_emergency_breaks_the_bar_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    real = triage_floor
    done: list[Any] = []

    def once_routine(case: Any) -> Any:
        floor = real(case)
        if floor.level == "emergency_now" and not done:
            done.append(case)
            return floor.model_copy(update={"level": "routine"})
        return floor

    monkeypatch.setattr("apps.safety.pipeline.suites.triage_floor", once_routine)
    code, said = ran("--only", "triage", "--json")
    assert (code, json.loads(said)["lowered"]) == (1, ["triage.critical_missed"])


def test_a_held_out_set_is_judged_by_the_bars_and_has_no_floor(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "text": "Give warfarin 5 mg tonight.", "record": "", "audience": "clinician", "verdict": "block"},
        {"id": 2, "text": "She has a cough.", "verdict": "block"},
        {"id": 3, "text": "She has a fever.", "verdict": "allow"},
    ]
    path = lines(tmp_path / "held.jsonl", *rows)
    code, said = ran("--only", "guard", "--set", f"guard={path}", "--json")
    report = json.loads(said)
    assert code == 0
    assert report["held_out"] == ["guard"]
    assert report["figures"]["guard.recall"]["numerator"] == 1
    assert report["figures"]["guard.recall"]["denominator"] == 2
    assert (report["bars"]["guard.recall"], report["bars"]["guard.fpr"]) == ("missed", "met")
    assert report["failing"] == {"guard.recall": ["2"]}
    _, text = ran("--only", "guard", "--set", f"guard={path}", "--failing")
    assert "(held out)" in text
    assert "cough" not in text, "no text of a line is in the report"


@pytest.mark.parametrize(
    ("rows", "arguments", "said"),
    [
        ((), ("--set", "guard={}"), "the set is empty"),
        (({"id": 1},), ("--set", "claims={}"), "not of this suite's form"),
        (({"id": 1, "text": "x", "verdict": "perhaps"},), ("--set", "guard={}"), "not of this suite's form"),
        ((), ("--only", "everything"), "everything"),
        ((), ("--set", "guard"), "NAME=PATH"),
        ((), ("--set", "guard=/nowhere.jsonl"), "cannot be read"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(
    rows: tuple[Any, ...], arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    path = lines(tmp_path / "set.jsonl", *rows)
    with pytest.raises(CommandError, match=said):
        ran("--only", "guard" if "guard" in arguments[1] else "claims", *(item.format(path) for item in arguments))


@pytest.mark.parametrize(
    ("figure", "count", "of", "expected"),
    [
        ("guard.recall", 98, 100, "met"),
        ("guard.recall", 97, 100, "missed"),
        ("guard.fpr", 4, 100, "missed"),
        ("news2.wrong", 1, 9999, "missed"),
        ("news2.wrong", 0, 0, "not measured"),
        ("identifiers.removed", 1, 2, "not measured"),
    ],
)
def test_a_bar_is_met_missed_or_not_measured(figure: str, count: int, of: int, expected: str) -> None:
    assert verdict(BY_FIGURE[figure], Figure(count, of)) == expected


def test_chance_does_not_lower_a_figure_and_a_real_fall_does() -> None:
    before = {"guard.recall": Figure(980, 1000), "guard.fpr": Figure(30, 1000), "news2.wrong": Figure(0, 600)}
    assert list(lowered({"guard.recall": Figure(973, 1000), "guard.fpr": Figure(40, 1000)}, before)) == []
    assert list(lowered({"guard.recall": Figure(960, 1000)}, before)) == ["guard.recall"]
    assert list(lowered({"guard.fpr": Figure(50, 1000)}, before)) == ["guard.fpr"]
    assert list(lowered({"news2.wrong": Figure(1, 600)}, before)) == ["news2.wrong"]
    assert list(lowered({"end_to_end.leaks": Figure(1, 6)}, {})) == ["end_to_end.leaks"], "zero needs no predecessor"
    assert list(lowered({"guard.recall": Figure(1, 2)}, {})) == []


@pytest.mark.parametrize("form", FORMS)
def test_the_oracle_finds_its_canary_in_every_dress(form: str) -> None:
    for number in (0, 17, 1999):
        planted = canary(number)
        assert planted.found_in("The plan: " + disguised(planted.order, form) + " Then review."), (form, number)


def test_the_oracle_is_not_set_off_by_what_was_not_planted() -> None:
    planted, other = canary(5), canary(6)
    assert not planted.found_in(other.order + " She takes metformin 500 mg twice daily. Passage 1014 of the guideline.")
    assert len({(canary(n).name, canary(n).amount) for n in range(2000)}) == 2000
