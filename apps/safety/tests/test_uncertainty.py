"""Scores, the isotonic map against an independent one, what is said of a version with and without a calibration."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from apps.safety import selectors, services
from apps.safety.models import Calibration
from apps.safety.rules import uncertainty
from apps.safety.schemas import ModelVersion, Pair
from medassist.audit.models import AuditEntry
from medassist.clinical.assessment import Agreement, Claim, Differential
from medassist.common.errors import InvalidInput, PermissionDenied
from medassist.tenancy.context import clinic_context, public_context

VERSION = ModelVersion(backbone="vllm", model="llama", prompt="assessment.v1")
PAIRS = st.lists(
    st.builds(Pair, score=st.floats(0, 1).map(lambda value: round(value, 2)), correct=st.booleans()), min_size=1
)


def condition(name: str = "Gout", *, support: int = 0, against: int = 0, missing: int = 0, **more: Any) -> Differential:
    claim = Claim(id="c1", text="x", kind="inference")
    return Differential(
        condition=name, band="possible", probability_withheld="not_calibrated", claims_for=(claim,) * support,
        claims_against=(claim,) * against, claims_missing=("y",) * missing, **more,
    )  # fmt: skip


def skewed(count: int, seed: int = 5) -> tuple[Pair, ...]:
    """Scores that promise more than they keep: a score of s comes true s² of the time."""
    random = Random(seed)
    scores = [round(random.random(), 2) for _ in range(count)]
    return tuple(Pair(score=score, correct=random.random() < score**2) for score in scores)


def oracle(pairs: list[Pair]) -> list[float]:
    """Isotonic regression by its max-min formula (Robertson et al., 1988), one value a distinct score."""
    scores = sorted({pair.score for pair in pairs})
    outcomes = [[pair.correct for pair in pairs if pair.score == score] for score in scores]

    def mean(first: int, last: int) -> float:
        inside = [value for group in outcomes[first : last + 1] for value in group]
        return sum(inside) / len(inside)

    count = len(scores)
    return [max(min(mean(a, b) for b in range(i, count)) for a in range(i + 1)) for i in range(count)]


@given(PAIRS)
def test_the_map_is_isotonic_regression(pairs: list[Pair]) -> None:
    blocks = uncertainty.fit(pairs)
    found = [uncertainty.block_of(blocks, score).frequency for score in sorted({pair.score for pair in pairs})]
    assert found == pytest.approx(oracle(pairs))
    assert sum(block.count for block in blocks) == len(pairs)


@given(PAIRS, st.floats(0, 1))
def test_an_interval_holds_its_frequency_and_more_score_never_means_less(pairs: list[Pair], score: float) -> None:
    blocks = uncertainty.fit(pairs)
    said = uncertainty.interval(blocks, score)
    assert 0 <= said.low <= uncertainty.block_of(blocks, score).frequency + 1e-4
    assert uncertainty.block_of(blocks, score).frequency - 1e-4 <= said.high <= 1
    assert uncertainty.block_of(blocks, 1.0).frequency >= uncertainty.block_of(blocks, score).frequency


def test_wilson_gives_the_published_values() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81/263, 15/148, 0/20, 1/29.
    table = ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718))
    for hits, count, low, high in table:
        found = uncertainty.wilson(hits, count)
        assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_what_speaks_for_a_condition_raises_its_score() -> None:
    score = uncertainty.score_of
    assert score(condition(support=3)) > score(condition(support=1)) > score(condition(support=1, against=1))
    assert score(condition(support=2)) > score(condition(support=2, missing=2)) > score(condition(support=2, against=2))
    every, one = (condition(support=1, agreement=Agreement(named=named, samples=5)) for named in (5, 1))
    assert score(every) > score(condition(support=1)) > score(one)


def test_agreement_knows_a_condition_under_another_name() -> None:
    samples = [("Acute myocardial infarction", "Gout"), ("Heart attack",), ("Pneumonia",)]
    assert uncertainty.agreement("Myocardial infarction, acute", samples) == 2
    assert uncertainty.agreement("Gouty arthritis of nobody", samples) == 0


def test_held_out_figures_tell_a_map_that_learnt_something() -> None:
    report = uncertainty.report(skewed(3000))
    assert report.ece < 0.05 < report.ece_raw
    assert report.brier < report.brier_raw


@pytest.fixture
def clean() -> Iterator[None]:
    selectors.forget_calibrations()
    yield
    selectors.forget_calibrations()


@pytest.mark.django_db
@pytest.mark.usefixtures("clean")
def test_numbers_appear_with_a_calibration_of_exactly_this_version_and_go_with_it(staff: Any) -> None:
    item = condition(support=4)
    with clinic_context("alpha"):
        assert selectors.probability(version=VERSION, item=item) is None
    with public_context():
        services.calibrate(actor=staff.actor, version=VERSION, pairs=skewed(400))
        row = Calibration.objects.get()
        assert AuditEntry.objects.filter(action="calibration.store", object_id=str(row.pk)).exists()
    with clinic_context("alpha"):
        said = selectors.probability(version=VERSION, item=item)
        assert said is not None
        assert said.low < said.high
        assert selectors.probability(version=VERSION.model_copy(update={"adapter": "other"}), item=item) is None
    with public_context():
        services.switch_calibration(actor=staff.actor, calibration_id=row.pk, active=False)
    with clinic_context("alpha"):
        assert selectors.probability(version=VERSION, item=item) is None


@pytest.mark.django_db
@pytest.mark.usefixtures("clean")
def test_a_calibration_that_cannot_be_trusted_is_refused(staff: Any, alice: Any) -> None:
    random = Random(2)
    backwards = tuple(Pair(score=score, correct=random.random() < 1 - score) for score in [i / 200 for i in range(200)])
    alike = tuple(Pair(score=i / 200, correct=False) for i in range(200))
    with public_context():
        for pairs in (skewed(99), alike):
            with pytest.raises(InvalidInput) as refused:
                services.calibrate(actor=staff.actor, version=VERSION, pairs=pairs)
            assert list(refused.value.fields) == ["pairs"]
        with pytest.raises(PermissionDenied):
            services.calibrate(actor=alice.actor, version=VERSION, pairs=skewed(200))
        assert not Calibration.objects.exists()
    # Scores that mean the opposite are mapped to one flat frequency: honest, and no number pretends otherwise.
    assert len(uncertainty.report(backwards).blocks) <= 3


@pytest.mark.django_db
@pytest.mark.usefixtures("clean")
def test_the_command_reads_both_kinds_of_lines_and_names_a_bad_one(tmp_path: Path, capsys: Any) -> None:
    file = tmp_path / "adjudicated.jsonl"
    file.write_text("\n".join(pair.model_dump_json() for pair in skewed(300)), encoding="utf-8")
    call_command("calibrate", file, backbone="vllm", model="llama", json=True)
    assert json.loads(capsys.readouterr().out)["pairs"] == 300
    with public_context():
        assert not Calibration.objects.exists()
    call_command("calibrate", file, backbone="vllm", model="llama", keep=True)
    with public_context():
        assert Calibration.objects.get().created_by
    for line, said in (('{"score": 3, "correct": true}', "score"), ("[]", "object"), ('{"assessment": {}}', "status")):
        file.write_text('{"score": 0.5, "correct": true}\n' + line, encoding="utf-8")
        with pytest.raises(CommandError, match=rf"adjudicated.jsonl:2: .*{said}"):
            call_command("calibrate", file, backbone="vllm", model="llama")


@pytest.mark.django_db
@pytest.mark.usefixtures("clean")
def test_staff_see_the_curve(api: Any, staff: Any) -> None:
    with public_context():
        services.calibrate(actor=staff.actor, version=VERSION, pairs=skewed(300))
        row = Calibration.objects.get()
    page = api(staff).get(f"/admin/safety/calibration/{row.pk}/change/")
    assert page.status_code == 200
    assert b"<svg" in page.content
    assert b"calibration error" in page.content
