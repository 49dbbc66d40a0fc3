from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.client import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from medassist.accounts.access import Permission, system_actor
from medassist.accounts.services import revoke_api_key
from medassist.tenancy.context import current_schema
from medassist.tenancy.models import Clinic, Domain
from medassist.tenancy.selectors import forget_clinics

pytestmark = [pytest.mark.django_db, pytest.mark.urls("medassist.accounts.tests.probe")]

Api = Callable[..., APIClient]


@pytest.mark.parametrize(("host", "schema"), [("alpha.localhost", "alpha"), ("BETA.localhost:8000", "beta")])
def test_the_host_name_says_which_clinic(api: Api, host: str, schema: str) -> None:
    assert api(host=host).get("/where").json() == {"schema": schema, "clinic": schema}


@pytest.mark.parametrize("host", ["gamma.localhost", "alpha.example.org", "bad_host!", "www.alpha.localhost"])
def test_an_unknown_host_is_404(api: Api, host: str) -> None:
    answer = api(host=host).get("/where")
    assert (answer.status_code, answer.content) == (404, b"Not found\n")


@pytest.mark.parametrize("state", ["provisioning", "closing", "closed"])
def test_a_clinic_that_is_not_open_looks_like_none(api: Api, state: str) -> None:
    Clinic.objects.filter(schema_name="beta").update(state=state)
    forget_clinics()
    assert api(host="beta.localhost").get("/where").status_code == 404


def test_a_known_host_costs_no_query(api: Api) -> None:
    client = api()
    client.get("/unnamed")
    with CaptureQueriesContext(connection) as queries:
        client.get("/unnamed")
    assert len(queries) == 0


def test_a_new_host_name_answers_at_once(api: Api) -> None:
    assert api(host="second.localhost").get("/where").status_code == 404
    Domain.objects.create(domain="second.localhost", tenant=Clinic.objects.get(schema_name="alpha"), is_primary=False)
    assert api(host="second.localhost").get("/where").json()["schema"] == "alpha"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_public_host_serves_the_public_site(api: Api, host: str) -> None:
    assert api(host=host).get("/login/").status_code == 200
    assert api(host=host).get("/where").status_code == 404


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_on_the_public_host_the_key_says_which_clinic(api: Api, key_of: Callable[..., str], host: str) -> None:
    answer = api(host=host, key=key_of("beta")).get("/case")
    assert (answer.status_code, answer.json()["clinic"]) == (200, "beta")


def test_on_the_public_host_a_bad_key_is_refused_before_any_clinic(api: Api, key_of: Callable[..., str]) -> None:
    key = key_of("beta")
    revoke_api_key(
        clinic="beta", prefix=key.split("_")[1], by=system_actor("public", "tests", scopes=frozenset(Permission))
    )
    for sent, code in ((key, "key_revoked"), ("nonsense", "not_authenticated")):
        answer = api(host="localhost", key=sent).get("/case")
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert answer["Content-Type"] == "application/problem+json"
        assert answer["WWW-Authenticate"] == "Api-Key"


def test_a_host_and_a_key_of_different_clinics_are_refused(api: Api, stranger_key: str) -> None:
    answer = api(host="alpha.localhost", key=stranger_key).get("/where")
    assert answer.status_code == 403
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "wrong_clinic"


def test_a_forged_secret_does_not_reveal_whose_key_it_is(api: Api, stranger_key: str) -> None:
    forged = stranger_key[:-43] + "A" * 43
    answer = api(host="alpha.localhost", key=forged).get("/case")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_session_of_one_clinic_means_nothing_in_another(api: Api, alice: Any) -> None:
    client = api(alice)
    assert client.get("/case").status_code == 200
    assert client.get("/case", HTTP_HOST="beta.localhost").status_code == 401


def test_a_request_leaves_the_public_schema_behind() -> None:
    assert Client().get("/where", HTTP_HOST="alpha.localhost").json()["schema"] == "alpha"
    assert current_schema() == "public"


def test_the_tests_own_clients_leave_the_test_where_it_was(api: Api, in_beta: object) -> None:
    api().get("/where")
    assert current_schema() == "beta"


def test_a_stream_is_produced_in_its_clinic_to_the_end(alice: Any, bob: Any) -> None:
    answer: Any = Client().get("/stream", HTTP_HOST="alpha.localhost")
    assert b"".join(answer.streaming_content).decode().splitlines() == ["alpha alice"] * 3
    assert current_schema() == "public"


def test_the_tests_own_clients_read_streams_from_anywhere(api: Api, alice: Any, bob: Any, in_beta: object) -> None:
    answer: Any = api(host="alpha.localhost").get("/stream")
    assert b"".join(answer.streaming_content).decode().splitlines() == ["alpha alice"] * 3
    assert current_schema() == "beta"


def test_no_database_is_a_503_with_retry_after(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(host: str) -> None:
        raise OperationalError

    monkeypatch.setattr("medassist.tenancy.selectors.clinic_by_host", away)
    answer = api().get("/where")
    assert (answer.status_code, answer["Retry-After"], answer.json()["code"]) == (503, "5", "unavailable")
