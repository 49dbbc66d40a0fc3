"""No version of a model is met by calls that lowers a bar, or of which nobody knows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django.fixtures import Settings

from apps.safety import services as safety
from apps.safety.models import SuiteRun
from apps.safety.pipeline import suites
from apps.safety.pipeline.measuring import Figure
from apps.safety.schemas import Trial
from medassist.accounts.access import Actor, Role
from medassist.audit.models import AuditEntry
from medassist.common.errors import ActivationRefused, InvalidInput, PermissionDenied
from medassist.llm import registry, services, table
from medassist.llm.models import Backbone, Route

pytestmark = pytest.mark.django_db
STAFF = Actor(kind="user", id="1", clinic="public", role=Role.PLATFORM_STAFF, label="sam")
GOOD = {
    "schema_valid": (12, 12), "abstained": (3, 12), "claims_removed": (10, 100), "sentences_removed": (2, 90),
    "leaks": (0, 6),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _own(settings: Settings) -> Iterator[None]:
    settings.LLM_BASE_URL = settings.LLM_HEAVY_BASE_URL = "http://127.0.0.1:1/v1"
    settings.LLM_MODEL = settings.LLM_HEAVY_MODEL = "own"
    settings.LLM_FALLBACKS = ()
    yield
    registry.close_all()


def ran(backbone: str, *, model: str = "", adapter: str = "", floors: tuple[str, ...] = (), **figures: Any) -> int:
    trial = Trial(backbone=backbone, model=model or backbone, adapter=adapter, prompt="p", figures={**GOOD, **figures})
    result = suites.with_trial(suites.SuiteResult({"guard.recall": Figure(990, 1000)}, {}, {}), trial)
    return safety.store_suite_run(actor=STAFF, result=result, floors_broken=floors, trial=trial)


def row(name: str = "new", **more: Any) -> Backbone:
    return Backbone(**{"name": name, "base_url": f"http://{name}.example/v1", "model": name, **more})


def store(item: Backbone | Route, **more: Any) -> None:
    services.store(row=item, by=STAFF, created=item.pk is None, **more)
    table.forget()


def test_a_version_without_a_run_is_refused_with_the_way_out() -> None:
    with pytest.raises(ActivationRefused, match=r"run_safety_suite --backbone new --store"):
        store(row())
    assert not Backbone.objects.exists()


def test_a_version_that_is_not_worse_is_activated() -> None:
    ran("heavy", model="own")
    ran("light", model="own")
    ran("new", claims_removed=(12, 100))
    store(row())
    assert Backbone.objects.get().name == "new"


@pytest.mark.parametrize(
    ("figure", "named"),
    [
        ({"leaks": (1, 6)}, "end_to_end.leaks"),
        ({"schema_valid": (2, 12)}, "end_to_end.schema_valid"),
        ({"claims_removed": (60, 100)}, "end_to_end.claims_removed"),
        ({"abstained": (12, 12)}, "end_to_end.abstained"),
    ],
)
def test_a_version_that_lowers_a_bar_is_refused_by_name(figure: dict[str, Any], named: str) -> None:
    ran("heavy", model="own")
    ran("light", model="own")
    ran("new", **figure)
    with pytest.raises(ActivationRefused, match=named):
        store(row())


def test_a_leak_is_refused_even_when_nothing_is_known_of_the_version_in_use() -> None:
    ran("new", leaks=(1, 6))
    with pytest.raises(ActivationRefused, match=r"end_to_end\.leaks"):
        store(row())


def test_a_run_under_the_floor_on_record_activates_nothing() -> None:
    ran("new", floors=("guard.recall",))
    with pytest.raises(ActivationRefused, match=r"prescribing sentences blocked \(guard\.recall\)"):
        store(row())


def test_the_newest_run_counts() -> None:
    ran("new", leaks=(1, 6))
    ran("new")
    store(row())


def test_the_first_version_of_all_is_let_through(settings: Settings) -> None:
    settings.LLM_BASE_URL = settings.LLM_HEAVY_BASE_URL = ""
    store(row())


def test_a_disabled_backbone_and_a_small_canary_are_no_activation() -> None:
    store(row("off", enabled=False))
    store(row("little", canary_percent=services.CANARY_SHARE))


def test_a_canary_opened_wider_and_a_backbone_switched_on_are() -> None:
    for name, change in (("off", {"enabled": False}), ("little", {"canary_percent": services.CANARY_SHARE})):
        store(row(name, **change))
        stored = Backbone.objects.get(name=name)
        stored.enabled, stored.canary_percent = True, services.CANARY_SHARE + 1
        with pytest.raises(ActivationRefused):
            store(stored)


def test_another_model_behind_a_backbone_in_use_is_another_version() -> None:
    ran("new")
    store(row())
    stored = Backbone.objects.get(name="new")
    stored.order = 7
    store(stored)
    stored.model = "newer"
    with pytest.raises(ActivationRefused, match="new / newer"):
        store(stored)


def test_a_route_to_an_adapter_or_a_backbone_is_asked_about() -> None:
    store(row("off", enabled=False))
    pinned = Backbone.objects.get()
    for item in (Route(adapter="lora"), Route(backbone=pinned), Route(clinic="alpha", backbone=pinned, adapter="lora")):
        with pytest.raises(ActivationRefused):
            store(item)
    ran("off", adapter="lora")
    store(Route(clinic="alpha", backbone=pinned, adapter="lora"))
    assert Route.objects.get().adapter == "lora"


def test_staff_may_override_with_a_reason_that_is_audited() -> None:
    with pytest.raises(InvalidInput):
        store(row(), override="because")
    store(row(), override="The only server is down; agreed with the safety officer.")
    entry = AuditEntry.objects.get(action="backbone.gate_overridden")
    assert entry.detail["reason"].startswith("The only server")
    assert "No run of the safety suite" in entry.detail["refused"]


def test_nobody_but_staff_stores_a_run() -> None:
    stranger = Actor(kind="user", id="2", clinic="public", role=None, label="x")
    with pytest.raises(PermissionDenied):
        safety.store_suite_run(actor=stranger, result=suites.SuiteResult({}, {}, {}), floors_broken=())


def test_the_form_names_the_bar_and_takes_a_reason(api: Callable[..., Any], staff: Any) -> None:
    client = api(staff)
    data = {
        "name": "new", "base_url": "http://new.example/v1", "model": "new", "tiers": "both", "order": "1",
        "enabled": "on", "canary_percent": "0",
    }  # fmt: skip
    page = client.post("/admin/llm/backbone/add/", data)
    assert page.status_code == 200
    assert "No run of the safety suite is stored for new / new" in page.content.decode()
    page = client.post("/admin/llm/backbone/add/", {**data, "override": "Trial of one evening, agreed."})
    assert page.status_code == 302
    assert AuditEntry.objects.filter(action="backbone.gate_overridden").count() == 1


def test_the_page_of_a_run_shows_figures_bars_and_the_run_before(api: Callable[..., Any], staff: Any, ada: Any) -> None:
    ran("heavy", model="own")
    number = ran("new", leaks=(1, 6))
    client = api(staff)
    assert "new / new" in client.get("/admin/safety/suiterun/").content.decode()
    page = client.get(f"/admin/safety/suiterun/{number}/change/").content.decode()
    assert "990/1000: 0.9900 (0.98" in page
    assert "≥ 0.98" in page
    assert page.count("lowered") >= 1
    assert "heavy / own" in page
    report = client.get(f"/admin/safety/suiterun/{number}/report.json")
    assert "attachment" in report["Content-Disposition"]
    assert json.loads(report.content)["bars"]["end_to_end.leaks"] == "missed"
    assert client.get("/admin/safety/suiterun/x/report.json").status_code == 404
    for stranger in (api(ada), api(host="localhost")):
        assert stranger.get(f"/admin/safety/suiterun/{number}/report.json").status_code in (302, 403, 404)
    assert SuiteRun.objects.count() == 2
