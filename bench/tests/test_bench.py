"""What the benchmarks themselves promise; the runs are in `make bench-short` and docs/operators/benchmarks.md."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.__main__ import BENCHES
from bench.faults.findings import Findings
from bench.faults.injections import FAULTS
from bench.faults.planted.sitecustomize import PLANTS
from bench.faults.run import Course, Outcome, caught_by, plant_courses, schedule, short_schedule
from bench.figures import last_line, median, percentile, table
from bench.upstream import Desk, draft, quotable

ROOT = Path(__file__).resolve().parents[2]


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert (percentile(values, 50), percentile(values, 95), percentile(values, 100)) == (50.0, 95.0, 100.0)
    assert percentile([7.0], 95) == 7.0
    assert percentile([], 95) == 0.0
    assert median([1.0, 9.0, 2.0]) == 2.0


def test_the_last_line_is_json_alone(capsys: pytest.CaptureFixture[str]) -> None:
    table("Title", ["name", "count"], [["a", 1], ["longer", 2.5]])
    last_line({"bench": "x", "ok": True})
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1]) == {"bench": "x", "ok": True}
    assert len({len(line) for line in lines[2:5]}) == 1


def test_a_seed_gives_one_schedule_with_every_kind_before_any_comes_twice() -> None:
    everywhere = [fault.name for fault in FAULTS if fault.everywhere]
    assert schedule(3, 52) == schedule(3, 52) != schedule(4, 52)
    assert sorted(schedule(3, len(everywhere))) == sorted(everywhere)
    assert len(set(everywhere)) == len(everywhere) >= 28
    assert len({fault.row for fault in FAULTS}) >= 20


def test_the_short_form_meets_twenty_kinds_and_a_broker_of_its_own_dies_in_it() -> None:
    assert len(set(short_schedule(""))) == 21
    assert "broker killed" in short_schedule("rabbitmq")
    assert "broker killed" not in short_schedule("")


def test_every_planted_defect_is_run_and_named_by_a_finding() -> None:
    courses = plant_courses()
    assert {course.plant for course, _ in courses} == PLANTS.keys()
    known = {*Findings().counts(), "extra"}
    assert all(set(expected.split()) <= known for _, expected in courses)
    names = {fault.name for fault in FAULTS}
    assert all(set(course.faults) <= names for course, _ in courses)


def outcome(findings: Findings, answered: int, *, short: bool = False, late: Sequence[str] = ()) -> Outcome:
    course = Course(1, 10, [], short=short)
    return Outcome(course, findings, 10, Counter(), {"answered": answered}, [], 1.0, Counter(), {}, list(late))


def test_an_outcome_is_clean_only_without_any_finding() -> None:
    done = Counter(done=10)
    for name in Findings().counts():
        found = Findings(states=done)
        getattr(found, name).append("something")
        assert not outcome(found, 20).clean
        assert not outcome(found, 20, short=True).clean
        assert caught_by(outcome(found, 20)) == [name]
    broken = outcome(Findings(states=done), 20, short=True)
    broken.broken.append("500 internal_error")
    assert not broken.clean


def test_the_full_run_judges_time_and_cost_and_the_short_one_tells_them() -> None:
    done = Counter(done=10)
    assert outcome(Findings(states=done), 22).clean
    assert not outcome(Findings(states=done), 23).clean
    assert caught_by(outcome(Findings(states=done), 23)) == ["extra"]
    assert not outcome(Findings(states=done), 20, late=["a submission took 3 s"]).clean
    assert outcome(Findings(states=done), 23, short=True, late=["a submission took 3 s"]).clean


def test_a_share_of_faults_strikes_every_nth_call() -> None:
    desk = Desk(0.1, fault="500", share=0.25)
    assert [bool(desk.strikes()) for _ in range(8)].count(True) == 2
    assert all(Desk(0.1, fault="500").strikes() for _ in range(3))
    assert not Desk(0.1).strikes()


def test_the_model_of_the_bench_quotes_what_it_was_given() -> None:
    prompt = (
        '<part id="r1" path="presenting_complaint">Chest pain, noted as mark-a1</part>'
        '<passage id="g1" title="x">The most common symptom is pain in the middle of the chest. Take aspirin at once.</passage>'
    )
    assert quotable(prompt) == [("g1", "The most common symptom is pain in the middle of the chest.")]
    made = draft(prompt, "mark-a1", obeys=False)
    assert made["summary"][0]["cites"] == [{"source": "r1", "quote": "mark-a1"}]
    assert "metoprolol" in json.dumps(draft(prompt, "mark-a1", obeys=True))


def test_the_command_names_every_benchmark() -> None:
    done = subprocess.run([sys.executable, "-m", "bench"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert all(name in done.stdout for name in BENCHES)


@pytest.mark.parametrize("name", sorted(BENCHES))
def test_every_benchmark_explains_itself(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"python -m bench {name}" in done.stdout


@pytest.mark.parametrize("plant", sorted(PLANTS))
def test_a_planted_defect_still_fits_the_code_it_is_planted_in(plant: str) -> None:
    """A plant whose place has moved would prove nothing."""
    module, _ = PLANTS[plant]
    program = f"import django; django.setup(); import importlib; importlib.import_module({module!r})"
    import os

    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT / "bench" / "faults" / "planted"),
            "BENCH_PLANT": plant,
            "DJANGO_SETTINGS_MODULE": "medassist.settings.typing",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-500:]
