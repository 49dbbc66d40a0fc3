from __future__ import annotations

from django.apps import AppConfig


class LlmConfig(AppConfig):
    name = "medassist.llm"
    label = "llm"
    verbose_name = "Backbones"
