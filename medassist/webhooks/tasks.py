"""Binds the work of webhooks to their kind of job."""

from __future__ import annotations

from uuid import UUID

from medassist.jobs.registry import bind
from medassist.jobs.runner import Run
from medassist.webhooks import services
from medassist.webhooks.jobs import DELIVER


def run_delivery(run: Run) -> None:
    services.deliver(run=run, delivery_id=UUID(run.job.references["delivery"]))


bind(DELIVER, run_delivery)
