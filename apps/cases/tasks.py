"""Binds the work of this room to its kinds of job."""

from __future__ import annotations

from uuid import UUID

from apps.cases import selectors, services
from apps.cases.jobs import ASSESSMENT
from apps.cases.pipeline.assessing import assess
from medassist.jobs.registry import bind
from medassist.jobs.runner import Run


def run_assessment(run: Run) -> None:
    case_id = UUID(run.job.references["case"])
    assessment = assess(run, lambda: selectors.content_for_pipeline(case_id))
    services.store_assessment(run=run, case_id=case_id, assessment=assessment)


bind(ASSESSMENT, run_assessment)
