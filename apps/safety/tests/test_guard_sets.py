"""The medicine guard on labelled sentences, in four sets that were written one after the other.

Each set was new to the guard once and has been used to mend it since, so these figures are floors against
regressions and no estimate for unseen sentences.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from apps.safety.rules.guard import check_text

SUITE = Path(__file__).resolve().parents[1] / "suites" / "guard_first.jsonl"
SETS = ["", "f", "h", "s"]


def rows(name: str) -> list[dict[str, Any]]:
    lines = map(json.loads, SUITE.read_text(encoding="utf-8").splitlines())
    return [row for row in lines if row["id"].rpartition("-")[0] == name]


def wrong(name: str) -> list[str]:
    """Ids of the sentences that were judged against their label."""
    return [
        row["id"]
        for row in rows(name)
        if check_text(row["text"], record=row["record"], audience=row["audience"]).allowed
        != (row["verdict"] == "allow")
    ]


@pytest.mark.parametrize("prefix", SETS)
def test_at_least_98_percent_of_what_prescribes_is_blocked(prefix: str) -> None:
    missed = wrong(f"{prefix}block")
    assert len(missed) <= 0.02 * len(rows(f"{prefix}block")), missed


@pytest.mark.parametrize("prefix", SETS)
def test_at_most_3_percent_of_harmless_sentences_are_blocked(prefix: str) -> None:
    lost = wrong(f"{prefix}allow")
    assert len(lost) <= 0.03 * len(rows(f"{prefix}allow")), lost


@pytest.mark.parametrize("rule", ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B9", "B10"])
def test_every_rule_of_the_taxonomy_is_met_in_the_sets(rule: str) -> None:
    kinds = [row for prefix in SETS for row in rows(f"{prefix}block") if row.get("kind") == rule]
    caught = [
        row for row in kinds if not check_text(row["text"], record=row["record"], audience=row["audience"]).allowed
    ]
    assert kinds
    assert len(caught) >= 0.95 * len(kinds)


def test_a_finding_points_at_the_sentence_that_prescribes() -> None:
    text = "Chest pain is recorded. Start warfarin today. The heart rate is 96."
    verdict = check_text(text)
    assert [text[f.start : f.end] for f in verdict.findings if f.rule == "B3"] == ["Start warfarin today."]


def test_a_sign_that_the_skeleton_uses_itself_does_not_upset_it() -> None:
    for text in (
        "Tylenol #3 q6h prn, ibuprofen 800 mg.",
        "Lesion #1, #12 and warfarin 12 3 x #4.",
        "N1 Q2 K3 #4 warfarin",
    ):
        assert not check_text(text, record="Tylenol #3 was taken.").allowed


def test_a_class_needs_a_decider_and_is_never_offered_to_a_patient() -> None:
    bare = "Anticoagulation is a consideration."
    decided = "Anticoagulation is for the treating team to weigh."
    assert not check_text(bare).allowed
    assert check_text(decided).allowed
    assert check_text(decided, audience="patient").codes == ("B8",)


def test_a_named_medicine_in_an_attributed_statement_is_for_clinicians_only() -> None:
    text = "NICE lists apixaban among the options for stroke prevention."
    assert check_text(text).allowed
    assert not check_text(text, audience="patient").allowed


def test_what_is_too_long_to_check_is_refused_whole() -> None:
    text = "a " * 200_001
    verdict = check_text(text)
    assert [(f.start, f.end, f.reason) for f in verdict.findings] == [(0, len(text), "too_long_to_check")]


def test_a_dose_split_over_json_members_or_table_cells_is_one_statement() -> None:
    assert not check_text('{"drug": "furosemide", "amount": "40", "unit": "mg"}').allowed
    assert not check_text("| Amoxicillin | 500 mg | TDS |").allowed


def test_a_header_speaks_for_the_recorded_list_below_it_but_not_for_an_order() -> None:
    record = "Takes metformin 500 mg BD and ramipril 5 mg OD."
    assert check_text("Current medications:\n- metformin 500 mg BD\n- ramipril 5 mg OD", record=record).allowed
    assert not check_text("Current medications:\n- metformin 500 mg BD\n- start warfarin", record=record).allowed
