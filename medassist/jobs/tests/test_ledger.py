"""The ledger's promises: fair claims, fences, attempts, dead letters, cancellation, idempotency."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connection, transaction

from medassist.accounts.access import system_actor
from medassist.common.errors import (
    BackboneUnavailable,
    ClinicNotOpen,
    ConfigurationError,
    IdempotencyConflict,
    TooManyRequests,
    Unavailable,
)
from medassist.jobs import ledger, registry, runner, services, sweeper, tasks
from medassist.jobs.models import Job
from medassist.jobs.schemas import JobKind, Lane
from medassist.tenancy.context import clinic_context, public_context

KIND = registry.declare(JobKind(name="tests.work", queue="tests"))


@pytest.fixture
def handled() -> Iterator[list[UUID]]:
    done: list[UUID] = []
    registry.bind(KIND, lambda run: run.complete(lambda: done.append(run.job.id)))
    yield done
    registry.bind(KIND, lambda run: None)


def submit(clinic: str, *, lane: Lane = "interactive", key: str | None = None, body: str = "a") -> services.Submitted:
    with clinic_context(clinic), transaction.atomic():
        return services.submit(
            kind=KIND,
            actor=system_actor(clinic, "tests"),
            lane=lane,
            references={},
            idempotency_key=key,
            request_hash=body,
        )


def job(job_id: UUID) -> Job:
    with public_context():
        return Job.objects.get(pk=job_id)


def expire(job_id: UUID) -> None:
    with public_context():
        Job.objects.filter(pk=job_id).update(lease_expires_at="2000-01-01T00:00:00Z")


@pytest.mark.django_db
def test_a_submitted_job_is_claimed_run_and_done_once(handled: list[UUID]) -> None:
    submitted = submit("alpha")
    assert runner.drain("tests") == 1
    assert handled == [submitted.job_id]
    assert job(submitted.job_id).state == "done"
    assert runner.drain("tests") == 0


@pytest.mark.django_db
def test_the_emergency_lane_goes_first_and_clinics_take_turns() -> None:
    first = [submit("alpha").job_id for _ in range(3)]
    other = submit("beta").job_id
    urgent = submit("alpha", lane="emergency").job_id
    order = [leased.id for leased in iter(lambda: ledger.claim(queue="tests", worker="w"), None)]
    assert order[0] == urgent
    assert order[1] == other, "the clinic with fewer running jobs is served before the flood"
    assert order[2:] == first


@pytest.mark.django_db
def test_a_clinic_never_runs_more_than_its_cap(settings: Any) -> None:
    settings.JOB_CLINIC_CAP = 2
    for _ in range(4):
        submit("alpha")
    claimed = [ledger.claim(queue="tests", worker="w") for _ in range(4)]
    assert [leased is not None for leased in claimed] == [True, True, False, False]


@pytest.mark.django_db
def test_a_late_result_is_discarded_by_the_fence() -> None:
    submitted = submit("alpha")
    slow = ledger.claim(queue="tests", worker="slow")
    assert slow is not None
    expire(submitted.job_id)
    assert sweeper.sweep().requeued == 1
    fresh = ledger.claim(queue="tests", worker="fresh")
    assert fresh is not None
    assert fresh.fence > slow.fence
    stored: list[str] = []
    with clinic_context("alpha"):
        with pytest.raises(runner.LeaseLost):
            runner.Run(slow).complete(lambda: stored.append("slow"))
        runner.Run(fresh).complete(lambda: stored.append("fresh"))
    assert stored == ["fresh"]
    assert ledger.renew(job_id=submitted.job_id, fence=slow.fence, step="") == (False, False)


@pytest.mark.django_db
def test_a_poison_job_is_a_dead_letter_after_exactly_three_attempts(settings: Any) -> None:
    settings.JOB_MAX_ATTEMPTS = 3
    runs: list[int] = []

    def poison(run: runner.Run) -> None:
        runs.append(run.job.attempt)
        raise ValueError("broken")

    registry.bind(KIND, poison)
    submitted = submit("alpha")
    for _ in range(6):
        runner.drain("tests")
        with public_context():
            Job.objects.filter(pk=submitted.job_id).update(not_before="2000-01-01T00:00:00Z")
    assert runs == [1, 2, 3]
    assert (job(submitted.job_id).state, job(submitted.job_id).reason) == ("dead", "error:ValueError")


@pytest.mark.django_db
def test_a_model_that_is_away_burns_no_attempt() -> None:
    def away(run: runner.Run) -> None:
        raise BackboneUnavailable(retry_after=7)

    registry.bind(KIND, away)
    submitted = submit("alpha")
    runner.drain("tests")
    found = job(submitted.job_id)
    assert (found.state, found.attempt, found.delays) == ("queued", 0, 1)
    with public_context():
        waits = Job.objects.filter(pk=submitted.job_id).values_list("not_before", "created_at").get()
    assert 6 < (waits[0] - waits[1]).total_seconds() < 9, "Retry-After is honoured"


@pytest.mark.django_db
def test_a_database_that_goes_away_in_mid_job_burns_no_attempt() -> None:
    def away(run: runner.Run) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    registry.bind(KIND, away)
    submitted = submit("alpha")
    runner.drain("tests")
    found = job(submitted.job_id)
    assert (found.state, found.attempt, found.delays, found.reason) == ("queued", 0, 1, "database_unavailable")


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError, ClinicNotOpen])
def test_a_run_that_cannot_tell_the_ledger_how_it_ended_leaves_that_to_its_lease(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("connection refused")

    def fails(run: runner.Run) -> None:
        raise error

    registry.bind(KIND, fails)
    submitted = submit("alpha")
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "hand_back", away)
        patched.setattr(ledger, "bury", away)
        runner.drain("tests")
    assert job(submitted.job_id).state == "running"
    expire(submitted.job_id)
    assert sweeper.sweep().requeued == 1


def test_a_doorbell_heard_while_the_database_is_away_is_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(queue: str) -> int:
        raise OperationalError("connection refused")

    monkeypatch.setattr(runner, "drain", away)
    tasks.look.run()
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.django_db
def test_workers_that_die_three_times_leave_a_dead_letter(settings: Any) -> None:
    settings.JOB_MAX_ATTEMPTS = 3
    submitted = submit("alpha")
    for _ in range(3):
        assert ledger.claim(queue="tests", worker="dies") is not None
        expire(submitted.job_id)
        sweeper.sweep()
    assert (job(submitted.job_id).state, job(submitted.job_id).reason) == ("dead", "worker_lost")


@pytest.mark.django_db
def test_an_overdue_job_ends_with_a_reason() -> None:
    submitted = submit("alpha")
    with public_context():
        Job.objects.filter(pk=submitted.job_id).update(deadline_at="2000-01-01T00:00:00Z")
    sweeper.sweep()
    assert (job(submitted.job_id).state, job(submitted.job_id).reason) == ("dead", "deadline_exceeded")


@pytest.mark.django_db
def test_cancelling_a_waiting_job_ends_it_and_a_running_one_lets_go(handled: list[UUID]) -> None:
    actor = system_actor("alpha", "tests")
    waiting = submit("alpha").job_id
    with clinic_context("alpha"):
        assert services.cancel(actor=actor, job_id=waiting) == "cancelled"
    running = submit("alpha").job_id
    leased = ledger.claim(queue="tests", worker="w")
    assert leased is not None
    with clinic_context("alpha"):
        assert services.cancel(actor=actor, job_id=running) == "running"
    runner.run_one(leased)
    assert handled == []
    assert job(running).state == "cancelled"


@pytest.mark.django_db
def test_one_key_gives_one_job_and_another_body_is_refused() -> None:
    first = submit("alpha", key="k1")
    again = submit("alpha", key="k1")
    assert (again.job_id, again.created) == (first.job_id, False)
    assert submit("beta", key="k1").created, "keys of different clinics do not meet"
    with pytest.raises(IdempotencyConflict):
        submit("alpha", key="k1", body="b")


@pytest.mark.django_db(transaction=True)
def test_fifty_parallel_duplicates_make_one_job() -> None:
    found: list[UUID] = []
    failures: list[BaseException] = []

    def one() -> None:
        try:
            found.append(submit("alpha", key="same").job_id)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(found)) == 1
    assert len(found) == 50


@pytest.mark.django_db(transaction=True)
def test_parallel_workers_run_every_job_once(handled: list[UUID]) -> None:
    ids = {submit(clinic).job_id for clinic in ("alpha", "beta") for _ in range(20)}

    def work() -> None:
        try:
            runner.drain("tests")
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runner.drain("tests")
    assert sorted(handled) == sorted(ids)


@pytest.mark.django_db
def test_a_full_queue_refuses_before_anything_is_written(settings: Any) -> None:
    settings.JOB_CLINIC_QUEUE_LIMIT = 2
    submit("alpha")
    submit("alpha")
    with pytest.raises(TooManyRequests) as refused:
        submit("alpha")
    assert refused.value.retry_after
    with public_context():
        assert Job.objects.filter(clinic="alpha").count() == 2
    assert submit("beta").created


@pytest.mark.django_db
def test_a_clinic_sees_only_its_own_rows_of_the_ledger() -> None:
    submit("alpha")
    submit("beta")
    with clinic_context("alpha"):
        assert set(Job.objects.values_list("clinic", flat=True)) == {"alpha"}
        assert Job.objects.filter(clinic="beta").update(state="done") == 0


@pytest.mark.django_db
def test_all_clinics_together_fill_the_global_queue(settings: Any) -> None:
    settings.JOB_GLOBAL_QUEUE_LIMIT = 3
    submit("alpha")
    submit("alpha")
    submit("beta")
    with pytest.raises(Unavailable):
        submit("beta")


def test_a_process_that_never_loaded_the_tasks_finds_their_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    import apps.cases.tasks

    monkeypatch.setattr(registry, "_handlers", {})
    monkeypatch.setattr(registry, "autodiscover_modules", lambda _name: importlib.reload(apps.cases.tasks))
    assert registry.handler_of("cases.assessment").__name__ == "run_assessment"
    with pytest.raises(ConfigurationError):
        registry.handler_of("nothing.of-ours")
