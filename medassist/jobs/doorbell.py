"""The doorbell: a Celery message without arguments that makes a worker look into the ledger. Best effort;
the sweeper rings again for whatever waits."""

from __future__ import annotations

import logging

from kombu.exceptions import OperationalError

from medassist.celery import app

logger = logging.getLogger(__name__)

TASK = "medassist.jobs.look"
EXPIRES_S = 60


def ring(queue: str, *, times: int = 1) -> bool:
    """Rings for `queue`; False when the broker is away, which loses nothing."""
    try:
        for _ in range(times):
            app.send_task(TASK, queue=queue, expires=EXPIRES_S, ignore_result=True, retry=False)
    except (OperationalError, OSError):
        logger.warning("The doorbell could not be rung; the sweeper will", extra={"queue": queue})
        return False
    return True
