"""The one task of the house: look into the ledger. Which queue is told by the queue it came through."""

from __future__ import annotations

import logging
from typing import Any

from celery.signals import celeryd_after_setup
from django.conf import settings
from django.db import InterfaceError, OperationalError

from medassist.celery import app
from medassist.common.errors import ConfigurationError
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
    queues = {str(queue) for queue in instance.app.amqp.queues.consume_from}
    if settings.MEDIA_QUEUE in queues and len(queues) > 1:
        # Pictures take minutes: in one process they would hold places that an emergency needs.
        raise ConfigurationError(f"A worker of {settings.MEDIA_QUEUE} serves no other queue")
    for queue in queues:
        runner.start_pulse(queue)
