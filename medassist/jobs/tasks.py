"""The one task of the house: look into the ledger. Which queue is told by the queue it came through."""

from __future__ import annotations

import logging
from typing import Any

from celery.signals import celeryd_after_setup
from django.db import InterfaceError, OperationalError

from medassist.celery import app
from medassist.jobs import runner
from medassist.jobs.doorbell import TASK

logger = logging.getLogger(__name__)


@app.task(name=TASK, bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def look(self: Any) -> None:
    queue = (self.request.delivery_info or {}).get("routing_key") or "llm"
    try:
        runner.drain(str(queue))
    except (OperationalError, InterfaceError):
        logger.warning("The database is away; the sweeper will ring again", extra={"queue": queue})


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _on_start(instance: Any, **_: Any) -> None:
    for queue in instance.app.amqp.queues.consume_from:
        runner.start_pulse(str(queue))
