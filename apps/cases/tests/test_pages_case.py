"""The case page in every state: triage first, honest about what is missing, withheld or unknown."""

from __future__ import annotations

import re
from typing import Any

import pytest

from apps.cases.models import Case
from apps.cases.tests import samples
from apps.cases.tests.stored import add_assessment, job_of, make_case
from medassist.audit.models import AuditEntry
from medassist.clinical.assessment import Triage
from medassist.jobs.models import Job

pytestmark = pytest.mark.django_db


def text_of(response: Any) -> str:
    """The page's words without tags, space collapsed."""
    body = re.sub(r"<(script|style|template).*?</\1>", " ", response.content.decode(), flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture
def look(in_alpha: Any, api: Any, alice: Any) -> Any:
    client = api(alice)
    return lambda case, **headers: client.get(f"/cases/{case.id}/", headers=headers)


def test_triage_and_red_flags_come_before_the_differential(look: Any) -> None:
    text = text_of(look(make_case(assessment=samples.full())))
    order = [
        "Emergency now", samples.ESCALATION.title, "Red flags", "Summary", "Differential diagnosis",
        "In the record but not addressed", "Missing information", "Evidence", "How this was checked",
    ]  # fmt: skip
    places = [text.index(words) for words in order]
    assert places == sorted(places)


def test_claims_for_against_and_missing_are_shown_by_band(look: Any) -> None:
    text = text_of(look(make_case(assessment=samples.full())))
    assert text.index("Cannot miss") < text.index("Acute coronary syndrome") < text.index("Possible")
    assert "No calf swelling was found." in text
    assert "A 12-lead ECG" in text
    assert "not verified" in text


def test_uncertainty_without_calibration_is_said_in_words(look: Any) -> None:
    text = text_of(look(make_case(assessment=samples.full())))
    assert "No probability: this model version has no calibration record." in text
    assert "8 to 21 %" in text


def test_a_guideline_chip_opens_its_passage_and_a_record_chip_points_into_the_record(look: Any) -> None:
    body = look(make_case(assessment=samples.full())).content.decode()
    start = samples.PASSAGE_TEXT.index(samples.QUOTE)
    assert f'hx-get="/passages/medquad/1/?start={start}&amp;end={start + len(samples.QUOTE)}"' in body
    targets = set(re.findall(r'href="#(rec-[^"]+)"', body))
    assert {"rec-history", "rec-labs-0", "rec-vitals-heart_rate", "rec-examination"} <= targets
    for target in targets:
        assert f'id="{target}"' in body


def test_recorded_medicines_are_shown_from_the_record(look: Any) -> None:
    summary = text_of(look(make_case(assessment=samples.full()))).split("Differential diagnosis")[0]
    assert "metformin 500 mg twice daily" in summary
    assert "penicillin (rash)" in summary


def test_provenance_says_that_no_language_model_wrote_it(look: Any) -> None:
    text = text_of(look(make_case(assessment=samples.full())))
    assert "no: the reference backbone puts the text together" in text
    assert "The safety guard removed 2 sentences." in text
    assert "assessment.v1" in text


def test_rules_that_no_clinician_signed_off_say_so(look: Any) -> None:
    assert "not yet signed off by a clinician" in text_of(look(make_case(assessment=samples.full())))


def test_a_level_that_the_model_raised_is_named_as_raised(look: Any) -> None:
    floor = samples.FLOOR.model_copy(update={"level": "same_day"})
    case = make_case(
        assessment=samples.full(triage=Triage(level="emergency_now", floor="same_day", news2=samples.NEWS))
    )
    case.floor = floor.model_dump(mode="json")
    case.save(update_fields=["floor"])
    assert "Raised from the rules' minimum: Same day" in text_of(look(case)).replace("&#x27;", "'")


@pytest.mark.parametrize(
    ("assessment", "said"),
    [
        (samples.abstained(), "MedAssist abstains"),
        (samples.withheld(), "withheld by a safety check"),
    ],
    ids=["abstained", "withheld"],
)
def test_without_a_differential_reasons_flags_and_missing_information_remain(
    look: Any, assessment: Any, said: str
) -> None:
    text = text_of(look(make_case(assessment=assessment)))
    assert said in text
    assert "Differential diagnosis" not in text
    assert "Suspected acute coronary syndrome" in text
    assert samples.ESCALATION.title in text
    assert "Temperature and level of consciousness" in text


def test_an_unknown_reason_is_still_shown(look: Any) -> None:
    text = text_of(look(make_case(assessment=samples.abstained())))
    assert "found nothing that fits this case" in text
    assert "a code from the future" in text


def test_while_it_runs_the_rules_are_shown_with_the_steps(look: Any) -> None:
    response = look(make_case("running", step="draft"))
    text = text_of(response)
    assert "By rules, before any model" in text
    assert "Suspected acute coronary syndrome" in text
    assert "Cancel the analysis" in text
    body = response.content.decode()
    assert re.search(r'data-step="retrieve" data-state="finished"', body)
    assert re.search(r'data-step="draft" data-state="started"', body)
    assert re.search(r"<noscript>.*Reload to see how far it is.*</noscript>", body, re.S)
    assert "longer than usual" not in text


def test_a_long_wait_is_admitted(look: Any) -> None:
    assert "longer than usual" in text_of(look(make_case("queued", age_s=120)))


def test_a_dead_job_keeps_the_triage_and_says_why(look: Any) -> None:
    text = text_of(look(make_case("dead", reason="deadline_exceeded")))
    assert "The analysis failed" in text
    assert "It took longer than allowed." in text
    assert "Suspected acute coronary syndrome" in text
    assert "Analyse again" in text


def test_a_new_analysis_keeps_the_previous_answer_in_view(look: Any) -> None:
    case = make_case("running", step="gather")
    add_assessment(case, samples.full(), samples.JOB_ID)
    text = text_of(look(case))
    assert "A new analysis is running; the previous one is below" in text
    assert "Acute coronary syndrome" in text


def test_polling_gives_steps_and_then_the_answer_in_their_place(in_alpha: Any, api: Any, alice: Any) -> None:
    case = make_case("running", step="retrieve")
    address, client = f"/cases/{case.id}/jobs/{case.latest_job_id}/", api(alice)
    running = client.get(address, headers={"hx-request": "true"})
    assert 'data-step="retrieve" data-state="started"' in running.content.decode()
    assert "HX-Retarget" not in running.headers
    Job.objects.filter(pk=job_of(case)).update(state="done")
    add_assessment(case, samples.full(), job_of(case))
    done = client.get(address, headers={"hx-request": "true"})
    assert done.headers["HX-Retarget"] == "#live"
    assert "Differential diagnosis" in done.content.decode()
    assert done.headers["Cache-Control"] == "no-store"
    assert "<html" not in done.content.decode()


def test_polling_a_running_job_reads_no_patient_data_and_leaves_no_audit_rows(
    in_alpha: Any, api: Any, alice: Any
) -> None:
    case = make_case("running", step="retrieve")
    client = api(alice)
    before = AuditEntry.objects.filter(action="case.read").count()
    for _ in range(3):
        client.get(f"/cases/{case.id}/jobs/{case.latest_job_id}/", headers={"hx-request": "true"})
    assert AuditEntry.objects.filter(action="case.read").count() == before
    client.get(f"/cases/{case.id}/")
    assert AuditEntry.objects.filter(action="case.read").count() == before + 1


def test_a_job_of_another_case_is_not_found(in_alpha: Any, api: Any, alice: Any) -> None:
    one, other = make_case("running"), make_case("running")
    response = api(alice).get(f"/cases/{one.id}/jobs/{other.latest_job_id}/", headers={"hx-request": "true"})
    assert response.status_code == 404


def test_cancelling_a_waiting_analysis_cancels_it(in_alpha: Any, api: Any, alice: Any) -> None:
    case = make_case("queued")
    response = api(alice).post(f"/cases/{case.id}/jobs/{case.latest_job_id}/cancel/")
    assert (response.status_code, response.headers["Location"]) == (302, f"/cases/{case.id}/")
    assert Job.objects.get(pk=job_of(case)).state == "cancelled"


def test_cancelling_what_has_ended_says_so_instead_of_failing(in_alpha: Any, api: Any, alice: Any) -> None:
    case = make_case(assessment=samples.full())
    client = api(alice)
    client.post(f"/cases/{case.id}/jobs/{case.latest_job_id}/cancel/")
    assert "had already ended" in text_of(client.get(f"/cases/{case.id}/"))


def test_analysing_again_queues_a_new_job(in_alpha: Any, api: Any, alice: Any) -> None:
    case = make_case("dead", reason="worker_lost")
    response = api(alice).post(f"/cases/{case.id}/reanalyse/")
    assert response.status_code == 302
    latest = Case.objects.get(pk=case.pk).latest_job_id
    assert latest != case.latest_job_id
    assert latest
    assert Job.objects.get(pk=latest).state == "queued"


def test_what_was_typed_is_escaped(look: Any, in_alpha: Any) -> None:
    case = make_case(assessment=samples.full())
    case.payload = {**samples.CASE_DATA, "history": "<script>alert(1)</script>", "medications": ["<b>x</b>"]}
    case.save(update_fields=["payload"])
    body = look(case).content.decode()
    assert "<script>alert" not in body
    assert "<b>x</b>" not in body
    assert "&lt;script&gt;alert(1)" in body
