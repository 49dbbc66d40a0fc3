"""`/metrics` in Prometheus' text form: what an autoscaler and an alert need. Counts only, no clinic, no patient."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.safety.selectors import event_totals
from medassist.jobs import overview, runner

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
QUEUES = ("llm", "ingest", "hooks")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Open on the public host of a private network; with METRICS_TOKEN set it asks for `Authorization: Bearer`."""
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if token and not hmac.compare_digest(given.encode(), token.encode()):
        return HttpResponse("not authenticated\n", status=401, content_type="text/plain")
    return HttpResponse("\n".join([*_lines(), ""]), content_type=CONTENT_TYPE)


def _lines() -> Iterator[str]:
    found = overview.overview()
    yield from _family(
        "medassist_jobs_waiting", "Jobs that wait in the ledger.",
        (({"queue": row.queue, "lane": row.lane}, row.waiting) for row in found.backlog),
    )  # fmt: skip
    yield from _family(
        "medassist_jobs_oldest_waiting_seconds", "How long the oldest waiting job has waited.",
        (({"queue": row.queue, "lane": row.lane}, row.oldest_s) for row in found.backlog),
    )  # fmt: skip
    yield from _family(
        "medassist_jobs_running", "Jobs that a worker holds.", (({"queue": q}, n) for q, n in found.running.items())
    )
    yield from _family(
        "medassist_jobs_dead", "Dead letters nobody has retried.", (({"queue": q}, n) for q, n in found.dead.items())
    )
    window = f"within the last {overview.WINDOW_MINUTES} minutes"
    yield from _family(
        "medassist_jobs_ended_recently", f"Jobs that ended {window}.",
        (({"queue": row.queue, "state": row.state}, row.count) for row in found.ended),
    )  # fmt: skip
    yield from _family(
        "medassist_jobs_attempts_recently", f"Attempts of the jobs that ended {window}.",
        (({"queue": row.queue, "state": row.state}, row.attempts) for row in found.ended),
    )  # fmt: skip
    for name, what in (("wait", "Seconds from submission to first claim"), ("run", "Seconds from claim to end")):
        yield from _family(
            f"medassist_job_{name}_seconds", f"{what}, quantiles of jobs done {window}.",
            (
                ({"queue": row.queue, "quantile": quantile}, getattr(row, f"{name}_p{percent}_s"))
                for row in found.ended if row.state == "done"
                for quantile, percent in (("0.5", 50), ("0.95", 95))
            ),
        )  # fmt: skip
    yield from _family(
        "medassist_safety_events_total", "What the safety checks did to answers, by code, over all clinics.",
        (({"code": code}, count) for code, count in sorted(event_totals().items())), kind="counter",
    )  # fmt: skip
    yield from _family(
        "medassist_worker_alive", "1 while some worker of the queue shows a pulse.",
        (({"queue": queue}, int(runner.worker_is_alive(queue))) for queue in QUEUES),
    )  # fmt: skip


def _family(
    name: str, what: str, samples: Iterable[tuple[dict[str, str], float]], kind: str = "gauge"
) -> Iterator[str]:
    yield f"# HELP {name} {what}"
    yield f"# TYPE {name} {kind}"
    for labels, value in samples:
        told = ",".join(f'{key}="{text}"' for key, text in labels.items())
        yield f"{name}{{{told}}} {value:g}"
