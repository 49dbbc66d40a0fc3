"""Binds the work of this room to its kinds of job."""

from __future__ import annotations

from uuid import UUID

from apps.notes import selectors, services
from apps.notes.jobs import SUMMARY
from apps.notes.pipeline.summarizing import summarize
from medassist.jobs.registry import bind
from medassist.jobs.runner import Run


def run_summary(run: Run) -> None:
    note_id = UUID(run.job.references["note"])
    summary = summarize(run, lambda: selectors.content_for_pipeline(note_id))
    services.store_summary(run=run, note_id=note_id, summary=summary)


bind(SUMMARY, run_summary)
