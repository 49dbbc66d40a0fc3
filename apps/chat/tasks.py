"""Binds the work of this room to its kinds of job."""

from __future__ import annotations

from uuid import UUID

from apps.chat import selectors, services
from apps.chat.jobs import TURN
from apps.chat.pipeline.answering import answer
from medassist.jobs.registry import bind
from medassist.jobs.runner import Run


def run_turn(run: Run) -> None:
    turn_id = UUID(run.job.references["turn"])
    found = answer(run, lambda: selectors.content_for_pipeline(turn_id))
    services.store_answer(run=run, turn_id=turn_id, answer=found)


bind(TURN, run_turn)
