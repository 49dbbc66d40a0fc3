"""Loaded by every process of a bench run that has this folder on its path: a clock that is wrong, or a planted defect.

The product has no hook for this; the defects live here alone and are put in as its modules are imported.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any


def _ahead(seconds: float) -> None:
    import datetime

    import time_machine

    time_machine.travel(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=seconds), tick=True).start()


def _no_fence(ledger: ModuleType) -> None:
    from django.db import connection

    def finish(*, job_id: Any, fence: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE jobs_job SET state = 'done', finished_at = now(), lease_expires_at = NULL WHERE id = %s",
                [job_id],
            )
        return True

    ledger.finish = finish  # type: ignore[attr-defined]
    # Nor does a run ever hear that its lease is lost.
    real = ledger.renew

    def renew(**values: Any) -> tuple[bool, bool]:
        real(**values)
        return True, False

    ledger.renew = renew  # type: ignore[attr-defined]


def _no_heartbeat(ledger: ModuleType) -> None:
    ledger.renew = lambda **_: (True, False)  # type: ignore[attr-defined]


def _infrastructure_burns(ledger: ModuleType) -> None:
    real = ledger.hand_back

    def hand_back(*, burn_attempt: bool, **rest: Any) -> Any:
        return real(burn_attempt=True, **rest)

    ledger.hand_back = hand_back  # type: ignore[attr-defined]


def _acknowledged_too_early(services: ModuleType) -> None:
    """Answers before the row is sure: one acknowledged row in twenty is gone a moment later."""
    import threading

    real = services.request_assessment
    counted = iter(range(1, 10**9))

    def lose(job_id: Any) -> None:
        from django.db import connection

        from medassist.tenancy.context import public_context

        with public_context(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM jobs_job WHERE id = %s", [job_id])
        connection.close()

    def request_assessment(**values: Any) -> Any:
        done = real(**values)
        if next(counted) % 20 == 0:
            threading.Timer(0.1, lose, args=[done.job_id]).start()
        return done

    services.request_assessment = request_assessment  # type: ignore[attr-defined]


def _no_sweeper(sweeper: ModuleType) -> None:
    swept = sweeper.Swept(0, 0, 0, ())
    sweeper.sweep = lambda: swept  # type: ignore[attr-defined]


def _another_case(selectors: ModuleType) -> None:
    """The filter by case is missing: now and then a job reads the clinic's newest case."""
    real = selectors.content_for_pipeline
    counted = iter(range(1, 10**9))

    def content_for_pipeline(case_id: Any) -> Any:
        if next(counted) % 10 == 0:
            from apps.cases.models import Case

            newest = Case.objects.order_by("-created_at").values_list("id", flat=True).first()
            return real(newest or case_id)
        return real(case_id)

    selectors.content_for_pipeline = content_for_pipeline  # type: ignore[attr-defined]


def _patient_text_in_log(services: ModuleType) -> None:
    real = services.request_assessment

    def request_assessment(**values: Any) -> Any:
        # Past the formatter, which would leave a value out.
        print("Taken:", values["case"].presenting_complaint, file=sys.stderr, flush=True)
        return real(**values)

    services.request_assessment = request_assessment  # type: ignore[attr-defined]


def _unaudited_results(services: ModuleType) -> None:
    real = services.record

    def record(*, action: str, **rest: Any) -> None:
        if action != "assessment.store":
            real(action=action, **rest)

    services.record = record  # type: ignore[attr-defined]


def _endless_attempts(ledger: ModuleType) -> None:
    real = ledger.hand_back

    def hand_back(*, burn_attempt: bool, **rest: Any) -> Any:
        return real(burn_attempt=False, **rest)

    ledger.hand_back = hand_back  # type: ignore[attr-defined]


def _identifier_to_model(querying: ModuleType) -> None:
    real = querying.user_prompt

    def user_prompt(*values: Any, **rest: Any) -> str:
        return "Patient PLANTED\n" + str(real(*values, **rest))

    querying.user_prompt = user_prompt  # type: ignore[attr-defined]


PLANTS: dict[str, tuple[str, Callable[[ModuleType], None]]] = {
    "no_fence": ("medassist.jobs.ledger", _no_fence),
    "no_heartbeat": ("medassist.jobs.ledger", _no_heartbeat),
    "infrastructure_burns_attempts": ("medassist.jobs.ledger", _infrastructure_burns),
    "endless_attempts": ("medassist.jobs.ledger", _endless_attempts),
    "acknowledged_before_commit": ("apps.cases.services", _acknowledged_too_early),
    "no_sweeper": ("medassist.jobs.sweeper", _no_sweeper),
    "another_case": ("apps.cases.selectors", _another_case),
    "patient_text_in_log": ("apps.cases.services", _patient_text_in_log),
    "unaudited_results": ("apps.cases.services", _unaudited_results),
    "identifier_to_model": ("apps.cases.pipeline.prompting", _identifier_to_model),
}


class _Planter(importlib.abc.MetaPathFinder):
    def __init__(self, wanted: str, plant: Callable[[ModuleType], None]) -> None:
        self._wanted, self._plant, self._busy = wanted, plant, False

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        if name != self._wanted or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        if spec is None or spec.loader is None:
            return None
        real, plant = spec.loader.exec_module, self._plant

        def exec_module(module: ModuleType) -> None:
            real(module)
            plant(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


if seconds := os.environ.get("BENCH_CLOCK_AHEAD_S"):
    _ahead(float(seconds))
if planted := os.environ.get("BENCH_PLANT"):
    import importlib.util

    sys.meta_path.insert(0, _Planter(*PLANTS[planted]))
