"""The safety room: triage floor, guards, grounding and the one door to a model."""

from __future__ import annotations

from django.apps import AppConfig


class SafetyConfig(AppConfig):
    name = "apps.safety"
    label = "safety"
    verbose_name = "Safety"

    def ready(self) -> None:
        # Plumbing below this floor asks its gates before it lets calls meet another version of a model.
        from apps.safety.services import refuse_lowered
        from medassist.llm.services import activation_gates

        if refuse_lowered not in activation_gates:
            activation_gates.append(refuse_lowered)
