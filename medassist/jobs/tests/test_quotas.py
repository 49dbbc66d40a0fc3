"""Usage, quotas and estimated waits: counted per clinic and person, held before a job is written."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from django.core.exceptions import ValidationError
from django.db import OperationalError, ProgrammingError, connection, transaction

from medassist.accounts.access import Actor, Permission, Role, system_actor
from medassist.audit.models import AuditEntry
from medassist.common.errors import PermissionDenied, QuotaExceeded, TooManyRequests
from medassist.jobs import estimate, ledger, quotas, registry, runner, services, usage
from medassist.jobs.models import Job, Quota, TokenUsage
from medassist.jobs.schemas import JobKind, Lane
from medassist.tenancy.context import clinic_context, public_context

KIND = registry.declare(JobKind(name="tests.quotas", queue="tests-quotas"))
ANN, BEN = (Actor(kind="user", id=number, clinic="alpha", role=Role.CLINICIAN) for number in ("901", "902"))
STAFF = Actor(kind="user", id="1", clinic="public", role=Role.PLATFORM_STAFF)


def submit(
    clinic: str = "alpha", *, actor: Actor | None = None, lane: Lane = "interactive", key: str | None = None
) -> services.Submitted:
    with clinic_context(clinic), transaction.atomic():
        return services.submit(
            kind=KIND, actor=actor or system_actor(clinic, "tests"), lane=lane, references={}, idempotency_key=key,
            request_hash="a",
        )  # fmt: skip


def quota(clinic: str = "alpha", **given: Any) -> Quota:
    row = Quota(clinic=clinic, **given)
    row.full_clean()
    quotas.store(row=row, by=STAFF, created=True)
    return row


def spend(tokens: int, *, clinic: str = "alpha", person: str = "user:901", **more: str) -> None:
    usage.add(
        **{"clinic": clinic, "person": person, "backbone": "heavy", "model": "llama", "adapter": "", **more},
        prompt_tokens=tokens - 1, completion_tokens=1,
    )  # fmt: skip


def count() -> int:
    with public_context():
        return Job.objects.filter(kind=KIND.name).count()


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_calls_add_up_in_one_row_per_person_and_model() -> None:
    for _ in range(3):
        spend(10)
    spend(5, person="user:902")
    spend(5, adapter="alpha-1")
    spend(7, clinic="beta")
    rows = {
        (row.clinic, row.person, row.adapter): (row.calls, row.prompt_tokens, row.completion_tokens)
        for row in TokenUsage.objects.all()
    }
    assert rows == {
        ("alpha", "user:901", ""): (3, 27, 3), ("alpha", "user:902", ""): (1, 4, 1),
        ("alpha", "user:901", "alpha-1"): (1, 4, 1), ("beta", "user:901", ""): (1, 6, 1),
    }  # fmt: skip
    assert {row.day for row in TokenUsage.objects.all()} == {datetime.now(UTC).date()}


@pytest.mark.django_db
def test_a_clinic_reads_its_own_usage_and_quotas_and_writes_neither() -> None:
    spend(10)
    spend(10, clinic="beta")
    quota(jobs_per_day=1)
    quota("beta", jobs_per_day=1)
    for model in (TokenUsage, Quota):
        with clinic_context("alpha"):
            assert list(model.objects.values_list("clinic", flat=True)) == ["alpha"]
            with pytest.raises(ProgrammingError), transaction.atomic():
                model.objects.update(clinic="alpha")
            with pytest.raises(ProgrammingError), transaction.atomic():
                model.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_calls_counted_in_parallel_are_all_there() -> None:
    def work() -> None:
        try:
            for _ in range(10):
                with clinic_context("alpha"):
                    spend(10)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = TokenUsage.objects.get()
    assert (row.calls, row.prompt_tokens, row.completion_tokens) == (80, 720, 80)


@pytest.mark.django_db
def test_an_answer_is_not_lost_because_it_cannot_be_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away() -> Any:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", away)
    spend(10)
    assert [record.getMessage() for record in caplog.records] == ["Tokens could not be counted"]


# --- quotas ---------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_clinics_jobs_end_at_its_quota_before_anything_is_written() -> None:
    quota(jobs_per_day=2)
    submit(actor=ANN)
    submit(actor=BEN)
    with pytest.raises(QuotaExceeded) as refused:
        submit()
    assert refused.value.fields == {"jobs_per_day": "2 jobs a day for this clinic"}
    assert refused.value.status == 429
    assert refused.value.retry_after is not None
    left = (datetime.now(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0) - datetime.now(UTC)
    assert abs(refused.value.retry_after - min(3600, left.total_seconds())) <= 5
    assert count() == 2
    assert submit("beta").created


@pytest.mark.django_db
def test_each_person_has_the_persons_quota_and_a_row_of_their_own_holds_instead() -> None:
    quota(person="*", jobs_per_day=1)
    quota(person="user:902", jobs_per_day=2)
    submit(actor=ANN)
    with pytest.raises(QuotaExceeded, match="midnight") as refused:
        submit(actor=ANN)
    assert refused.value.fields == {"jobs_per_day": "1 jobs a day for this person"}
    submit(actor=BEN)
    submit(actor=BEN)
    with pytest.raises(QuotaExceeded):
        submit(actor=BEN)


@pytest.mark.django_db
def test_tokens_end_a_day_for_the_clinic_or_for_one_person() -> None:
    personal = quota(person="*", tokens_per_day=100)
    spend(100)
    with pytest.raises(QuotaExceeded) as refused:
        submit(actor=ANN)
    assert refused.value.fields == {"tokens_per_day": "100 tokens a day for this person"}
    assert submit(actor=BEN).created
    quotas.remove(row=personal, by=STAFF)
    assert submit(actor=ANN).created
    quota(tokens_per_day=100)
    with pytest.raises(QuotaExceeded, match="midnight") as refused:
        submit(actor=BEN)
    assert refused.value.fields == {"tokens_per_day": "100 tokens a day for this clinic"}


@pytest.mark.django_db
def test_yesterday_does_not_count() -> None:
    quota(jobs_per_day=1, tokens_per_day=10)
    submit()
    spend(50)
    with public_context():
        Job.objects.update(created_at=datetime.now(UTC) - timedelta(days=1))
        TokenUsage.objects.update(day=datetime.now(UTC).date() - timedelta(days=1))
    assert submit().created


@pytest.mark.django_db
@pytest.mark.parametrize("given", [{}, {"jobs_per_day": None, "tokens_per_day": None}, {"person": "*"}])
def test_an_empty_number_is_no_limit(given: dict[str, Any]) -> None:
    quota(**given)
    for _ in range(3):
        assert submit(actor=ANN).created


@pytest.mark.django_db
def test_zero_is_a_limit_and_an_emergency_is_never_refused_for_it() -> None:
    quota(jobs_per_day=0, tokens_per_day=0)
    for lane in get_args(Lane):
        if lane == "emergency":
            assert submit(lane=lane).created
        else:
            with pytest.raises(QuotaExceeded):
                submit(lane=lane)


@pytest.mark.django_db
def test_a_repeated_key_gets_its_job_also_when_that_job_was_the_last_allowed() -> None:
    quota(jobs_per_day=1)
    first = submit(key="k1")
    again = submit(key="k1")
    assert (again.job_id, again.created) == (first.job_id, False)
    with pytest.raises(QuotaExceeded):
        submit(key="k2")


@pytest.mark.django_db(transaction=True)
def test_thirty_parallel_submissions_make_exactly_the_jobs_that_are_allowed() -> None:
    quota(jobs_per_day=7)
    refused: list[str] = []
    made: list[Any] = []

    def one(clinic: str) -> None:
        try:
            made.append(submit(clinic, actor=None if clinic == "beta" else ANN))
        except QuotaExceeded as error:
            refused.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=[clinic]) for clinic in ["alpha"] * 30 + ["beta"] * 5]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(refused)) == (12, 23)
    with public_context():
        assert Job.objects.filter(clinic="alpha").count() == 7


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "given"),
    [("clinic", {"clinic": "gamma"}), ("person", {"person": "ann"}), ("jobs_per_day", {"jobs_per_day": -1})],
)
def test_a_wrong_quota_is_refused_by_field(field: str, given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        Quota(**{"clinic": "alpha", **given}).full_clean()
    assert field in refused.value.message_dict


@pytest.mark.django_db
def test_a_clinics_administrator_sets_no_quota() -> None:
    ada = Actor(kind="user", id="3", clinic="alpha", role=Role.CLINIC_ADMIN)
    with clinic_context("alpha"), pytest.raises(PermissionDenied):
        quotas.store(row=Quota(clinic="alpha", jobs_per_day=1), by=ada, created=True)


# --- the estimated wait ---------------------------------------------------------------------------


def picture(waiting: dict[tuple[str, int], int], running: int = 1, mean: float | None = 10.0) -> estimate.Picture:
    return estimate.Picture(waiting, running, mean)


@pytest.mark.parametrize(
    ("waiting", "own", "ahead"),
    [
        ({}, 0, 0),
        ({("alpha", 1): 4}, 4, 4),
        ({("alpha", 0): 2, ("beta", 0): 3}, 0, 5),
        ({("beta", 1): 100}, 0, 1),
        ({("beta", 1): 100, ("gamma", 1): 1}, 2, 6),
        ({("beta", 2): 100, ("alpha", 2): 50}, 0, 0),
    ],
)
def test_jobs_ahead_are_counted_as_the_fair_claim_serves_them(waiting: Any, own: int, ahead: int) -> None:
    assert picture(waiting).ahead("alpha", 1, own) == ahead
    assert picture(waiting, running=2).seconds("alpha", 1, own) == ahead * 5
    assert picture(waiting, running=0).seconds("alpha", 1, own) == ahead * 10
    assert picture(waiting, mean=None).seconds("alpha", 1, own) is None


@pytest.mark.parametrize(("wait", "seconds"), [(None, 30), (0, 5), (17, 17), (9999, 300)])
def test_retry_after_stays_within_its_bounds(wait: int | None, seconds: int) -> None:
    assert estimate.retry_after(wait) == seconds


def finished(seconds: float) -> None:
    """One job of the queue that ran for so long."""
    registry.bind(KIND, lambda run: run.complete(lambda: None))
    job_id = submit().job_id
    assert runner.drain(KIND.queue) == 1
    with public_context():
        job = Job.objects.get(pk=job_id)
        Job.objects.filter(pk=job_id).update(finished_at=job.started_at + timedelta(seconds=seconds))  # type: ignore[operator]
    estimate.forget_estimates()


@pytest.mark.django_db
def test_the_mean_is_of_what_ended_and_unknown_before() -> None:
    submit()
    assert estimate.wait_of_next(queue=KIND.queue, clinic="alpha", lane="interactive") is None
    runner.drain(KIND.queue)
    with public_context():
        Job.objects.all().delete()
    finished(4.0)
    finished(8.0)
    for _ in range(3):
        submit()
    submit("beta")
    assert estimate.wait_of_next(queue=KIND.queue, clinic="alpha", lane="interactive") == 24
    assert estimate.wait_of_next(queue=KIND.queue, clinic="beta", lane="interactive") == 18
    assert estimate.wait_of_next(queue=KIND.queue, clinic="beta", lane="emergency") == 0


@pytest.mark.django_db
def test_a_picture_is_kept_for_a_moment(django_assert_num_queries: Any) -> None:
    with public_context():
        estimate.picture_of(KIND.queue)
        with django_assert_num_queries(0):
            estimate.picture_of(KIND.queue)


@pytest.mark.django_db
def test_a_full_queue_says_how_long_and_when_to_come_back(settings: Any) -> None:
    settings.JOB_CLINIC_QUEUE_LIMIT = 2
    finished(20.0)
    submit()
    submit()
    with pytest.raises(TooManyRequests) as refused:
        submit()
    assert refused.value.more == {"estimated_wait_s": 40}
    assert refused.value.retry_after == 40


@pytest.mark.django_db
def test_a_job_tells_its_wait_while_it_is_queued(api: Any, alice: Any, bob: Any) -> None:
    finished(20.0)
    first, second = submit().job_id, submit().job_id
    assert api(alice).get(f"/api/v1/jobs/{first}").json()["estimated_wait_s"] == 0
    assert api(alice).get(f"/api/v1/jobs/{second}").json()["estimated_wait_s"] == 20
    assert api(bob).get(f"/api/v1/jobs/{second}").status_code == 404
    assert ledger.claim(queue=KIND.queue, worker="w")
    assert api(alice).get(f"/api/v1/jobs/{first}").json()["estimated_wait_s"] is None


# --- the API and the admin ------------------------------------------------------------------------


@pytest.mark.django_db
def test_usage_shows_days_people_models_and_what_is_left(api: Any, ada: Any, audrey: Any, key_of: Any) -> None:
    quota(jobs_per_day=5, tokens_per_day=1000)
    quota(person="*", jobs_per_day=3)
    quota("beta", jobs_per_day=1)
    submit(actor=ANN)
    submit("beta")
    spend(100)
    spend(50, adapter="alpha-1", person="user:902")
    spend(999, clinic="beta")
    today = datetime.now(UTC).date().isoformat()
    found = api(ada).get("/api/v1/usage").json()
    assert found == {
        "days": [{"day": today, "calls": 2, "prompt_tokens": 148, "completion_tokens": 2, "jobs": 1}],
        "people": [
            {"person": "user:901", "calls": 1, "prompt_tokens": 99, "completion_tokens": 1, "jobs": 1},
            {"person": "user:902", "calls": 1, "prompt_tokens": 49, "completion_tokens": 1, "jobs": 0},
        ],
        "models": [
            {"backbone": "heavy", "model": "llama", "adapter": "", "calls": 1, "prompt_tokens": 99, "completion_tokens": 1},
            {"backbone": "heavy", "model": "llama", "adapter": "alpha-1", "calls": 1, "prompt_tokens": 49, "completion_tokens": 1},
        ],
        "quotas": [
            {"person": "", "jobs_per_day": 5, "tokens_per_day": 1000, "jobs_left": 4, "tokens_left": 850},
            {"person": "*", "jobs_per_day": 3, "tokens_per_day": None, "jobs_left": None, "tokens_left": None},
        ],
    }  # fmt: skip
    assert api(audrey).get("/api/v1/usage?days=1").json() == found
    key = key_of("alpha", Permission.USAGE_READ)
    assert api(key=key).get("/api/v1/usage").json() == found


@pytest.mark.django_db
def test_usage_is_not_for_everybody(api: Any, alice: Any, nora: Any, pat: Any, stranger_key: str, key_of: Any) -> None:
    for person in (alice, nora, pat):
        assert api(person).get("/api/v1/usage").status_code == 403
    assert api().get("/api/v1/usage").status_code == 401
    assert api(key=stranger_key).get("/api/v1/usage").status_code == 403
    assert api(key=key_of("alpha", Permission.CASE_READ)).get("/api/v1/usage").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("days", ["0", "93", "x", "-1", "1.5", "9999"])
def test_a_wrong_number_of_days_is_refused_by_name(api: Any, ada: Any, days: str) -> None:
    answer = api(ada).get(f"/api/v1/usage?days={days}")
    assert (answer.status_code, set(answer.json()["errors"])) == (400, {"days"})


@pytest.mark.django_db
def test_staff_sets_quotas_and_reads_usage_in_the_admin(api: Any, staff: Any, ada: Any) -> None:
    site = api(staff)
    body = {"clinic": "alpha", "person": "*", "jobs_per_day": "3", "tokens_per_day": ""}
    assert site.post("/admin/jobs/quota/add/", body, format="multipart").status_code == 302
    row = Quota.objects.get()
    assert (row.person, row.jobs_per_day, row.tokens_per_day) == ("*", 3, None)
    again = site.post("/admin/jobs/quota/add/", body, format="multipart")
    assert "already" in again.content.decode()
    unknown = site.post("/admin/jobs/quota/add/", {**body, "clinic": "gamma"}, format="multipart")
    assert (unknown.status_code, Quota.objects.count()) == (200, 1)
    spend(10)
    assert "user:901" in site.get("/admin/jobs/tokenusage/").content.decode()
    assert site.get("/admin/jobs/tokenusage/add/").status_code == 403
    assert site.post(f"/admin/jobs/quota/{row.pk}/delete/", {"post": "yes"}, format="multipart").status_code == 302
    assert not Quota.objects.exists()
    actions = AuditEntry.objects.filter(object_type="quota").values_list("action", flat=True)
    assert sorted(actions) == ["quota.created", "quota.deleted"]
    for path in ("/admin/jobs/quota/", "/admin/jobs/tokenusage/"):
        assert api(ada).get(path).status_code in {302, 403, 404}
