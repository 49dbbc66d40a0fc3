from __future__ import annotations

from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "apps.cases"
    label = "cases"
    verbose_name = "Cases"

    def ready(self) -> None:
        # The suite belongs to a floor below; it asks this room to send cases through the pipeline.
        from apps.cases.pipeline.trial import run_trial
        from apps.safety.services import trials

        if run_trial not in trials:
            trials.append(run_trial)
