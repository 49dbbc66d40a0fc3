"""Hostile files and broken ones: nothing but an `Extracted` ever comes out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.documents.extractors.sandbox import extract
from apps.documents.schemas import Extracted, Limits
from apps.documents.tests.hostile import all_files
from apps.documents.tests.makers import good_files

ROOT = Path(__file__).resolve().parents[3]
GOOD = good_files()


def test_there_are_more_than_five_hundred_of_many_kinds_and_they_are_always_the_same() -> None:
    files = all_files()
    assert len(files) >= 500
    assert len({file.kind for file in files}) >= 20
    light = {"bit flips", "spliced", "polyglots", "encrypted", "macros", "PDF cycles"}
    pairs = [(one, two) for one, two in zip(files, all_files(), strict=True) if one.kind in light]
    assert [one.make() for one, _ in pairs[::5]] == [two.make() for _, two in pairs[::5]]
    assert Counter(file.kind for file in files)["truncated"] == 20 * len(GOOD)


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_share_of_the_hostile_files_keeps_every_limit() -> None:
    """All of them: `python -m bench hostile`."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "hostile", "--share", "0.3"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["files"] >= 200
    assert result["ok"], done.stdout[-3_000:]


mutations = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "drop", "double", "insert"]),
        st.floats(0, 1, allow_nan=False),
        st.floats(0, 1, allow_nan=False),
        st.binary(min_size=1, max_size=40),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data: bytes, steps: list[tuple[str, float, float, bytes]]) -> bytes:
    for what, one, two, piece in steps:
        start, end = sorted((int(one * len(data)), int(two * len(data))))
        if what == "flip" and data:
            place = min(start, len(data) - 1)
            data = data[:place] + bytes([data[place] ^ (piece[0] or 1)]) + data[place + 1 :]
        elif what == "cut":
            data = data[:end]
        elif what == "drop":
            data = data[:start] + data[end:]
        elif what == "double":
            data = data[:end] + data[start:]
        elif what == "insert":
            data = data[:start] + piece + data[start:]
    return data


@pytest.mark.slow
@settings(
    max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(suffix=st.sampled_from(sorted(GOOD)), steps=mutations)
def test_a_broken_file_of_any_format_gives_text_or_a_reason(
    tmp_path: Path, suffix: str, steps: list[tuple[str, float, float, bytes]]
) -> None:
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(mutated(GOOD[suffix], steps))
    found = extract(path, limits=Limits(memory_bytes=600_000_000, cpu_s=8, wall_s=20))
    assert isinstance(found, Extracted)
    assert (found.body is None) == (found.reason is not None)
    assert found.body is None or found.body.blocks
