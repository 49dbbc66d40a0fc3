"""The one task of the house: look into the ledger. Which queue is told by the queue it came through."""

from __future__ import annotations

from typing import Any

from celery.signals import celeryd_after_setup

from medassist.celery import app
from medassist.jobs import runner
from medassist.jobs.doorbell import TASK


@app.task(name=TASK, bind=True, ignore_result=True)  # type: ignore[untyped-decorator]
def look(self: Any) -> None:
    queue = (self.request.delivery_info or {}).get("routing_key") or "llm"
    runner.drain(str(queue))


@celeryd_after_setup.connect  # type: ignore[untyped-decorator]
def _on_start(instance: Any, **_: Any) -> None:
    for queue in instance.app.amqp.queues.consume_from:
        runner.start_pulse(str(queue))
