"""Whole records: every entry accounted for, and the case compared with a second, independent reading.

One cut-down Synthea record ships with the tests (data/SOURCE.md). With `FHIR_RECORDS` naming folders (as in PATH), every
JSON file in them is put through the same checks, and what a folder holds of one patient is put together as one record.
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.interop.rules.ucum import readable
from apps.interop.schemas import Imported
from apps.interop.tests import independent
from apps.interop.tests.records import imported

SAMPLE = Path(__file__).parent / "data/synthea_clemente.json"
FOLDERS = [Path(name) for name in os.environ.get("FHIR_RECORDS", "").split(os.pathsep) if name]
RECORDS = [SAMPLE, *(path for folder in FOLDERS for path in sorted(folder.glob("*.json")))]
QUARANTINED = {"left_out", "quarantined"}


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name[:40])
def test_every_entry_is_used_or_told_of(path: Path) -> None:
    data = read(path)
    found = imported(data)
    assert found.entries.total == len(independent.resources(data))
    told = {item.entry for item in found.problems if item.outcome in QUARANTINED}
    assert found.entries.used + len(told) >= found.entries.total
    assert all(item.reason and item.code for item in found.problems)
    assert found.case is not None or found.refusal is not None


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.name[:40])
def test_the_case_holds_what_a_second_reading_finds(path: Path) -> None:
    data = read(path)
    found = imported(data)
    if found.refusal is not None and not found.draft:
        pytest.skip(f"refused before reading: {found.refusal.code}")
    compare(independent.expected(data), found)


@pytest.mark.skipif(not FOLDERS, reason="FHIR_RECORDS names no folder")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_all_that_a_folder_holds_of_one_patient_makes_one_record(folder: Path) -> None:
    single = [data for path in sorted(folder.glob("*.json")) if (data := read(path))["resourceType"] != "Bundle"]
    if not single:
        pytest.skip("bundles only")
    about = [
        data for data in single
        if (data.get("subject") or data.get("patient") or {}).get("reference") == "Patient/example"
        or data["resourceType"] == "Medication" or (data["resourceType"], data["id"]) == ("Patient", "example")
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": data} for data in about]}
    compared = {"vitals": 0, "labs": 0}
    # As of every day that anything is dated, so that what is old on one day is present on another.
    for day in sorted({day for data in about if len(day := independent.dated(data)[:10]) == 10}):
        now = datetime.fromisoformat(f"{day}T23:00:00+00:00")
        given = {"name": "as_of", "valueDateTime": now.isoformat()}
        found = imported({"resourceType": "Parameters", "parameter": [{"name": "record", "resource": bundle}, given]})
        assert found.draft, found.refusal
        before = [
            data
            for data in about
            if not (at := independent.dated(data)) or independent.moment(at) <= now + timedelta(days=1)
        ]
        expected = independent.expected(
            {"resourceType": "Bundle", "entry": [{"resource": data} for data in before]}, now
        )
        assert {name: found.draft["vitals"].get(name) for name in expected["vitals"]} == expected["vitals"]
        assert sorted(str(lab["value"]) for lab in found.draft["labs"] if not isinstance(lab["value"], str)) == sorted(
            str(float(value)) for value, _ in expected["labs"].values() if value != "words"
        )
        compared["vitals"] += len(expected["vitals"])
        compared["labs"] += len(expected["labs"])
    assert min(compared.values()) > 5


def compare(expected: dict[str, Any], found: Imported) -> None:
    draft = found.draft
    wrong = {item.about.rpartition("|")[2] for item in found.problems if item.outcome == "quarantined"}
    lists = {
        name: [line.split(" (")[0].split(",")[0] for line in draft.get(name, [])]
        for name in ("past_history", "medications", "allergies")
    }
    held = {name: value for name, value in draft["vitals"].items() if name in set(independent.MEASURES.values())}
    assert held == expected["vitals"]
    labs = {
        code.code: draft["labs"][int(code.where.split(".")[1])]
        for code in found.codes
        if code.where.startswith("labs.")
    }
    wanted = {code: value for code, value in expected["labs"].items() if code not in wrong}
    assert set(wanted) <= set(labs)
    assert len(draft["labs"]) == len(wanted)
    for code, (value, unit) in wanted.items():
        if value == "words":
            assert isinstance(labs[code]["value"], str)
        else:
            assert labs[code]["value"] == value
            assert labs[code]["unit"] == readable(system="", code=unit, unit="")
    said = " ".join((draft["presenting_complaint"], draft["history"], *draft["past_history"]))
    assert [name for name in expected["conditions"] if name not in said] == []
    quarantined = sum(item.outcome == "quarantined" for item in found.problems)
    for name in ("medications", "allergies"):
        missing = [item for item in expected[name] if item.split(",")[0].split(" (")[0] not in lists[name]]
        assert len(missing) <= (quarantined if name == "medications" else 0), missing
        assert len(lists[name]) <= len(expected[name])


def test_the_sample_is_imported_with_these_counts() -> None:
    found = imported(read(SAMPLE))
    assert found.case is not None
    assert found.entries.model_dump() == {"total": 41, "used": 23, "left_out": 18, "quarantined": 0}
    assert len(found.case.labs) == 15
    assert found.case.vitals.systolic_bp == 122.45876888709122
    assert found.complaint_from == "encounter_diagnosis"
