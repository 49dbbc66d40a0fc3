"""Every address of the API, asked by everybody who may not, for what is theirs, another clinic's and nobody's.

What is another clinic's must look like what does not exist, byte for byte but for the request's own name; and to whom a
right is missing, everything must look alike. A route or an identifier that is new must be entered here (`test_every_…`).
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from django.urls import URLPattern, resolve

from apps.cases.models import Case
from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from apps.documents.models import Document
from medassist.accounts.access import Permission, system_actor
from medassist.jobs.models import Job
from medassist.tenancy.context import clinic_context
from medassist.tenancy.models import ApiKey
from medassist.urls import api as routes
from medassist.web import examples
from medassist.webhooks import services as webhooks
from medassist.webhooks.schemas import WebhookInput

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

MARK = "Zebrafoxtrot"
OPEN = {"schema", "docs", "redoc", ""}
METHODS = ("get", "post", "put", "patch", "delete")
NAMES = (
    "case_id",
    "assessment_id",
    "note_id",
    "conversation_id",
    "document_id",
    "search_id",
    "job_id",
    "prefix",
    "webhook_id",
    "delivery_id",
)
BODIES: dict[tuple[str, str], str] = {
    ("post", "cases-analyze"): "cases_analyze", ("post", "cases-bulk"): "cases_bulk",
    ("post", "cases-outcome"): "cases_outcome", ("post", "assessments-review"): "assessments_review",
    ("post", "assessments-release"): "assessments_release", ("post", "notes-summarize"): "notes_summarize",
    ("post", "chat-ask"): "chat_ask", ("post", "documents-search"): "documents_search",
    ("post", "documents-ingest"): "documents_ingest", ("post", "fhir-cases"): "fhir_cases", ("post", "keys"): "keys_issue",
    ("post", "webhooks"): "webhooks_add", ("patch", "webhooks-item"): "webhooks_change",
    ("post", "keys-rotate"): "keys_rotate", ("post", "keys-current-rotate"): "keys_current_rotate",
}  # fmt: skip
INSIDE: dict[str, tuple[str, str, bool]] = {
    "chat-ask": ("case", "case_id", False), "documents-search": ("case", "case_id", False),
    "documents-ingest": ("case", "case_id", False), "cases-analyze": ("documents", "document_id", True),
}  # fmt: skip
"""Route -> field of its body that names a record, which kind, whether it is a list."""
OWN_HEADERS = {"X-Request-ID", "RateLimit", "RateLimit-Policy", "Content-Length"}


@dataclass(frozen=True)
class Route:
    name: str
    path: str
    kinds: tuple[str, ...]
    methods: tuple[str, ...]

    def address(self, ids: dict[str, str]) -> str:
        return "/api/v1/" + self.path.format(**ids)


def all_routes() -> Iterator[Route]:
    for route in routes:
        assert isinstance(route, URLPattern)
        # Pictures are switched off unless an operator wants them, and hold no patient: `apps/media/tests` walks them. Hooks name
        # no record, and are asked with tokens of their own: `apps/interop/tests/test_cds.py`.
        if (route.name or "") not in OPEN and not str(route.name).startswith(("media-", "cds-")):
            kinds = tuple(route.pattern.converters)
            path = str(route.pattern)
            for kind in kinds:
                path = path.replace(f"<uuid:{kind}>", f"{{{kind}}}").replace(f"<slug:{kind}>", f"{{{kind}}}")
            view: Any = getattr(route.callback, "cls", None)
            methods = tuple(method for method in METHODS if hasattr(view, method))
            yield Route(str(route.name), path, kinds, methods)


ROUTES = list(all_routes())


def test_every_route_and_identifier_is_walked() -> None:
    assert len(ROUTES) >= 30
    assert {kind for route in ROUTES for kind in route.kinds} <= set(NAMES)
    assert all("<" not in route.path and route.methods for route in ROUTES)
    needing = {("post", route.name) for route in ROUTES if "post" in route.methods}
    without = {
        "chat-cancel",
        "documents-resume",
        "documents-cancel",
        "jobs-cancel",
        "webhooks-rotate",
        "webhooks-test",
        "webhooks-redeliver",
    }
    assert {name for _, name in needing - set(BODIES)} == without
    nowhere = "00000000-0000-0000-0000-000000000000"
    for route in ROUTES:
        assert resolve(route.address(dict.fromkeys(NAMES, nowhere))).url_name == route.name


@pytest.fixture
def ids(
    api: Callable[..., Any], key_of: Callable[..., str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> dict[str, dict[str, str]]:
    """Source -> kind -> identifier: of alpha (ours), of beta (theirs), of nobody (made_up)."""
    settings.NOTES_DIRECT_CHARS, settings.MAX_WAITERS = 0, 0
    settings.API_READS_PER_MINUTE = settings.API_WRITES_PER_MINUTE = 0
    settings.EVENTS_URL = "https://events.example"
    monkeypatch.setattr("apps.documents.api.search.PATIENCE_S", 0.0)
    made_up = {name: str(uuid4()) for name in NAMES} | {"prefix": "0123456789ab"}
    return {"ours": records(api, key_of, "alpha"), "theirs": records(api, key_of, "beta"), "made_up": made_up}


def records(api: Callable[..., Any], key_of: Callable[..., str], clinic: str) -> dict[str, str]:
    key = key_of(clinic)
    client = api(key=key, host=f"{clinic}.localhost")

    def made(path: str, **body: Any) -> Any:
        answer = client.post(f"/api/v1/{path}", body, format="json")
        assert answer.status_code == 202, answer.content
        return answer.json()

    with clinic_context(clinic):
        hooks = WebhookInput(url="https://hooks.example.org/x", events=("*",))
        admin = system_actor(clinic, "tests")
        hook = webhooks.add(actor=admin, given=hooks)
        sent = webhooks.send_test(actor=admin, webhook_id=hook.id)
    case = made("cases/analyze", presenting_complaint=f"{MARK} cough of clinic {clinic}")
    with clinic_context(clinic):
        assessed = make_case("done", samples.full())
        assessment = str(assessed.assessments.get().pk)
    return {
        "case_id": case["case"], "job_id": case["job"]["id"], "assessment_id": assessment,
        "note_id": made("notes/summarize", text=f"{MARK} says the note of {clinic}.")["note"],
        "conversation_id": made("chat", case=str(assessed.pk), question=f"{MARK}: what speaks against it?")["conversation"],
        "document_id": made("documents/ingest", title=MARK, text=f"{MARK} of {clinic}")["documents"][0]["id"],
        "search_id": made("documents/search", query=f"{MARK} guidance")["search"],
        "prefix": key.split("_")[1], "webhook_id": str(hook.id), "delivery_id": str(sent.id),
    }  # fmt: skip


@pytest.fixture
def outsiders(
    api: Callable[..., Any], key_of: Callable[..., str], pat: Any, bob: Any, audrey: Any, stranger_key: str
) -> dict[str, Any]:
    """Who has no right at all at clinic alpha's door, or none to care for its patients."""
    revoked = key_of("alpha")
    ApiKey.objects.filter(prefix=revoked.split("_")[1]).update(revoked_at="2026-01-01T00:00:00Z")
    at_the_wrong_door = api(bob)
    at_the_wrong_door.defaults["HTTP_HOST"] = "alpha.localhost"
    return {
        "nobody": api(), "a key of the other clinic": api(key=stranger_key), "a revoked key": api(key=revoked),
        "a made-up key": api(key=f"ma_0123456789ab_{'x' * 43}"), "a patient": api(pat),
        "a clinician of the other clinic, at our door": at_the_wrong_door,
    }  # fmt: skip


