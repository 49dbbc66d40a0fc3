"""Backbones by tier, read from settings and kept for the process: connections are shared by its threads."""

from __future__ import annotations

import threading
from functools import partial

from django.conf import settings

from medassist.common.errors import BackboneUnavailable
from medassist.llm.failover import Failover, Member
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.protocol import ChatModel
from medassist.llm.schemas import Tier

_Key = tuple[str, str, str, str, float, float]

_lock = threading.Lock()
_tiers: dict[tuple[_Key, ...], Failover] = {}
_members: dict[_Key, Member] = {}
_overrides: dict[str, ChatModel] = {}


def model_for(tier: Tier) -> ChatModel:
    """The backbones that serve `tier`, as one; raises `BackboneUnavailable` when none is configured."""
    if tier in _overrides:
        return _overrides[tier]
    keys = _keys(tier)
    if not keys:
        raise BackboneUnavailable("No language model is configured: LLM_BASE_URL is empty.")
    with _lock:
        model = _tiers.get(keys)
        if model is None:
            model = _tiers[keys] = Failover([_member(key) for key in keys])
    return model


def members_of(tier: Tier) -> tuple[Member, ...]:
    """The backbones of a tier in the order in which they are asked, with their breakers."""
    model = model_for(tier)
    return model.members if isinstance(model, Failover) else ()


def serve(tier: Tier, model: ChatModel) -> partial[None]:
    """Puts `model` in the place of a tier (tests, evaluations); call what is returned to undo it."""
    _overrides[tier] = model
    return partial(_withdraw, tier)


def close_all() -> None:
    """Closes every connection; the next call opens new ones."""
    with _lock:
        models = list(_tiers.values())
        _tiers.clear()
        _members.clear()
    for model in models:
        model.close()


def _withdraw(tier: Tier) -> None:
    _overrides.pop(tier, None)


def _keys(tier: Tier) -> tuple[_Key, ...]:
    limits = (settings.LLM_CONNECT_SECONDS, settings.LLM_TIMEOUT_SECONDS)
    if tier == "heavy":
        own = ("heavy", settings.LLM_HEAVY_BASE_URL, settings.LLM_HEAVY_MODEL, settings.LLM_HEAVY_API_KEY, *limits)
    else:
        own = ("light", settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_API_KEY, *limits)
    others = [(one.name, one.base_url, one.model, one.api_key, *limits) for one in settings.LLM_FALLBACKS]
    return tuple(key for key in (own, *others) if key[1])


def _member(key: _Key) -> Member:
    # A fallback of both tiers is one server with one breaker.
    member = _members.get(key)
    if member is None:
        name, base_url, model, api_key, connect_s, timeout_s = key
        client = OpenAICompatible(
            name=name, base_url=base_url, model=model, api_key=api_key, connect_s=connect_s, max_deadline_s=timeout_s
        )
        member = _members[key] = Member(client)
    return member
