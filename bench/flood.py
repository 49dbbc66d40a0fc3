"""Quiet clinics beside a flood, in rounds: the same quiet load first alone, then while the flood stands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from bench.figures import last_line, median, percentile, say, table
from bench.stand import Stand, case, wait_until

QUIET = ("north", "south", "east")


@dataclass(frozen=True)
class Window:
    """End-to-end times of the quiet clinics' jobs, submission to result, in seconds."""

    seconds: tuple[float, ...]
    refused: int

    @property
    def p50(self) -> float:
        return percentile(self.seconds, 50)

    @property
    def p95(self) -> float:
        return percentile(self.seconds, 95)


def quiet_window(stand: Stand, *, seconds: float, every_s: float) -> Window:
    """Each quiet clinic submits one case every `every_s`; all of them are waited for."""
    submitted: list[UUID] = []
    refused: list[int] = []
    lock = threading.Lock()
    ends_at = time.monotonic() + seconds

    def clinic_load(clinic: str, offset_s: float) -> None:
        caller = stand.caller(clinic)
        due = time.monotonic() + offset_s
        while due < ends_at:
            time.sleep(max(0.0, due - time.monotonic()))
            answer = caller.call(
                "POST", "/api/v1/cases/analyze", case(f"mark-{uuid4().hex[:10]}"), {"Idempotency-Key": str(uuid4())}
            )
            with lock:
                if answer.status == 202:
                    submitted.append(UUID(answer.body["job"]["id"]))
                else:
                    refused.append(answer.status)
            due += every_s
        caller.close()

    threads = [
        threading.Thread(target=clinic_load, args=[clinic, number * every_s / len(QUIET)])
        for number, clinic in enumerate(QUIET)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Window(_times(submitted), len(refused))


def _times(submitted: Sequence[UUID]) -> tuple[float, ...]:
    from medassist.jobs.models import Job
    from medassist.tenancy.context import public_context

    def left() -> int:
        with public_context():
            return Job.objects.filter(id__in=submitted).exclude(state__in=("done", "dead", "cancelled")).count()

    wait_until(lambda: left() == 0, seconds=120, every_s=0.2)
    with public_context():
        jobs = list(Job.objects.filter(id__in=submitted))
    if any(job.state != "done" for job in jobs):
        raise SystemExit(f"{sum(job.state != 'done' for job in jobs)} of {len(jobs)} quiet jobs were not done")
    return tuple((job.finished_at - job.created_at).total_seconds() for job in jobs if job.finished_at)


def cancel_waiting(clinic: str, queue: str) -> None:
    """Ends a flood at once: what waits is cancelled, what runs is told to let go and waited for."""
    from django.db import connection

    from medassist.jobs.models import Job
    from medassist.tenancy.context import public_context

    with public_context(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET state = 'cancelled', reason = 'cancelled', finished_at = now() "
            "WHERE clinic = %s AND queue = %s AND state = 'queued'",
            [clinic, queue],
        )
        cursor.execute(
            "UPDATE jobs_job SET cancel_requested = true WHERE clinic = %s AND queue = %s AND state = 'running'",
            [clinic, queue],
        )

    def running() -> bool:
        with public_context():
            return Job.objects.filter(clinic=clinic, queue=queue, state="running").exists()

    wait_until(lambda: not running(), seconds=90)


def rounds(
    stand: Stand,
    *,
    name: str,
    count: int,
    window_s: float,
    every_s: float,
    flood: Callable[[], int],
    ebb: Callable[[], None],
    bar: float,
) -> int:
    """Prints the table and the last line; 0 when the median ratio of p95 is at most `bar`."""
    quiet_window(stand, seconds=8.0, every_s=every_s)
    rows, ratios, flooded = [], [], 0
    for number in range(1, count + 1):
        alone = quiet_window(stand, seconds=window_s, every_s=every_s)
        flooded = flood()
        beside = quiet_window(stand, seconds=window_s, every_s=every_s)
        ebb()
        ratios.append(beside.p95 / alone.p95)
        rows.append(
            [number, len(alone.seconds), alone.p50, alone.p95, len(beside.seconds), beside.p50, beside.p95, ratios[-1]]
        )
        if alone.refused or beside.refused:
            raise SystemExit(f"quiet clinics were refused: {alone.refused} alone, {beside.refused} beside the flood")
        say(f"round {number}: p95 {alone.p95:.3f} s alone, {beside.p95:.3f} s beside {flooded} flooding jobs")
    table(
        f"{name}: quiet clinics alone and beside a flood of {flooded} jobs (seconds, submission to result)",
        ["round", "jobs", "p50", "p95", "jobs beside", "p50 beside", "p95 beside", "ratio p95"],
        rows,
    )
    middle = median(ratios)
    good = middle <= bar
    last_line(
        {
            "bench": name, "ok": good, "rounds": count, "flood": flooded, "p95_ratio": round(middle, 4), "bar": bar,
            "ratios": [round(ratio, 4) for ratio in ratios],
        }
    )  # fmt: skip
    return 0 if good else 1
