"""The admin's backbones and routes: what is stored, how it is read, and what happens without the database."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django.fixtures import Settings

from medassist.accounts.access import Actor, Role
from medassist.audit.models import AuditEntry
from medassist.common import env
from medassist.common.errors import BackboneUnavailable, PermissionDenied
from medassist.llm import registry, secrets, services, table
from medassist.llm.breaker import THRESHOLD
from medassist.llm.failover import Failover
from medassist.llm.models import Backbone, Route
from medassist.llm.routing import Call, Table
from medassist.llm.schemas import ChatRequest, Message
from medassist.llm.tests.servers import reference_service
from medassist.tenancy.context import clinic_context

ASK = ChatRequest(messages=(Message("user", "Hello?"),), deadline_s=5)
STAFF = Actor(kind="user", id="1", clinic="public", role=Role.PLATFORM_STAFF, label="sam")
NOWHERE = "http://127.0.0.1:1/v1"


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    registry.close_all()


@pytest.fixture(autouse=True)
def _one_backbone(settings: Settings) -> None:
    settings.LLM_BASE_URL = settings.LLM_HEAVY_BASE_URL = NOWHERE
    settings.LLM_MODEL = settings.LLM_HEAVY_MODEL = "own"
    settings.LLM_FALLBACKS = ()


def backbone(name: str, **more: Any) -> Backbone:
    row = Backbone(**{"name": name, "base_url": f"http://{name}.example/v1", "model": name, **more})
    row.full_clean()
    services.store(row=row, by=STAFF, created=True)
    table.forget()
    return row


def route(**given: Any) -> Route:
    row = Route(**given)
    row.full_clean()
    services.store(row=row, by=STAFF, created=True)
    table.forget()
    return row


def asked(**call: Any) -> list[str]:
    model = registry.model_for("heavy", **call)
    assert isinstance(model, Failover)
    return [member.model.name for member in model.members]


# --- what is stored -------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("reference", ["", "env:LLM_QWEN_API_KEY", "file:qwen", "file:a.b-c_1"])
def test_a_key_is_stored_as_a_reference(reference: str) -> None:
    assert backbone("one", api_key_ref=reference).api_key_ref == reference


@pytest.mark.django_db
@pytest.mark.parametrize(
    "reference",
    ["sk-live-123", "env:SECRET_KEY", "env:9", "env:llm_key", "file:../x", "file:/etc/passwd", "file:.hidden",
     "vault:x", "env:LLM_X\n", "ENV:LLM_X", "file:a/b"],
)  # fmt: skip
def test_anything_else_is_refused_by_field_and_not_repeated(reference: str) -> None:
    row = Backbone(name="one", base_url=NOWHERE, model="m", api_key_ref=reference)
    with pytest.raises(ValidationError) as refused:
        row.full_clean()
    assert set(refused.value.message_dict) == {"api_key_ref"}
    assert reference not in str(refused.value)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("base_url", "ftp://host/v1"), ("base_url", "host/v1"), ("base_url", "http://user:pw@host/v1"),
        ("base_url", "http://host/v1?key=x"), ("base_url", "http://host:99999/v1"), ("name", "two words"),
        ("canary_percent", 101), ("tiers", "huge"), ("model", ""),
    ],
)  # fmt: skip
def test_a_wrong_backbone_is_refused_by_field(field: str, value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        Backbone(**{"name": "one", "base_url": NOWHERE, "model": "m", field: value}).full_clean()
    assert field in refused.value.message_dict


@pytest.mark.django_db
def test_a_backbone_of_the_settings_is_no_canary_of_itself() -> None:
    with pytest.raises(ValidationError) as refused:
        Backbone(name="heavy", base_url=NOWHERE, model="m", canary_percent=5).full_clean()
    assert "name" in refused.value.message_dict


@pytest.mark.django_db
def test_a_route_names_an_existing_clinic_and_is_there_once() -> None:
    with pytest.raises(ValidationError) as refused:
        route(clinic="gamma")
    assert "clinic" in refused.value.message_dict
    route(clinic="alpha", lane="batch")
    with pytest.raises(ValidationError, match="already"):
        route(clinic="alpha", lane="batch")


@pytest.mark.django_db
def test_writes_are_audited_and_only_staffs() -> None:
    row = backbone("one")
    route(clinic="alpha", backbone=row, adapter="alpha-1")
    stored = AuditEntry.objects.filter(action__in=["backbone.created", "route.created"])
    assert {entry.action for entry in stored} == {"backbone.created", "route.created"}
    ada = Actor(kind="user", id="2", clinic="alpha", role=Role.CLINIC_ADMIN)
    with pytest.raises(PermissionDenied):
        services.store(row=row, by=ada, created=False)
    with clinic_context("alpha"), pytest.raises(PermissionDenied):
        services.remove(row=row, by=ada)


@pytest.mark.django_db
def test_a_clinic_sees_no_backbone_and_only_its_own_routes() -> None:
    backbone("one")
    route(clinic="alpha", lane="batch")
    route(clinic="beta")
    route()
    with clinic_context("alpha"):
        assert list(Route.objects.values_list("clinic", flat=True)) == ["alpha"]
        with pytest.raises(ProgrammingError), transaction.atomic():
            Route.objects.update(adapter="x")
        with pytest.raises(ProgrammingError), transaction.atomic():
            Backbone.objects.exists()


# --- secrets --------------------------------------------------------------------------------------


def test_a_key_comes_from_the_environment_or_from_the_folder(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLM_QWEN_API_KEY", "from-env")
    (tmp_path / "qwen").write_text("from-file\n", "utf-8")
    settings.LLM_SECRETS_DIR = str(tmp_path)
    assert secrets.key_at("env:LLM_QWEN_API_KEY") == "from-env"
    assert secrets.key_at("file:qwen") == "from-file"
    assert secrets.key_at("") == "none"


def test_a_link_out_of_the_folder_a_missing_file_and_no_folder_give_no_key(settings: Settings, tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.write_text("other-secret", "utf-8")
    (inside / "link").symlink_to(outside)
    settings.LLM_SECRETS_DIR = str(inside)
    for reference in ("file:link", "file:missing", "env:LLM_NOT_SET"):
        with pytest.raises(Exception, match=reference.partition(":")[2]) as refused:
            secrets.key_at(reference)
        assert "other-secret" not in str(refused.value)
    settings.LLM_SECRETS_DIR = ""
    with pytest.raises(Exception, match="LLM_SECRETS_DIR"):
        secrets.key_at("file:link")


@pytest.mark.django_db
def test_the_key_reaches_the_server_and_nothing_else(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("LLM_QWEN_API_KEY", "s3cret-key")
    caplog.set_level(logging.DEBUG)
    with reference_service("--context-tokens", "4096", model="qwen-3-8b", REFERENCE_API_KEY="s3cret-key") as address:
        row = backbone("heavy", base_url=f"{address}/v1", model="qwen-3-8b", api_key_ref="env:LLM_QWEN_API_KEY")
        model = registry.model_for("heavy")
        assert model.complete(ASK).model == "qwen-3-8b"
        told = [
            repr(table.current()),
            repr(registry._members),
            repr(model),
            repr(row),
            repr(vars(row)),
            commands("list"),
        ]
        told += [repr(env.Backbone("a", "b", "c", "s3cret-key")), caplog.text]
        table.forget()
        monkeypatch.delenv("LLM_QWEN_API_KEY")
        told.append(commands("list"))
    assert not [text for text in told if "s3cret-key" in text]
    assert "left out: There is no key at env:LLM_QWEN_API_KEY" in told[-1]


# --- how rows are read ----------------------------------------------------------------------------


@pytest.mark.django_db
def test_rows_are_read_once_for_many_calls() -> None:
    backbone("extra")
    with CaptureQueriesContext(connection) as captured:
        for _ in range(20):
            assert asked() == ["heavy", "extra"]
    assert len([query for query in captured if "llm_" in query["sql"]]) == 2


@pytest.mark.django_db
def test_disabled_rows_say_nothing_and_a_row_replaces_the_settings_backbone_of_its_name() -> None:
    backbone("heavy", model="replaced", enabled=False)
    assert registry.ordinary("heavy")[0].model == "own"
    Backbone.objects.update(enabled=True)
    table.forget()
    assert [(one.name, one.model, one.source) for one in registry.ordinary("heavy")] == [("heavy", "replaced", "admin")]


@pytest.mark.django_db
def test_pins_hold_for_their_clinic_only() -> None:
    qwen = backbone("qwen", order=1)
    route(clinic="alpha", backbone=qwen)
    assert asked(clinic="alpha", kind="cases.assessment", lane="batch", subject="j") == ["qwen"]
    assert asked(clinic="beta", kind="cases.assessment", lane="batch", subject="j") == ["heavy", "qwen"]
    assert asked() == ["heavy", "qwen"]


@pytest.mark.django_db
def test_with_the_database_away_the_last_known_rows_hold(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.LLM_ROUTES_REFRESH_SECONDS = 5.0
    backbone("extra")
    assert asked() == ["heavy", "extra"]
    tries: list[int] = []

    def away() -> Table:
        tries.append(1)
        raise OperationalError("connection refused")

    monkeypatch.setattr(table, "read", away)
    table.forget()
    for _ in range(10):
        assert asked() == ["heavy", "extra"]
    assert len(tries) == 1, "a database that is away is not asked by every call"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_without_a_database_from_the_start_the_settings_serve() -> None:
    assert asked() == ["heavy"]


@pytest.mark.django_db(transaction=True)
def test_a_held_transaction_is_not_asked_for_fresher_rows(settings: Settings) -> None:
    settings.LLM_ROUTES_REFRESH_SECONDS = 0.0
    assert asked() == ["heavy"]
    Backbone.objects.create(name="extra", base_url=NOWHERE, model="m")
    with clinic_context("alpha"), transaction.atomic():
        assert asked() == ["heavy"]
    with clinic_context("alpha"):
        assert asked() == ["heavy", "extra"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_schema()")
            assert cursor.fetchone()[0] == "alpha"


@pytest.mark.django_db(transaction=True)
def test_threads_share_one_list_one_client_and_one_breaker() -> None:
    backbone("extra")
    found: list[Any] = []

    def ask() -> None:
        try:
            found.append(registry.model_for("heavy", clinic="alpha", subject="x"))
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len({id(model) for model in found}) == 1


@pytest.mark.django_db
def test_a_server_in_several_lists_has_one_breaker() -> None:
    qwen = backbone("qwen", base_url=NOWHERE, model="qwen")
    route(clinic="alpha", backbone=qwen)
    pinned, ordinary = registry.model_for("heavy", clinic="alpha"), registry.model_for("heavy", clinic="beta")
    assert isinstance(pinned, Failover)
    assert isinstance(ordinary, Failover)
    assert pinned.members[0] is ordinary.members[1]


# --- real servers ---------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db
def test_llama_to_qwen_to_deepseek_is_a_change_of_settings_or_of_a_row(settings: Settings) -> None:
    served = ("llama-3.1-8b", "qwen-3-8b", "deepseek-r1-8b")
    with (
        reference_service(model=served[0]) as llama,
        reference_service(model=served[1]) as qwen,
        reference_service(model=served[2]) as deepseek,
    ):
        for address, name in zip((llama, qwen, deepseek), served, strict=True):
            settings.LLM_HEAVY_BASE_URL, settings.LLM_HEAVY_MODEL = f"{address}/v1", name
            result = registry.model_for("heavy").complete(ASK)
            assert (result.backbone, result.model, result.language_model) == ("heavy", name, False)
            assert registry.model_for("heavy").capabilities.probed
        backbone("heavy", base_url=f"{qwen}/v1", model=served[1])
        assert registry.model_for("heavy").complete(ASK).model == served[1]


@pytest.mark.slow
@pytest.mark.django_db
def test_a_pinned_backbone_that_is_away_falls_back_only_when_its_route_says_so(settings: Settings) -> None:
    with reference_service(model="own") as own:
        settings.LLM_HEAVY_BASE_URL = f"{own}/v1"
        gone = backbone("gone", base_url=NOWHERE, order=9)
        pin = route(clinic="alpha", backbone=gone)
        for _ in range(THRESHOLD + 1):
            with pytest.raises(BackboneUnavailable):
                registry.model_for("heavy", clinic="alpha").complete(ASK)
        pin.fall_back = True
        services.store(row=pin, by=STAFF, created=False)
        table.forget()
        assert registry.model_for("heavy", clinic="alpha").complete(ASK).backbone == "heavy"
        assert "gone" in commands("explain", "--tier", "heavy", "--clinic", "alpha")


@pytest.mark.slow
@pytest.mark.django_db
def test_an_adapter_that_is_not_served_is_never_dropped_in_silence(settings: Settings) -> None:
    with reference_service(model="own") as own, reference_service(model="spare") as spare:
        settings.LLM_HEAVY_BASE_URL = f"{own}/v1"
        one = backbone("pinned", base_url=f"{own}/v1", model="own")
        backbone("spare", base_url=f"{spare}/v1", model="spare")
        pin = route(clinic="alpha", backbone=one, adapter="alpha-1")
        for _ in range(THRESHOLD + 1):
            with pytest.raises(BackboneUnavailable, match="adapter"):
                registry.model_for("heavy", clinic="alpha").complete(ASK)
        with pytest.raises(BackboneUnavailable, match="adapter"):
            list(registry.model_for("heavy", clinic="alpha").stream(ASK))
        assert registry.model_for("heavy", clinic="beta").complete(ASK).backbone == "heavy", "the server serves others"
        pin.fall_back = True
        services.store(row=pin, by=STAFF, created=False)
        table.forget()
        result = registry.model_for("heavy", clinic="alpha").complete(ASK)
        assert (result.backbone, result.adapter) == ("heavy", None)


# --- the command ----------------------------------------------------------------------------------


def commands(*arguments: str) -> str:
    out = io.StringIO()
    call_command("backbones", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_the_command_explains_a_route_and_lists_rows() -> None:
    qwen = backbone("qwen")
    backbone("canary", canary_percent=100)
    backbone("only-light", tiers="light")
    route(clinic="alpha", backbone=qwen, adapter="alpha-1")
    explained = commands(
        "explain", "--tier", "heavy", "--clinic", "alpha", "--kind", "cases.assessment", "--lane", "batch"
    )
    assert "because route" in explained
    assert "pinned to qwen with adapter alpha-1" in explained
    assert "nobody else is asked" in explained
    assert "heavy " not in explained.splitlines()[-1]
    other = commands("explain", "--tier", "heavy", "--clinic", "beta", "--subject", "job-1")
    assert "canary canary: the subject's bucket" in other
    listed = commands("list")
    for text in ("canary 100 %", "pinned to qwen, nobody else; adapter alpha-1", "admin", "settings", "breaker closed"):
        assert text in listed
    Backbone.objects.filter(name="qwen").update(enabled=False)
    table.forget()
    with pytest.raises(CommandError, match="it is disabled"):
        commands("explain", "--tier", "heavy", "--clinic", "alpha")


@pytest.mark.django_db
def test_a_call_is_described_by_what_is_routed() -> None:
    choice = registry.route(Call(tier="light", clinic="alpha"))
    assert [server.name for server in choice.servers] == ["light"]


# --- the admin ------------------------------------------------------------------------------------

FORM = {
    "name": "qwen", "base_url": "http://qwen.example/v1", "model": "qwen-3-8b", "tiers": "both", "order": "5",
    "enabled": "on", "canary_percent": "10", "api_key_ref": "env:LLM_QWEN_API_KEY",
}  # fmt: skip


@pytest.mark.django_db
def test_staff_makes_changes_and_deletes_backbones_and_routes(api: Any, staff: Any) -> None:
    site = api(staff)
    assert site.post("/admin/llm/backbone/add/", FORM, format="multipart").status_code == 302
    row = Backbone.objects.get()
    assert (row.name, row.canary_percent) == ("qwen", 10)
    body = {"clinic": "alpha", "kind": "cases.assessment", "backbone": str(row.pk), "adapter": "alpha-1"}
    assert site.post("/admin/llm/route/add/", body, format="multipart").status_code == 302
    stored = Route.objects.get()
    assert (stored.clinic, stored.backbone, stored.fall_back) == ("alpha", row, False)
    assert "qwen" in site.get("/admin/llm/backbone/").content.decode()
    assert "alpha" in site.get("/admin/llm/route/").content.decode()
    changed = site.post(f"/admin/llm/backbone/{row.pk}/change/", {**FORM, "order": "9"}, format="multipart")
    assert changed.status_code == 302
    assert site.post(f"/admin/llm/route/{stored.pk}/delete/", {"post": "yes"}, format="multipart").status_code == 302
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    assert site.post("/admin/llm/backbone/", chosen, format="multipart").status_code == 302
    assert not Backbone.objects.exists()
    actions = list(AuditEntry.objects.filter(action__regex="^(backbone|route)").values_list("action", flat=True))
    assert sorted(actions) == [
        "backbone.changed", "backbone.created", "backbone.deleted", "route.created", "route.deleted",
    ]  # fmt: skip
    entry = AuditEntry.objects.get(action="backbone.changed")
    assert entry.detail["changed"] == "order"


@pytest.mark.django_db
def test_a_key_typed_into_the_form_is_refused_and_not_shown_again(api: Any, staff: Any) -> None:
    page = api(staff).post("/admin/llm/backbone/add/", {**FORM, "api_key_ref": "sk-live-123"}, format="multipart")
    text = page.content.decode()
    assert page.status_code == 200
    assert "never the key" in text
    assert "sk-live-123" not in text
    assert not Backbone.objects.exists()


@pytest.mark.django_db
def test_an_unknown_clinic_is_refused_by_the_form(api: Any, staff: Any) -> None:
    page = api(staff).post("/admin/llm/route/add/", {"clinic": "gamma"}, format="multipart")
    assert page.status_code == 200
    assert "gamma" in page.content.decode()
    assert not Route.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/llm/backbone/", "/admin/llm/route/", "/admin/llm/backbone/add/"])
def test_nobody_of_a_clinic_and_no_stranger_gets_in(api: Any, ada: Any, audrey: Any, path: str) -> None:
    for client in (api(ada), api(audrey), api(), api(host="localhost")):
        assert client.get(path).status_code in {302, 403, 404}
