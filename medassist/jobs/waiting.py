"""Waiting for a job inside a request: few at once, no database connection held while waiting."""

from __future__ import annotations

import threading
import time
from uuid import UUID

from django.conf import settings

from medassist.common.database import hand_back_connection
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import job_views

_places = threading.BoundedSemaphore(max(1, settings.MAX_WAITERS))
POLL_S = 0.1


def wait_until_finished(job_id: UUID, seconds: float) -> JobView | None:
    """The job once it has ended, None when the time is over or all waiting places are taken."""
    if seconds <= 0 or settings.MAX_WAITERS == 0 or not _places.acquire(blocking=False):
        return None
    try:
        ends_at = time.monotonic() + seconds
        while True:
            job = job_views([job_id]).get(job_id)
            if job is None or job.finished:
                return job
            if time.monotonic() >= ends_at:
                return None
            # CONN_MAX_AGE is 0: this gives the connection back to the pool.
            hand_back_connection()
            time.sleep(POLL_S)
    finally:
        _places.release()
