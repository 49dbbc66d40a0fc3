"""The guard's second opinion: what it may do, what it may not, and that the shipped table is the one of the suites."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.safety.rules.guard import check, check_text, learnt
from apps.safety.rules.guard.abstract import skeleton

SUITES = Path(__file__).resolve().parents[1] / "suites"


def saying(monkeypatch: pytest.MonkeyPatch, probability: float) -> None:
    monkeypatch.setattr(learnt, "probability", lambda form, audience: probability)


def rows(verdict: str) -> list[dict[str, Any]]:
    lines = (SUITES / "guard_c.jsonl").read_text(encoding="utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["verdict"] == verdict]


def test_what_names_no_medicine_tells_of_orders_by_its_form_alone() -> None:
    assert learnt.probability("give N0 tonight", "clinician") > learnt.probability("N0 was given", "clinician")
    assert learnt.features("N0 was Q1", "clinician") == learnt.features("N7 was Q12", "clinician")
    assert learnt.features("N0 was", "clinician") < learnt.features("N0 was", "patient")


def test_it_releases_nothing_but_a_want_of_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = [row for row in rows("block") if row["audience"] == "clinician"]
    before = [check_text(row["text"], record=row["record"]) for row in refused]
    saying(monkeypatch, 0.0)
    for row, verdict in zip(refused, before, strict=True):
        if {found.reason for found in verdict.findings} - check._UNSPOKEN - {"reads_like_an_order"}:
            assert not check_text(row["text"], record=row["record"]).allowed, row["id"]


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ("Metformin 500 mg.", "clinician"),
        ("Start metformin.", "clinician"),
        ("Anticoagulation is a consideration.", "clinician"),
        ("Metformin.", "patient"),
        ("Take one more in the evening.", "patient"),
    ],
)
def test_amounts_orders_classes_and_patients_are_not_released(
    text: str, audience: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying(monkeypatch, 0.0)
    assert not check_text(text, audience=audience).allowed


def test_it_refuses_what_no_rule_objects_to(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "The chest is clear."
    assert check_text(text).allowed
    saying(monkeypatch, 1.0)
    (found,) = check_text(text).findings
    assert (found.rule, found.reason, text[found.start : found.end]) == ("B3", "reads_like_an_order", text)


def test_below_a_header_the_record_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    saying(monkeypatch, 1.0)
    text = "Current medications:\n- metformin 500 mg BD"
    found = check_text(text, record="Takes metformin 500 mg BD.").findings
    assert {text[one.start : one.end] for one in found} == {"Current medications:"}


def test_the_shipped_table_is_the_one_of_the_shipped_suites(tmp_path: Path) -> None:
    made = tmp_path / "table.txt"
    call_command("fit_guard", out=made)
    shipped = learnt.weights()
    lines = (line for line in made.read_text(encoding="utf-8").splitlines() if not line.startswith("# "))
    again = {feature: float(weight) for weight, _, feature in (line.partition("\t") for line in lines)}
    # Rounding may differ between machines in the last digit, and with it what is small enough to be left out.
    assert all(abs(shipped.get(name, 0) - again.get(name, 0)) < 0.02 for name in shipped | again), "run fit_guard"


def test_a_line_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"text": "Give it.", "audience": "clinician", "verdict": "maybe"}\n', encoding="utf-8")
    with pytest.raises(CommandError, match=r"bad.jsonl, line 1: 'maybe'"):
        call_command("fit_guard", set=[bad], out=tmp_path / "table.txt")
    bad.write_text('{"text": "Give it.", "audience": "clinician", "verdict": "block"}\n', encoding="utf-8")
    with pytest.raises(CommandError, match="both prescribing and harmless"):
        call_command("fit_guard", set=[bad], out=tmp_path / "table.txt")
    assert not (tmp_path / "table.txt").exists()


def test_a_sentence_costs_little() -> None:
    form = skeleton("Give metformin 500 mg twice daily with meals and review renal function in two weeks.").form
    assert len(learnt.features(form, "patient")) < 120
