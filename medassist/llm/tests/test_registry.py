"""Backbones by tier, out of settings."""

from __future__ import annotations

import pytest
from pytest_django.fixtures import Settings

from medassist.common.errors import BackboneUnavailable
from medassist.llm import registry
from medassist.llm.testing import ScriptedModel


def test_a_tier_without_an_address_is_unavailable(settings: Settings) -> None:
    settings.LLM_BASE_URL = ""
    with pytest.raises(BackboneUnavailable):
        registry.model_for("light")


def test_each_tier_has_its_own_backbone_and_keeps_it(settings: Settings) -> None:
    settings.LLM_BASE_URL = "http://127.0.0.1:1/v1"
    settings.LLM_HEAVY_BASE_URL = "http://127.0.0.1:2/v1"
    light = registry.model_for("light")
    assert light.name == "light"
    assert registry.model_for("heavy").name == "heavy"
    assert registry.model_for("light") is light
    settings.LLM_MODEL = "another"
    assert registry.model_for("light") is not light
    registry.close_all()


def test_a_fake_can_stand_in_for_a_tier() -> None:
    fake = ScriptedModel(["hello"])
    undo = registry.serve("light", fake)
    try:
        assert registry.model_for("light") is fake
    finally:
        undo()
    assert "light" not in registry._overrides
