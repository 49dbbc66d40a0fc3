"""`manage.py assess_cases --clinic demo < cases.jsonl > assessments.jsonl`

One `CaseInput` a line in, one `Assessment` a line out, in the same order; a line that fails becomes
`{"line", "error": {"code", "detail", "fields"}}`. An input may carry an `id`, which is given back.
The work goes through the job ledger in the batch lane; when no worker shows a pulse, this command runs the jobs itself.
"""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TextIO
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.cases import selectors, services
from apps.cases.jobs import ASSESSMENT
from medassist.accounts.access import Actor, system_actor
from medassist.clinical.parsing import parse_case, parse_json
from medassist.common.database import hand_back_connection
from medassist.common.errors import MedAssistError, TooManyRequests, Unavailable
from medassist.jobs import runner
from medassist.jobs.selectors import job_views
from medassist.tenancy.context import clinic_context

HELPERS = 2
LOOK_S = 0.3


@dataclass(frozen=True)
class _Waiting:
    line: int
    given_id: Any
    job_id: UUID | None
    error: MedAssistError | None = None


class Command(BaseCommand):
    help = "Assesses cases of a JSONL stream through the job ledger of a clinic."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--clinic", required=True, help="schema name of the clinic")
        parser.add_argument("--input", default="-", help="a JSONL file; - is standard input")
        parser.add_argument("--window", type=int, default=32, help="jobs under way at once")
        parser.add_argument("--timeout", type=int, default=900, help="seconds to wait for one case")

    def handle(self, *_: Any, clinic: str, input: str, window: int, timeout: int, **__: Any) -> None:
        try:
            with clinic_context(clinic):
                pass
        except MedAssistError as error:
            raise CommandError(f"{error.code}: clinic {clinic}") from None
        stream = sys.stdin if input == "-" else open(input, encoding="utf-8")  # noqa: SIM115, PTH123
        with ThreadPoolExecutor(max_workers=HELPERS) as pool:
            failed = 0
            for answer in tqdm(
                self._answers(stream, clinic, window, timeout, _Helpers(pool)),
                unit="case",
                disable=not sys.stderr.isatty(),
                file=sys.stderr,
            ):
                failed += "error" in answer
                self.stdout.write(json.dumps(answer, ensure_ascii=False))
        if failed:
            self.stderr.write(f"{failed} line(s) could not be assessed")

    def _answers(
        self, stream: Iterable[str] | TextIO, clinic: str, window: int, timeout: int, helpers: _Helpers
    ) -> Iterator[dict[str, Any]]:
        waiting: deque[_Waiting] = deque()
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            waiting.append(_submit(clinic, number, line))
            if len(waiting) >= window:
                yield _result(clinic, waiting.popleft(), timeout, helpers)
        while waiting:
            yield _result(clinic, waiting.popleft(), timeout, helpers)


class _Helpers:
    """Run jobs in this process as long as no worker shows a pulse: an idle demo, a test, a laptop without `make up`."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self._running: list[Future[int]] = []
        self._next_look = 0.0

    def look(self) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + LOOK_S
        self._running = [future for future in self._running if not future.done()]
        if len(self._running) < HELPERS and not runner.worker_is_alive(ASSESSMENT.queue):
            self._running.append(self._pool.submit(runner.drain, ASSESSMENT.queue))


def _actor(clinic: str) -> Actor:
    return system_actor(clinic, "assess_cases")


def _submit(clinic: str, number: int, line: str) -> _Waiting:
    given_id: Any = None
    try:
        data = parse_json(line)
        if isinstance(data, dict):
            given_id = data.pop("id", None)
        case = parse_case(data)
        while True:
            try:
                with clinic_context(clinic):
                    requested = services.request_assessment(actor=_actor(clinic), case=case, lane="batch")
                return _Waiting(number, given_id, requested.job_id)
            except (TooManyRequests, Unavailable) as error:
                time.sleep(min(error.retry_after or 1, 5))
    except MedAssistError as error:
        return _Waiting(number, given_id, None, error)


def _result(clinic: str, item: _Waiting, timeout: int, helpers: _Helpers) -> dict[str, Any]:
    if item.error is not None or item.job_id is None:
        error = item.error or MedAssistError()
        return _labelled(
            item, {"line": item.line, "error": {"code": error.code, "detail": error.detail, "fields": error.fields}}
        )
    ends_at = time.monotonic() + timeout
    with clinic_context(clinic):
        while True:
            job = job_views([item.job_id]).get(item.job_id)
            if job is not None and job.finished:
                break
            if time.monotonic() > ends_at:
                return _labelled(
                    item,
                    {
                        "line": item.line,
                        "error": {"code": "timeout", "detail": "No result in time; the job goes on", "fields": {}},
                    },
                )
            hand_back_connection()
            helpers.look()
            time.sleep(0.05)
        assessment = (
            selectors.assessment_of_job(actor=_actor(clinic), job_id=item.job_id) if job.state == "done" else None
        )
    if assessment is None:
        return _labelled(
            item,
            {
                "line": item.line,
                "error": {"code": job.reason or job.state, "detail": f"The job ended as {job.state}", "fields": {}},
            },
        )
    return _labelled(item, assessment.model_dump(mode="json"))


def _labelled(item: _Waiting, answer: dict[str, Any]) -> dict[str, Any]:
    return answer if item.given_id is None else {"id": item.given_id, **answer}
