"""python -m bench fairness [--rounds 5] [--flood 5000]

One clinic queues 5,000 jobs; three quiet clinics go on. Their p95, submission to result, may be at most 1.15 times
what it is without the flood (median of the rounds).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench.flood import QUIET, cancel_waiting, rounds
from bench.stand import Stand, case

FLOODER = "flooder"
BAR = 1.15
CHUNK = 100


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench fairness", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flood", type=int, default=5_000)
    parser.add_argument("--window", type=float, default=30.0, help="seconds a window")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds that the model takes for a call")
    options = parser.parse_args(arguments)
    # What one clinic may run at once must leave processor time to the others: that, not the queue, would be the limit.
    settings = {"JOB_CLINIC_CAP": "4", "JOB_CLINIC_QUEUE_LIMIT": str(options.flood + 100)}
    with Stand(clinics=(*QUIET, FLOODER), latency_s=options.latency, settings=settings) as stand:
        stand.worker("worker-second", "llm", threads=16)
        return rounds(
            stand,
            name="fairness",
            count=options.rounds,
            window_s=options.window,
            every_s=2.0,
            flood=lambda: flood(stand, options.flood),
            ebb=lambda: cancel_waiting(FLOODER, "llm"),
            bar=BAR,
        )


def flood(stand: Stand, count: int) -> int:
    """Queues `count` analyses of one case at once, by the service that the pages use."""
    from uuid import UUID, uuid4

    from django.db import transaction

    from apps.cases import services
    from medassist.accounts.access import system_actor
    from medassist.jobs.models import Job
    from medassist.tenancy.context import clinic_context, public_context

    caller = stand.caller(FLOODER)
    body = case(f"mark-{uuid4().hex[:10]}")
    first = caller.call("POST", "/api/v1/cases/analyze", body, {"Idempotency-Key": str(uuid4())})
    caller.close()
    with clinic_context(FLOODER):
        actor = system_actor(FLOODER, "bench")
        for _ in range(0, count, CHUNK):
            with transaction.atomic():
                for _ in range(CHUNK):
                    services.reanalyse(actor=actor, case_id=UUID(first.body["case"]))
    with public_context():
        return Job.objects.filter(clinic=FLOODER, state__in=("queued", "running")).count()
