"""Backbones by route, out of settings and the admin's rows, kept for the process: its threads share connections."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial

from django.conf import settings

from medassist.common.errors import BackboneUnavailable, NotFound
from medassist.llm import table
from medassist.llm.breaker import Breaker
from medassist.llm.failover import Failover, Member
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.protocol import ChatModel
from medassist.llm.routing import Call, Choice, Server, choose, ordinary_servers
from medassist.llm.schemas import Tier

PRIORITIES = {"emergency": -10, "batch": 10}
"""vLLM's, by lane; every other call has 0."""
MOST_LISTS = 1_000


@dataclass(frozen=True, slots=True)
class _Key:
    """What makes a client: another value of any of these needs another one."""

    name: str
    base_url: str
    model: str
    api_key: str = field(repr=False)
    connect_s: float
    timeout_s: float


_lock = threading.Lock()
_lists: dict[tuple[tuple[_Key, ...], str | None], Failover] = {}
_members: dict[_Key, Member] = {}
_breakers: dict[tuple[str, str], Breaker] = {}
_overrides: dict[str, ChatModel] = {}


def model_for(tier: Tier, *, clinic: str = "", kind: str = "", lane: str = "", subject: str = "") -> ChatModel:
    """The backbones that serve such a call, as one; raises `BackboneUnavailable` when there is none."""
    if tier in _overrides:
        return _overrides[tier]
    choice = route(Call(tier=tier, clinic=clinic, kind=kind, lane=lane, subject=subject))
    if not choice.servers:
        raise BackboneUnavailable(choice.nobody)
    return failover_of(choice)


def route(call: Call) -> Choice:
    """Who is asked for `call`, and why; asks nobody."""
    return choose(call, configured=configured(call.tier), table=table.current())


def failover_of(choice: Choice) -> Failover:
    """The choice as one model, with the breakers of this process."""
    wanted = (tuple(map(_key, choice.servers)), choice.adapter)
    with _lock:
        model = _lists.get(wanted)
        if model is None:
            if len(_lists) >= MOST_LISTS:
                _lists.clear()
            model = _lists[wanted] = Failover([_member(key) for key in wanted[0]], adapter=choice.adapter)
    return model


def member_of(server: Server) -> Member:
    """One backbone with its breaker."""
    with _lock:
        return _member(_key(server))


def ordinary(tier: Tier) -> tuple[Server, ...]:
    """The backbones of a tier in the order in which they are asked when no route and no canary says otherwise."""
    return ordinary_servers(tier, configured=configured(tier), table=table.current())


def named(name: str) -> Server:
    """A backbone of the settings or of a row, the disabled ones included; raises `NotFound`."""
    tiers: tuple[Tier, ...] = ("light", "heavy")
    own = {one.name: one for tier in tiers for one in configured(tier) if one.base_url}
    server = table.row_named(name) or own.get(name)
    if server is None:
        raise NotFound(f"There is no backbone {name}.")
    return server


def alone(server: Server, *, adapter: str = "") -> Failover:
    """One backbone with nobody behind it; for evaluations."""
    return Failover([member_of(server)], adapter=adapter or None)


def priority_of(lane: str) -> int:
    """What is sent as `priority`; 0, which sends nothing, unless LLM_PRIORITY says that the servers know it."""
    return PRIORITIES.get(lane, 0) if settings.LLM_PRIORITY else 0


def configured(tier: Tier) -> tuple[Server, ...]:
    """The settings' backbones of a tier in their order; one without an address holds the place for a row."""
    if tier == "heavy":
        own = ("heavy", settings.LLM_HEAVY_BASE_URL, settings.LLM_HEAVY_MODEL, settings.LLM_HEAVY_API_KEY)
    else:
        own = ("light", settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_API_KEY)
    others = [(one.name, one.base_url, one.model, one.api_key) for one in settings.LLM_FALLBACKS]
    return tuple(
        Server(name=name, base_url=base_url, model=model, api_key=api_key)
        for name, base_url, model, api_key in (own, *others)
    )


def serve(tier: Tier, model: ChatModel) -> partial[None]:
    """Puts `model` in the place of a tier (tests, evaluations); call what is returned to undo it."""
    _overrides[tier] = model
    return partial(_withdraw, tier)


def close_all() -> None:
    """Closes every connection and forgets what was learnt; the next call opens new ones."""
    with _lock:
        members = list(_members.values())
        _lists.clear()
        _members.clear()
        _breakers.clear()
    for member in members:
        close = getattr(member.model, "close", None)
        if close is not None:
            close()
    table.forget_all()


def _withdraw(tier: Tier) -> None:
    _overrides.pop(tier, None)


def _key(server: Server) -> _Key:
    return _Key(
        server.name, server.base_url, server.model, server.api_key,
        settings.LLM_CONNECT_SECONDS, settings.LLM_TIMEOUT_SECONDS,
    )  # fmt: skip


def _member(key: _Key) -> Member:
    # A server of both tiers, or under two names, fails for all of them at once: it has one breaker.
    member = _members.get(key)
    if member is None:
        breaker = _breakers.setdefault((key.base_url, key.model), Breaker())
        client = OpenAICompatible(
            name=key.name, base_url=key.base_url, model=key.model, api_key=key.api_key, connect_s=key.connect_s,
            max_deadline_s=key.timeout_s,
        )  # fmt: skip
        member = _members[key] = Member(client, breaker)
    return member
