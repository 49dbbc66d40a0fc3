"""Who is asked for a call: rows beside settings, canaries, pins and adapters. Pure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medassist.llm.routing import Call, Choice, Rule, Server, Table, bucket_of, choose

OWN = Server(name="heavy", base_url="http://own/v1", model="llama")
SPARE = Server(name="spare", base_url="http://spare/v1", model="qwen")
HEAVY = Call(tier="heavy", clinic="alpha", kind="cases.assessment", lane="interactive", subject="job-1")


def row(name: str, **more: Any) -> Server:
    return Server(**{"name": name, "base_url": f"http://{name}/v1", "model": name, "source": "admin", **more})


def chosen(*rows: Server, rules: tuple[Rule, ...] = (), call: Call = HEAVY, own: Any = (OWN, SPARE)) -> Choice:
    return choose(call, configured=own, table=Table(rows, rules))


def names(choice: Choice) -> list[str]:
    return [server.name for server in choice.servers]


def test_without_rows_the_settings_are_all_there_is() -> None:
    assert names(chosen()) == ["heavy", "spare"]


def test_rows_follow_the_settings_by_their_order_and_serve_their_tier_only() -> None:
    rows = (row("b", order=2), row("a", order=2), row("first", order=1), row("light-one", tiers=("light",)))
    assert names(chosen(*rows)) == ["heavy", "spare", "first", "a", "b"]


def test_a_row_takes_the_place_of_the_settings_backbone_of_its_name() -> None:
    choice = chosen(row("heavy", model="deepseek"))
    assert [(one.name, one.model) for one in choice.servers] == [("heavy", "deepseek"), ("spare", "qwen")]
    assert names(chosen(row("spare", tiers=("light",)))) == ["heavy"]


def test_a_row_stands_in_where_the_settings_give_no_address() -> None:
    nowhere = Server(name="heavy", base_url="", model="m")
    assert names(chosen(row("heavy"), own=(nowhere,))) == ["heavy"]
    empty = chosen(own=(nowhere,))
    assert empty.servers == ()
    assert "LLM_BASE_URL" in empty.nobody


def test_a_backbone_whose_key_is_gone_is_left_out() -> None:
    assert names(chosen(row("broken", problem="There is no key at env:LLM_X."))) == ["heavy", "spare"]


# --- canaries -------------------------------------------------------------------------------------


@pytest.mark.parametrize("percent", [1, 10, 50, 100])
def test_a_canary_gets_its_share_of_a_thousand_subjects(percent: int) -> None:
    canary = row("canary", canary_percent=percent)
    first = [
        names(chosen(canary, call=Call(tier="heavy", subject=f"job-{number}")))[0] == "canary" for number in range(1000)
    ]
    assert abs(sum(first) - 10 * percent) <= 40


def test_the_ordinary_list_stands_behind_a_canary() -> None:
    assert names(chosen(row("canary", canary_percent=100), row("other"))) == ["canary", "heavy", "spare", "other"]


@given(st.text())
def test_a_subject_is_always_treated_alike_and_never_by_two_canaries(subject: str) -> None:
    rows = (row("a", canary_percent=30, order=1), row("b", canary_percent=30, order=2))
    call = Call(tier="heavy", subject=subject)
    first = chosen(*rows, call=call)
    assert first == chosen(*reversed(rows), call=call)
    assert len(first.servers) == 2 + (bool(subject) and bucket_of(subject) < 60)


def test_without_a_subject_there_is_no_canary() -> None:
    assert names(chosen(row("canary", canary_percent=100), call=Call(tier="heavy"))) == ["heavy", "spare"]


def test_a_canary_of_the_other_tier_is_not_asked() -> None:
    assert names(chosen(row("canary", canary_percent=100, tiers=("light",)))) == ["heavy", "spare"]


# --- routes ---------------------------------------------------------------------------------------


def test_a_pinned_backbone_is_asked_alone_unless_its_route_falls_back() -> None:
    qwen = row("qwen", order=9)
    pin = Rule(id=1, clinic="alpha", pin="qwen")
    assert names(chosen(qwen, rules=(pin,))) == ["qwen"]
    falls = Rule(id=1, clinic="alpha", pin="qwen", fall_back=True)
    assert names(chosen(qwen, rules=(falls,))) == ["qwen", "heavy", "spare"]


def test_a_pin_is_kept_from_canaries_and_from_other_clinics() -> None:
    rows = (row("qwen"), row("canary", canary_percent=100))
    pin = Rule(id=1, clinic="alpha", pin="qwen")
    assert names(chosen(*rows, rules=(pin,))) == ["qwen"]
    other = Call(tier="heavy", clinic="beta", subject="job-1")
    assert names(chosen(*rows, rules=(pin,), call=other)) == ["canary", "heavy", "spare", "qwen"]


@pytest.mark.parametrize(("rows", "said"), [((), "disabled"), ((row("qwen", problem="No key."),), "No key.")])
def test_a_pin_that_cannot_be_asked_says_why_and_never_falls_back_by_itself(rows: Any, said: str) -> None:
    pin = Rule(id=7, clinic="alpha", pin="qwen", adapter="alpha-1")
    choice = chosen(*rows, rules=(pin,))
    assert (choice.servers, choice.adapter) == ((), None)
    assert said in choice.nobody
    falls = chosen(*rows, rules=(Rule(id=7, clinic="alpha", pin="qwen", adapter="alpha-1", fall_back=True),))
    assert names(falls) == ["heavy", "spare"]
    assert falls.adapter is None, "the adapter belongs to the pinned backbone"


def test_an_adapter_without_a_pin_is_asked_of_the_first_ordinary_backbone() -> None:
    rule = Rule(id=1, clinic="alpha", adapter="alpha-1")
    choice = chosen(row("canary", canary_percent=100), rules=(rule,))
    assert (names(choice), choice.adapter) == (["heavy", "spare"], "alpha-1")


@pytest.mark.parametrize(
    ("rules", "winner"),
    [
        ((Rule(id=1), Rule(id=2, tier="heavy")), 2),
        ((Rule(id=1, lane="interactive", tier="heavy"), Rule(id=2, kind="cases.assessment")), 1),
        ((Rule(id=1, kind="cases.assessment", lane="interactive", tier="heavy"), Rule(id=2, clinic="alpha")), 2),
        ((Rule(id=1, clinic="alpha"), Rule(id=2, clinic="alpha", lane="interactive")), 2),
        ((Rule(id=1, tier="heavy"), Rule(id=2, kind="cases.assessment")), 2),
        ((Rule(id=1, clinic="beta", kind="cases.assessment"), Rule(id=2)), 2),
        ((Rule(id=1, lane="batch"), Rule(id=2)), 2),
    ],
)
def test_the_more_specific_route_wins_and_the_clinic_weighs_most(rules: tuple[Rule, ...], winner: int) -> None:
    for order in (rules, tuple(reversed(rules))):
        assert chosen(rules=order).why[0].startswith(f"route {winner} ")


def test_a_route_that_names_nothing_to_ask_takes_a_clinic_out_of_a_broader_one() -> None:
    rules = (Rule(id=1, pin="qwen"), Rule(id=2, clinic="alpha"))
    assert names(chosen(row("qwen"), rules=rules)) == ["heavy", "spare", "qwen"]


def test_no_key_is_shown() -> None:
    assert "s3cret" not in repr(chosen(row("a", api_key="s3cret")))
