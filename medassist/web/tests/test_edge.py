"""What every answer of the API carries: rates, ETags, the version, what is on its way out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import redis

from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from medassist.accounts.access import Permission
from medassist.audit.models import AuditEntry
from medassist.jobs.progress import client as redis_client
from medassist.tenancy.context import clinic_context
from medassist.tenancy.services import set_rates
from medassist.web import limits, versions

pytestmark = pytest.mark.django_db

Api = Callable[..., Any]


@pytest.fixture(autouse=True)
def _nothing_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and people have the same names in every test; what an earlier one sent must not count here."""
    monkeypatch.setattr(limits, "_silent_until", 0.0)
    names = [*redis_client().scan_iter("rate:*"), *redis_client().scan_iter("keyuse:*")]
    if names:
        redis_client().delete(*names)
    # No test may meet the end of a minute.
    monkeypatch.setattr("medassist.web.limits.time.time", lambda: 1_800_000_010.0)


def rates(reads: int | None, writes: int | None) -> None:
    set_rates(schema_name="alpha", reads=reads, writes=writes, by="tests")


# --- rates ----------------------------------------------------------------------------------------


def test_an_answer_says_how_many_requests_are_left(api: Api, key_of: Api) -> None:
    rates(5, None)
    client = api(key=key_of("alpha"))
    said = [client.get("/api/v1/cases") for _ in range(2)]
    assert [one["RateLimit"] for one in said] == ['"read";r=4;t=50', '"read";r=3;t=50']
    assert said[0]["RateLimit-Policy"] == '"read";q=5;w=60'