@pytest.fixture
def insiders(
    api: Callable[..., Any], key_of: Callable[..., str], alice: Any, nora: Any, ada: Any, audrey: Any
) -> dict[str, Any]:
    """Who has rights in alpha, each some; to all of them what is beta's must not exist."""
    people = {"alice": api(alice), "nora": api(nora), "ada": api(ada), "audrey": api(audrey)}
    scopes = {"a key with every scope": (), "a key that reads usage": (Permission.USAGE_READ,),
              "a key that submits": (Permission.CASE_SUBMIT,)}  # fmt: skip
    return people | {name: api(key=key_of("alpha", *given)) for name, given in scopes.items()}


def ask(client: Any, method: str, route: Route, ids: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
    body, media_type = b"", "application/json"
    if name := BODIES.get((method, route.name)):
        media_type, _, value = examples.REQUESTS[name]
        if isinstance(value, dict) and (inside := INSIDE.get(route.name)):
            field, kind, is_list = inside
            value = {**value, field: [ids[kind]] if is_list else ids[kind]}
        body = (value if isinstance(value, str) else json.dumps(value)).encode()
    address = route.address(ids) + (f"?case={ids['case_id']}" if route.name == "documents-list" else "")
    answer = getattr(client, method)(address, body, content_type=media_type) if method != "get" else client.get(address)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    headers = {name: value for name, value in answer.headers.items() if name not in OWN_HEADERS}
    return answer.status_code, content, headers


def snapshot() -> list[Any]:
    """What beta has: nobody outside may change any of it."""
    with clinic_context("beta"):
        return [
            sorted(Case.objects.values_list("pk", "latest_job_id")),
            sorted(Document.objects.values_list("pk", "state")),
            sorted(Job.objects.filter(clinic="beta").values_list("pk", "state", "attempt")),
        ]


def keys_of_beta() -> list[Any]:
    return sorted(ApiKey.objects.filter(clinic__schema_name="beta").values_list("prefix", "digest", "revoked_at"))


@pytest.mark.timeout(600)
def test_to_who_has_no_right_everything_looks_alike(ids: dict[str, dict[str, str]], outsiders: dict[str, Any]) -> None:
    before, keys = snapshot(), keys_of_beta()
    asked, bodies = 0, set()
    for route, (who, client) in itertools.product(ROUTES, outsiders.items()):
        for method in route.methods:
            answers = [ask(client, method, route, ids[source]) for source in ("ours", "theirs", "made_up")]
            asked += 3
            where = (who, method, route.name, answers[0][0], answers[1][0], answers[2][0])
            assert answers[0] == answers[1] == answers[2], where
            assert answers[0][0] in {401, 403}, where
            assert MARK.encode() not in answers[0][1], where
            bodies.add(answers[0][1])
    assert asked >= 500
    # As many kinds of refusal as there are reasons, not one more.
    assert {json.loads(body)["code"] for body in bodies} == {
        "not_authenticated", "wrong_clinic", "key_revoked", "permission_denied",
    }  # fmt: skip
    assert (snapshot(), keys_of_beta()) == (before, keys)


@pytest.mark.timeout(600)
def test_to_who_has_rights_what_is_another_clinics_does_not_exist(
    ids: dict[str, dict[str, str]], insiders: dict[str, Any]
) -> None:
    before, keys = snapshot(), keys_of_beta()
    missing = set()
    for route, (who, client) in itertools.product(ROUTES, insiders.items()):
        inside = route.name in INSIDE or route.name == "documents-list"
        if not route.kinds and not inside:
            continue
        for method in route.methods:
            theirs, made_up = (ask(client, method, route, ids[source]) for source in ("theirs", "made_up"))
            where = (who, method, route.name, theirs[0], made_up[0])
            assert without(theirs[1], ids["theirs"]) == without(made_up[1], ids["made_up"]), where
            assert (theirs[0], theirs[2]) == (made_up[0], made_up[2]), where
            assert theirs[0] in ({400, 403, 404} if route.name != "documents-list" else {200, 403}), where
            assert MARK.encode() not in theirs[1], where
            if theirs[0] == 404:
                missing.add(theirs[1])
    assert {json.loads(body)["code"] for body in missing} == {"not_found"}
    assert (snapshot(), keys_of_beta()) == (before, keys)


def without(content: bytes, ids: dict[str, str]) -> bytes:
    """An answer may repeat what was asked for, never more."""
    for value in ids.values():
        content = content.replace(value.encode(), b"-")
    return content


def test_the_same_addresses_answer_to_who_may_ask(ids: dict[str, dict[str, str]], insiders: dict[str, Any]) -> None:
    """Otherwise the two above could pass because nothing answers anybody."""
    readers = [insiders["a key with every scope"], insiders["alice"], insiders["ada"]]
    for route in ROUTES:
        if "get" in route.methods and route.kinds:
            found = [ask(reader, "get", route, ids["ours"])[0] for reader in readers]
            assert {200, 202, 307} & set(found), (route.name, found)
