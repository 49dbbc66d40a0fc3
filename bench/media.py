"""python -m bench media [--rounds 5] [--flood 1000]

A thousand media jobs, and a media server that is frozen; language-model work goes on beside it. Its p95, submission to
result, may be at most 1.05 times what it is without the flood (median of the rounds). The media jobs stand in for the
media room's: a worker of the queue `media` that waits for a server which never answers.
"""

from __future__ import annotations

import argparse
import socket
from collections.abc import Sequence
from uuid import uuid4

from bench.faults.injections import planted_folder
from bench.flood import QUIET, cancel_waiting, rounds
from bench.stand import Stand

BAR = 1.05
KIND = "bench.media"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench media", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flood", type=int, default=1_000)
    parser.add_argument("--window", type=float, default=30.0, help="seconds a window")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds that the model takes for a call")
    options = parser.parse_args(arguments)
    # A server that takes connections and never says a word: frozen.
    with socket.create_server(("127.0.0.1", 0), backlog=512) as frozen:
        address = f"127.0.0.1:{frozen.getsockname()[1]}"
        with Stand(clinics=QUIET, latency_s=options.latency, settings={"JOB_CLINIC_CAP": "8"}) as stand:
            stand.worker("worker-second", "llm", threads=16)
            stand.worker("worker-media", "media", threads=16, PYTHONPATH=planted_folder(), BENCH_MEDIA=address)
            return rounds(
                stand,
                name="media",
                count=options.rounds,
                window_s=options.window,
                every_s=1.0,
                flood=lambda: flood(options.flood),
                ebb=ebb,
                bar=BAR,
            )


def ebb() -> None:
    for clinic in QUIET:
        cancel_waiting(clinic, "media")


def flood(count: int) -> int:
    """The quiet clinics' own media jobs: not even a clinic's own flood of pictures may slow its cases."""
    from django.db import transaction

    from medassist.accounts.access import system_actor
    from medassist.jobs import services
    from medassist.jobs.models import Job
    from medassist.jobs.schemas import JobKind
    from medassist.tenancy.context import clinic_context, public_context

    kind = JobKind(KIND, "media")
    for number in range(count):
        clinic = QUIET[number % len(QUIET)]
        with clinic_context(clinic), transaction.atomic():
            services.submit(
                kind=kind, actor=system_actor(clinic, "bench"), lane="batch", references={"media": str(uuid4())}
            )
    with public_context():
        return Job.objects.filter(kind=KIND, state__in=("queued", "running")).count()
