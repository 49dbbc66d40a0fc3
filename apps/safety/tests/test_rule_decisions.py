"""A clinic's decisions about triage rules: who may, what counts, and that nothing disappears."""

from __future__ import annotations

from typing import Any

import pytest

from apps.cases.models import Case
from apps.safety import selectors, services
from apps.safety.models import RuleDecision
from apps.safety.rules import triage
from medassist.audit.models import AuditEntry
from medassist.clinical.parsing import parse_case
from medassist.tenancy.context import clinic_context

pytestmark = pytest.mark.django_db(transaction=True)

BLEEDING = {
    "patient": {"age": {"value": 40, "unit": "years"}},
    "presenting_complaint": "Melaena since yesterday",
}


def fired() -> triage.Rule:
    """A rule that may be switched off and that fires on BLEEDING."""
    ids = {rule.id for rule in services.triage_floor(parse_case(BLEEDING)).rules}
    return next(rule for rule in triage.rule_set() if rule.id in ids and not rule.hard)


def decide(client: Any, rule: triage.Rule, state: str, reason: str = "", version: str = "") -> Any:
    return client.post(
        f"/rules/{rule.id}/", {"state": state, "reason": reason, "version": version or rule.version}
    )  # fmt: skip


def submit(client: Any) -> Any:
    answer = client.post("/api/v1/cases/analyze", BLEEDING, format="json")
    assert answer.status_code == 202, answer.content
    with clinic_context("alpha"):
        return Case.objects.order_by("-created_at").first().floor  # type: ignore[union-attr]


def test_a_rule_is_signed_off_and_says_so_where_it_fires(api: Any, alice: Any) -> None:
    rule = fired()
    before = next(item for item in submit(api(alice))["rules"] if item["id"] == rule.id)
    assert before["decision"] is None
    assert decide(api(alice), rule, "signed_off").status_code == 302
    after = next(item for item in submit(api(alice))["rules"] if item["id"] == rule.id)
    assert (after["decision"]["state"], after["decision"]["version"]) == ("signed_off", rule.version)
    with clinic_context("alpha"):
        entry = AuditEntry.objects.get(action="rule.decide")
        assert (entry.object_id, entry.detail["state"]) == (rule.id, "signed_off")


def test_a_rule_that_is_switched_off_is_shown_and_does_not_count(api: Any, alice: Any) -> None:
    rule = fired()
    decide(api(alice), rule, "switched_off", "Our endoscopy unit triages these itself")
    floor = submit(api(alice))
    assert rule.id in {item["id"] for item in floor["switched_off"]}
    assert rule.id not in {item["id"] for item in floor["rules"]}
    with clinic_context("alpha"):
        case = Case.objects.order_by("-created_at").first()
        assert case is not None
    page = api(alice).get(f"/cases/{case.id}/").content.decode()
    assert "this clinic has switched the rule off" in page
    assert rule.name in page
    decide(api(alice), rule, "withdrawn", "Agreed again")
    assert submit(api(alice))["switched_off"] == []


def test_another_clinic_has_its_own_decisions(api: Any, alice: Any) -> None:
    rule = fired()
    decide(api(alice), rule, "switched_off", "Local pathway")
    with clinic_context("beta"):
        assert selectors.rule_decisions() == ()
        assert {item.state for item in selectors.rules()} == {"undecided"}


def test_a_decision_about_an_earlier_version_lapses(api: Any, alice: Any) -> None:
    rule = fired()
    with clinic_context("alpha"):
        RuleDecision.objects.create(rule=rule.id, version="0" * 12, state="switched_off", by="Alice", reason="Then")
        assert selectors.rule(rule.id).state == "lapsed"
    assert rule.id in {item["id"] for item in submit(api(alice))["rules"]}
    assert "decide anew" in api(alice).get(f"/rules/{rule.id}/").content.decode()


def test_only_clinicians_decide_and_a_nurse_may_read(api: Any, nora: Any, ada: Any, pat: Any) -> None:
    rule = fired()
    for person in (nora, ada):
        client = api(person)
        assert client.get("/rules/").status_code == 200
        assert '<form method="post" class="card' not in client.get(f"/rules/{rule.id}/").content.decode()
        assert decide(client, rule, "signed_off").status_code == 403
    assert api(pat).get("/rules/").status_code == 403
    with clinic_context("alpha"):
        assert not RuleDecision.objects.exists()


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [("switched_off", " ", "a reason is needed"), ("ignored", "x", "not one of the available choices"),
     ("withdrawn", "x", "not one of the available choices"), ("signed_off", "x" * 1001, "at most 1000")],
)  # fmt: skip
def test_what_cannot_be_decided_is_named(api: Any, alice: Any, state: str, reason: str, words: str) -> None:
    answer = decide(api(alice), fired(), state, reason)
    assert answer.status_code == 400
    assert words in answer.content.decode()
    with clinic_context("alpha"):
        assert not RuleDecision.objects.exists()


def test_a_hard_rule_cannot_be_switched_off_and_a_changed_one_not_decided(api: Any, alice: Any) -> None:
    hard = next(rule for rule in triage.rule_set() if rule.hard)
    assert decide(api(alice), hard, "switched_off", "x").status_code == 400
    changed = decide(api(alice), fired(), "signed_off", version="f" * 12)
    assert changed.status_code == 409
    assert "read it again" in changed.content.decode()
    assert api(alice).get("/rules/there-is-none/").status_code == 404


def test_a_hard_rule_is_not_silenced_by_a_row(api: Any, alice: Any) -> None:
    hard = next(rule for rule in triage.rule_set() if rule.hard)
    with clinic_context("alpha"):
        RuleDecision.objects.create(rule=hard.id, version=hard.version, state="switched_off", by="x", reason="x")
        assert selectors.rule(hard.id).state == "lapsed"


def test_the_list_is_narrowed_by_state(api: Any, alice: Any) -> None:
    rule = fired()
    decide(api(alice), rule, "signed_off")
    page = api(alice).get("/rules/?state=signed_off").content.decode()
    assert rule.name in page
    assert page.count("<tr>") == 2


def test_a_rule_is_shown_with_the_words_that_assert_its_findings(api: Any, alice: Any) -> None:
    rule = fired()
    page = api(alice).get(f"/rules/{rule.id}/").content.decode()
    shown = dict(triage.words_of(rule))
    assert "melena" in " ".join(shown.values())
    assert all(f"<code>{name}</code>" in page for name in shown)