def test_beyond_the_limit_it_is_a_problem_that_says_when_to_come_back(api: Api, key_of: Api) -> None:
    rates(2, None)
    key = key_of("alpha")
    answers = [api(key=key).get("/api/v1/cases") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert answers[2].json()["code"] == "rate_limited"
    assert (answers[2]["Retry-After"], answers[2]["RateLimit"]) == ("50", '"read";r=0;t=50')


def test_polling_does_not_use_up_what_a_case_needs(api: Api, key_of: Api) -> None:
    rates(1, 1)
    client = api(key=key_of("alpha"))
    assert [client.get("/api/v1/cases").status_code for _ in range(2)] == [200, 429]
    sent = client.post("/api/v1/cases/analyze", {"presenting_complaint": "Cough for two days"}, format="json")
    assert (sent.status_code, sent["RateLimit"]) == (202, '"write";r=0;t=50')


def test_callers_and_clinics_are_counted_apart(api: Api, key_of: Api, alice: Any, nora: Any, bob: Any) -> None:
    rates(1, None)
    full = [api(key=key_of("alpha")), api(key=key_of("alpha")), api(alice), api(nora)]
    assert [one.get("/api/v1/cases").status_code for one in full] == [200] * 4
    assert [one.get("/api/v1/cases").status_code for one in full] == [429] * 4
    # Bob has Alice's number, in the other clinic, which kept the installation's default.
    assert [api(bob).get("/api/v1/cases").status_code for _ in range(2)] == [200, 200]


def test_the_installations_default_holds_unless_the_clinic_says_otherwise(api: Api, key_of: Api, settings: Any) -> None:
    settings.API_READS_PER_MINUTE = 7
    client = api(key=key_of("alpha"))
    assert client.get("/api/v1/cases")["RateLimit-Policy"] == '"read";q=7;w=60'
    rates(0, None)
    assert "RateLimit" not in client.get("/api/v1/cases")


def test_a_new_minute_begins_anew(api: Api, key_of: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    rates(1, None)
    client = api(key=key_of("alpha"))
    assert [client.get("/api/v1/cases").status_code for _ in range(2)] == [200, 429]
    monkeypatch.setattr("medassist.web.limits.time.time", lambda: 1_800_000_060.0)
    assert client.get("/api/v1/cases").status_code == 200


def test_without_redis_nobody_is_refused_and_redis_is_asked_once(
    api: Api, key_of: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def away() -> Any:
        asked.append(1)
        raise redis.ConnectionError("away")

    rates(1, None)
    client = api(key=key_of("alpha"))
    monkeypatch.setattr(limits, "client", away)
    monkeypatch.setattr("medassist.web.edge.carry_over", lambda prefix: None)
    answers = [client.get("/api/v1/cases") for _ in range(3)]
    assert [one.status_code for one in answers] == [200] * 3
    assert "RateLimit" not in answers[0]
    assert len(asked) == 1


# --- ETags ----------------------------------------------------------------------------------------


@pytest.fixture
def stored(in_alpha: Any) -> Any:
    return make_case("done", samples.full())


def test_what_has_not_changed_is_not_sent_again_but_its_reading_is_noted(api: Api, key_of: Api, stored: Any) -> None:
    client = api(key=key_of("alpha"))
    path = f"/api/v1/cases/{stored.id}"
    first = client.get(path)
    assert re.fullmatch(r'"[\w-]{24}"', first["ETag"])
    assert first["Cache-Control"] == "private, no-cache"
    assert "Authorization" in first["Vary"]
    before = AuditEntry.objects.count()
    again = client.get(path, HTTP_IF_NONE_MATCH=f'"other", W/{first["ETag"]}')
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    assert again["Cache-Control"] == "private, no-cache"
    assert "Content-Type" not in again
    assert AuditEntry.objects.count() == before + 1


def test_what_has_changed_is_sent(api: Api, key_of: Api, stored: Any) -> None:
    client = api(key=key_of("alpha"))
    tag = client.get("/api/v1/cases")["ETag"]
    assert client.get("/api/v1/cases", HTTP_IF_NONE_MATCH=tag).status_code == 304
    make_case("queued", samples.full())
    changed = client.get("/api/v1/cases", HTTP_IF_NONE_MATCH=tag)
    assert (changed.status_code, changed["ETag"] == tag) == (200, False)


def test_a_browser_on_a_ward_keeps_nothing(api: Api, alice: Any, stored: Any) -> None:
    assert api(alice).get(f"/api/v1/cases/{stored.id}")["Cache-Control"] == "no-store"


def test_an_etag_opens_nothing(api: Api, key_of: Api, stranger_key: str, stored: Any) -> None:
    path = f"/api/v1/cases/{stored.id}"
    tag = api(key=key_of("alpha")).get(path)["ETag"]
    for client in (api(), api(key=stranger_key, host="beta.localhost"), api(key=key_of("alpha", Permission.JOB_READ))):
        for known in (tag, "*"):
            answer = client.get(path, HTTP_IF_NONE_MATCH=known)
            assert answer.status_code in {401, 403, 404}
            assert "ETag" not in answer


def test_tickets_errors_and_health_have_no_etag(api: Api, key_of: Api, stored: Any, settings: Any) -> None:
    settings.EVENTS_URL = "https://events.example"
    client = api(key=key_of("alpha"))
    for path, status in (
        (f"/api/v1/jobs/{stored.latest_job_id}/events", 307), ("/api/v1/cases?limit=no", 400), ("/api/v1/health/live", 200),
    ):  # fmt: skip
        answer = client.get(path, HTTP_IF_NONE_MATCH="*")
        assert (path, answer.status_code, "ETag" in answer) == (path, status, False)
        assert answer["Cache-Control"] == "no-store"


# --- versions -------------------------------------------------------------------------------------


def test_every_answer_names_the_version_and_nothing_is_deprecated(api: Api, client: Any, settings: Any) -> None:
    assert versions.DEPRECATIONS == {}
    assert settings.SPECTACULAR_SETTINGS["VERSION"] == versions.API_VERSION
    answer = api().get("/api/v1/cases")
    assert (answer.status_code, answer["API-Version"]) == (401, versions.API_VERSION)
    assert "Deprecation" not in answer
    assert "API-Version" not in client.get("/health/live", HTTP_HOST="alpha.localhost")


def test_what_is_on_its_way_out_says_so_in_headers_and_description(
    api: Api, key_of: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = versions.Deprecation(
        since=datetime(2027, 1, 1, tzinfo=UTC), sunset=datetime(2028, 1, 1, tzinfo=UTC), successor="/api/v2/cases",
        reading="https://docs.example/versions",
    )  # fmt: skip
    monkeypatch.setattr(versions, "DEPRECATIONS", {("GET", "cases-list"): ending})
    client = api(key=key_of("alpha"))
    answer = client.get("/api/v1/cases")
    assert answer["Deprecation"] == "@1798761600"
    assert answer["Sunset"] == "Sat, 01 Jan 2028 00:00:00 GMT"
    assert answer["Link"] == (
        '<https://docs.example/versions>; rel="deprecation"; type="text/html", </api/v2/cases>; rel="successor-version"'
    )
    assert "Deprecation" not in client.get("/api/v1/usage")
    described = client.get("/api/v1/schema/?format=json").json()["paths"]
    assert described["/api/v1/cases"]["get"]["deprecated"] is True
    assert "deprecated" not in described["/api/v1/usage"]["get"]


# --- what a key did -------------------------------------------------------------------------------


def test_requests_of_a_key_are_counted_by_day_and_survive_redis(api: Api, key_of: Api) -> None:
    rates(2, None)
    key = key_of("alpha")
    prefix = key.split("_")[1]
    for _ in range(3):
        api(key=key).get("/api/v1/cases")
    with clinic_context("alpha"):
        [(place, counted)] = limits.use_of([prefix], days=1).items()
        assert (place[0], counted) == (prefix, (3, 1))
        limits.carry_over(prefix)
        assert limits.use_of([prefix], days=1)[place] == (3, 1)
        redis_client().delete(*redis_client().scan_iter("keyuse:*"), "keyuse:none")
        assert limits.use_of([prefix], days=1)[place] == (3, 1)
