from __future__ import annotations

from django.apps import AppConfig


class CasesConfig(AppConfig):
    name = "apps.cases"
    label = "cases"
    verbose_name = "Cases"

    def ready(self) -> None:
        # The suite belongs to a floor below; it asks this room to send cases through the pipeline.
        from apps.cases.pipeline.record import headline_of, parts_of
        from apps.cases.pipeline.trial import run_trial
        from apps.cases.selectors import closed_among, record_of, require_case
        from apps.safety.services import trials
        from medassist.accounts import confidential
        from medassist.clinical import records

        if run_trial not in trials:
            trials.append(run_trial)
        confidential.watch(closed_among)
        records.serve(records.RecordReader(require_case, record_of, parts_of, headline_of))
