"""ICD-10 codes: certain or none."""

from __future__ import annotations

import re

import pytest

from medassist.clinical.coding import _lines, _table, icd10_for


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Heart Attack", "I21.9"),
        ("Heart attacks", "I21.9"),
        ("myocardial infarction", "I21.9"),
        ("Stroke", "I64"),
        ("Ischaemic stroke", "I63.9"),
        ("Parkinson’s disease", "G20"),
        ("Sjögren's syndrome", "M35.0"),
        ("Kidney Stones", "N20.0"),
        ("Diabetes Type 2", "E11.9"),
        ("Haemophilia A", "D66"),
        ("Oesophageal cancer", "C15.9"),
        ("Bronchiolitis (Respiratory Syncytial Virus Infections)", "J21.9"),
        ("Chronic obstructive pulmonary disease (COPD)", "J44.9"),
        ("cancer of the pancreas", None),
        ("gas gangrene", "A48.0"),
    ],
)
def test_a_name_finds_its_code_in_any_spelling(name: str, code: str | None) -> None:
    assert icd10_for(name) == code


@pytest.mark.parametrize(
    "name", ["", "   ", "()", "not heart attack", "feeling odd", "heart", "attack", "disease", "no stroke"]
)
def test_no_code_is_guessed(name: str) -> None:
    assert icd10_for(name) is None


def test_every_code_has_the_form_of_icd10() -> None:
    assert len(_table()) > 3000
    assert all(re.fullmatch(r"[A-Z]\d[0-9A-Z](\.\d)?", code) for code in _table().values())


def test_the_authored_table_has_no_name_with_two_codes() -> None:
    from medassist.clinical.coding import key

    seen: dict[tuple[str, ...], str] = {}
    clashes = []
    for line in _lines("icd10_common.txt"):
        code, _, names = (part.strip() for part in line.partition("|"))
        for name in names.split(";"):
            if seen.setdefault(key(name), code) != code:
                clashes.append((name, code))
    assert clashes == []
