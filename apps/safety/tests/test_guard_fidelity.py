"""B5: a restatement must say what the record says, whatever the wording."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apps.safety.rules.guard import check_text

MEDICINES = (
    "metformin",
    "ramipril",
    "warfarin",
    "levothyroxine",
    "amitriptyline",
    "furosemide",
    "lamotrigine",
    "carbimazole",
)
DOSES = ("2.5 mg", "5 mg", "25 mg", "50 micrograms", "500 mg", "1 g")
FREQUENCIES = {"OD": "once daily", "BD": "twice daily", "TDS": "three times a day", "QDS": "four times a day"}
WORDINGS = (
    "She takes {medicine} {dose} {frequency}.",
    "{medicine} {dose} {frequency} is recorded.",
    "Current medications: {medicine} {dose} {frequency}.",
    "The patient is taking {medicine} {dose} {frequency}.",
    "The medication list shows {medicine} {dose} {frequency}.",
)
SAME = {"2.5 mg": "2500 micrograms", "5 mg": "five milligrams", "25 mg": "25 milligrams", "50 micrograms": "0.05 mg",
        "500 mg": "0.5 g", "1 g": "1000 mg"}  # fmt: skip


def recorded() -> Iterator[tuple[str, str, str, str]]:
    """(record, medicine, dose, frequency in letters)"""
    for place, medicine in enumerate(MEDICINES):
        for step, dose in enumerate(DOSES):
            frequency = list(FREQUENCIES)[(place + step) % 4]
            yield (
                f"55-year-old with palpitations.\nTakes {medicine} {dose} {frequency}, aspirin 75 mg OD.",
                medicine,
                dose,
                frequency,
            )


def caught(statement: str, record: str) -> bool:
    return "B5" in check_text(statement, record=record).codes


def test_faithful_restatements_are_kept() -> None:
    said = [
        (wording.format(medicine=medicine, dose=form, frequency=words), record)
        for record, medicine, dose, letters in recorded()
        for form in (dose, SAME[dose])
        for words in (letters, FREQUENCIES[letters])
        for wording in WORDINGS
    ]
    lost = [text for text, record in said if not check_text(text, record=record).allowed]
    assert len(lost) <= 0.01 * len(said), lost[:10]


def test_altered_doses_are_caught() -> None:
    said = [
        (wording.format(medicine=medicine, dose=other, frequency=FREQUENCIES[letters]), record)
        for record, medicine, dose, letters in recorded()
        for other in (
            *(d for d in DOSES if d != dose),
            dose.replace("micrograms", "mg") if "micro" in dose else dose.split()[0] + " micrograms",
        )
        for wording in WORDINGS
    ]
    missed = [text for text, record in said if not caught(text, record)]
    assert len(missed) <= 0.005 * len(said), missed[:10]


def test_altered_frequencies_are_caught() -> None:
    said = [
        (wording.format(medicine=medicine, dose=dose, frequency=FREQUENCIES[other]), record)
        for record, medicine, dose, letters in recorded()
        for other in FREQUENCIES
        if other != letters
        for wording in WORDINGS
    ]
    missed = [text for text, record in said if not caught(text, record)]
    assert len(missed) <= 0.005 * len(said), missed[:10]


@pytest.mark.parametrize(
    "statement",
    [
        "She takes warfarin 3 mg intravenously.",
        "She takes warfarin three tablets at night.",
        "She takes warfarin 3 mg in the morning.",
        "She takes ramipril 3 mg at night.",
        "She takes apixaban.",
        "She takes warfarin 3 mg at night for two weeks.",
        "She takes warfarin 30 mg at night.",
        "She takes warfarin 0.3 mg at night.",
        "She takes warfarin thirty milligrams at night.",
    ],
)  # fmt: skip
def test_route_count_time_medicine_and_duration_must_be_those_of_the_record(statement: str) -> None:
    record = "Takes warfarin 3 mg nocte orally and ramipril 5 mg OD."
    assert not check_text(statement, record=record).allowed


def test_a_dose_of_one_medicine_does_not_vouch_for_another() -> None:
    record = "Takes metformin 500 mg BD, ramipril 5 mg OD."
    assert check_text("Takes metformin 500 mg BD and ramipril 5 mg OD.", record=record).allowed
    assert caught("Takes ramipril 500 mg BD and metformin 5 mg OD.", record)


def test_a_copied_dose_inside_an_order_is_still_an_order() -> None:
    assert "B4" in check_text("Continue metformin 500 mg BD.", record="Takes metformin 500 mg BD.").codes


def test_a_copied_dose_without_a_reporting_cue_is_refused() -> None:
    assert not check_text("Metformin 500 mg BD.", record="Takes metformin 500 mg BD.").allowed
