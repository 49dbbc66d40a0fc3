"""Backbones by tier, read from settings and kept for the process: connections are shared by its threads."""

from __future__ import annotations

import threading
from functools import partial

from django.conf import settings

from medassist.common.errors import BackboneUnavailable
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.protocol import ChatModel
from medassist.llm.schemas import Tier

_Key = tuple[str, str, str, str, float, float]

_lock = threading.Lock()
_open: dict[_Key, OpenAICompatible] = {}
_overrides: dict[str, ChatModel] = {}


def model_for(tier: Tier) -> ChatModel:
    """The backbone that serves `tier`; raises `BackboneUnavailable` when none is configured."""
    if tier in _overrides:
        return _overrides[tier]
    key = _key(tier)
    if not key[1]:
        raise BackboneUnavailable("No language model is configured: LLM_BASE_URL is empty.")
    with _lock:
        model = _open.get(key)
        if model is None:
            model = _open[key] = _make(key)
    return model


def serve(tier: Tier, model: ChatModel) -> partial[None]:
    """Puts `model` in the place of a tier (tests, evaluations); call what is returned to undo it."""
    _overrides[tier] = model
    return partial(_withdraw, tier)


def close_all() -> None:
    """Closes every connection; the next call opens new ones."""
    with _lock:
        models = list(_open.values())
        _open.clear()
    for model in models:
        model.close()


def _withdraw(tier: Tier) -> None:
    _overrides.pop(tier, None)


def _key(tier: Tier) -> _Key:
    limits = (settings.LLM_CONNECT_SECONDS, settings.LLM_TIMEOUT_SECONDS)
    if tier == "heavy":
        return ("heavy", settings.LLM_HEAVY_BASE_URL, settings.LLM_HEAVY_MODEL, settings.LLM_HEAVY_API_KEY, *limits)
    return ("light", settings.LLM_BASE_URL, settings.LLM_MODEL, settings.LLM_API_KEY, *limits)


def _make(key: _Key) -> OpenAICompatible:
    name, base_url, model, api_key, connect_s, timeout_s = key
    return OpenAICompatible(
        name=name, base_url=base_url, model=model, api_key=api_key, connect_s=connect_s, max_deadline_s=timeout_s
    )
