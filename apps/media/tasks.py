"""Binds the work of this room to its kind of job."""

from __future__ import annotations

from uuid import UUID

from apps.media import gateway, selectors, services
from apps.media.jobs import GENERATE
from apps.media.pipeline.drawing import draw
from medassist.jobs.registry import bind
from medassist.jobs.runner import Run


def run_generate(run: Run) -> None:
    media_id = UUID(run.job.references["media"])
    drawn = draw(run, lambda: selectors.order_for_pipeline(media_id))
    services.store(run=run, media_id=media_id, drawn=drawn)
    gateway.forget(drawn.prompt_id)


bind(GENERATE, run_generate)
