"""What operators do with the ledger: look, queue again, cancel, drain, measure."""

from __future__ import annotations

import io
import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from medassist.accounts.access import system_actor
from medassist.audit.models import AuditEntry
from medassist.common.errors import StateConflict
from medassist.jobs import ledger, registry, runner, services
from medassist.jobs.models import Job
from medassist.jobs.overview import overview
from medassist.jobs.schemas import JobKind
from medassist.tenancy.context import clinic_context, public_context

pytestmark = pytest.mark.django_db

KIND = registry.declare(JobKind(name="tests.operations", queue="tests-operations"))


@pytest.fixture(autouse=True)
def _handled() -> None:
    registry.bind(KIND, lambda run: run.complete(lambda: None))


def submit(clinic: str = "alpha") -> UUID:
    with clinic_context(clinic), transaction.atomic():
        return services.submit(kind=KIND, actor=system_actor(clinic, "tests"), lane="interactive", references={}).job_id


def dead(clinic: str = "alpha") -> UUID:
    job_id = submit(clinic)
    leased = ledger.claim(queue=KIND.queue, worker="w")
    assert leased is not None
    assert ledger.bury(job_id=leased.id, fence=leased.fence, reason="error:Boom")
    return job_id


def job(job_id: UUID) -> Job:
    with public_context():
        return Job.objects.get(pk=job_id)


def jobs(*arguments: str) -> str:
    out = io.StringIO()
    call_command("jobs", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def test_a_dead_letter_is_queued_again_and_done_with_a_higher_fence() -> None:
    job_id = dead()
    before = job(job_id).fence
    assert str(job_id) in jobs("retry", str(job_id))
    assert (job(job_id).state, job(job_id).attempt, job(job_id).reason) == ("queued", 0, "")
    assert "1 jobs were run" in jobs("drain", "--queue", KIND.queue)
    assert job(job_id).state == "done"
    assert job(job_id).fence > before
    with clinic_context("alpha"):
        assert AuditEntry.objects.filter(action="job.retry", object_id=str(job_id)).exists()


def test_only_a_dead_letter_can_be_queued_again() -> None:
    job_id = submit()
    with clinic_context("alpha"), pytest.raises(StateConflict):
        services.retry(actor=system_actor("alpha", "tests"), job_id=job_id)
    with pytest.raises(CommandError, match="1 of 1"):
        jobs("retry", str(job_id))


def test_all_dead_letters_of_one_clinic_are_queued_again_and_no_others() -> None:
    mine, theirs = dead("alpha"), dead("beta")
    jobs("retry", "--all", "--clinic", "alpha")
    assert (job(mine).state, job(theirs).state) == ("queued", "dead")


def test_the_list_shows_states_and_reasons_without_any_clinic_context() -> None:
    buried, waiting = dead(), submit("beta")
    rows = [json.loads(line) for line in jobs("list", "--json", "--queue", KIND.queue).splitlines()]
    assert {(row["id"], row["state"], row["reason"]) for row in rows} == {
        (str(buried), "dead", "error:Boom"), (str(waiting), "queued", ""),
    }  # fmt: skip
    assert "error:Boom" in jobs("list", "--state", "dead")
    assert str(waiting) not in jobs("list", "--clinic", "alpha")


def test_work_is_cancelled_and_unknown_jobs_are_named() -> None:
    job_id = submit()
    assert "cancelled" in jobs("cancel", str(job_id))
    with pytest.raises(CommandError):
        jobs("cancel", str(uuid4()))
    with pytest.raises(CommandError, match="Name jobs"):
        jobs("cancel")


def test_the_overview_counts_over_all_clinics() -> None:
    dead()
    submit("alpha")
    submit("beta")
    found = overview()
    assert [(row.lane, row.waiting) for row in found.backlog if row.queue == KIND.queue] == [("interactive", 2)]
    assert found.dead[KIND.queue] == 1
    runner.drain(KIND.queue)
    after = overview()
    done = next(row for row in after.ended if (row.queue, row.state) == (KIND.queue, "done"))
    assert (done.count, done.attempts) == (2, 2)
    assert done.run_p95_s >= 0


def test_metrics_are_prometheus_text_without_a_clinic(client: Any) -> None:
    submit()
    response = client.get("/metrics", HTTP_HOST="127.0.0.1")
    assert response["Content-Type"].startswith("text/plain; version=0.0.4")
    text = response.content.decode()
    assert f'medassist_jobs_waiting{{queue="{KIND.queue}",lane="interactive"}} 1' in text
    assert "alpha" not in text
    assert all(line.startswith(("#", "medassist_")) for line in text.splitlines())
    assert client.get("/metrics", HTTP_HOST="alpha.localhost").status_code == 404


def test_metrics_ask_for_their_token_when_there_is_one(client: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "sesame"
    assert client.get("/metrics", HTTP_HOST="127.0.0.1").status_code == 401
    assert client.get("/metrics", HTTP_HOST="127.0.0.1", HTTP_AUTHORIZATION="Bearer sesame").status_code == 200


def test_staff_sees_and_requeues_jobs_in_the_admin_and_a_clinic_does_not(api: Any, staff: Any, ada: Any) -> None:
    job_id = dead()
    page = api(staff, host="localhost").get("/admin/jobs/job/")
    assert page.status_code == 200
    assert "error:Boom" in page.content.decode()
    answer = api(staff, host="localhost").post(
        "/admin/jobs/job/", {"action": "queue_again", "_selected_action": [str(job_id)]}, format="multipart"
    )
    assert answer.status_code == 302
    assert job(job_id).state == "queued"
    assert api(ada).get("/admin/jobs/job/").status_code in {302, 403}


@pytest.mark.django_db
def test_staff_weighs_a_clinics_share_and_nobody_else(api: Any, staff: Any, ada: Any) -> None:
    from medassist.accounts.access import Permission, system_actor
    from medassist.audit.models import AuditEntry
    from medassist.common.errors import InvalidInput, NotFound, PermissionDenied
    from medassist.jobs.models import ClinicTurn

    with public_context():
        turn = ClinicTurn.objects.create(clinic="alpha", queue="llm")
        page = f"/admin/jobs/clinicturn/{turn.pk}/change/"
    client = api(staff)
    assert client.get(page).status_code == 200
    assert client.post(page, {"weight": "100"}).status_code == 200
    assert client.post(page, {"weight": "2.5"}).status_code == 302
    with public_context():
        assert ClinicTurn.objects.get(pk=turn.pk).weight == 2.5
        assert AuditEntry.objects.filter(action="job.weigh", object_id="alpha").count() == 1
        by = system_actor("public", "tests", scopes=frozenset({Permission.CLINIC_MANAGE}))
        with pytest.raises(InvalidInput):
            services.weigh(actor=by, clinic="alpha", queue="llm", weight=float("nan"))
        with pytest.raises(NotFound):
            services.weigh(actor=by, clinic="nowhere", queue="llm", weight=1.0)
        with pytest.raises(PermissionDenied):
            services.weigh(actor=system_actor("public", "x"), clinic="alpha", queue="llm", weight=1.0)
    assert api(ada).get(page).status_code in (302, 403, 404)
