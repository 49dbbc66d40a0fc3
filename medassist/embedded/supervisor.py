"""Starts the table of services, keeps each alive, and stops them in reverse. Holds no Django."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import FrameType

import psycopg
import redis

from medassist.common.errors import MedAssistError, Unavailable
from medassist.embedded import records
from medassist.embedded.environment import completed_environment, remember, renew_taken_ports
from medassist.embedded.processes import Identity, claim_port, own_identity, port_is_free
from medassist.embedded.services import CHECKOUT, Environment, Service, Stage, Step, log_file

Say = Callable[[str], None]

_TICK_S = 0.25
_PROBE_EVERY_S = 5.0
_PROBES_MISSED = 6
"""Unanswered in a row before a living process counts as frozen: half a minute."""
_BACKOFF_S = (0.5, 30.0)
_SETTLED_S = 60.0


class Stopped(Exception):
    """Somebody asked the supervisor to stop while it was still starting."""


@dataclass
class _Child:
    """A service as it runs now. `process` is None between its death and its restart."""

    service: Service
    process: Identity | None
    started_at: float
    backoff_s: float = _BACKOFF_S[0]
    restart_at: float = 0.0
    missed: int = 0
    probed_at: float = 0.0


class Supervisor:
    """One run of the table. `run` returns the exit status; the lock and the signals are the caller's."""

    def __init__(self, stages: tuple[Stage, ...], say: Say, *, only: frozenset[str] = frozenset()) -> None:
        self._stages = stages
        self._say = say
        self._only = only
        self._children: list[_Child] = []
        self._asked_to_stop = 0
        self._environment: Environment = {}
        self._claims: list[socket.socket] = []

    def stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Also the signal handler; a second request is impatient."""
        self._asked_to_stop += 1

    def run(self) -> int:
        try:
            return self._run()
        finally:
            for claim in self._claims:
                claim.close()

    def _run(self) -> int:
        me = own_identity()
        began = time.monotonic()
        records.write(records.SUPERVISOR, me, note="starting")
        try:
            clean_up(self._services(), self._say)
            self._prepare_environment()
            for stage in self._stages:
                self._start_stage(stage)
            records.write(records.SUPERVISOR, me, note="ready")
            took = time.monotonic() - began
            self._say(f"up after {took:.1f} s   (Ctrl-C or `make down` stops it)")
            if any(child.service.name == "web" for child in self._children):
                self._say(f"web at http://localhost:{self._environment['WEB_PORT']}/")
            self._watch()
        except Stopped:
            pass
        except MedAssistError as error:
            records.write(records.SUPERVISOR, me, note=f"failed: {error.detail}")
            self._say(error.detail)
            self._stop_all()
            return 1
        self._stop_all()
        records.forget(records.SUPERVISOR)
        return 0

    def _services(self) -> Iterator[Service]:
        for stage in self._stages:
            yield from stage.services

    def _included(self, service: Service) -> bool:
        return (not self._only or service.name in self._only) and service.wanted(self._environment)

    def _prepare_environment(self) -> None:
        remember()
        for name, (old, new) in renew_taken_ports(self._takes).items():
            self._say(f"{name:<15}port {old} is taken; {new} from now on")
        self._environment = completed_environment(remember())

    def _takes(self, port: int) -> bool:
        """True when the port is free and, from now to the end of this run, ours."""
        claim = claim_port(port) if port_is_free(port) else None
        if claim is not None:
            self._claims.append(claim)
        return claim is not None

    def _start_stage(self, stage: Stage) -> None:
        included = [service for service in stage.services if self._included(service)]
        if included and not self._only:
            for step in stage.before:
                self._run_step(step)
        waiting = []
        for service in included:
            self._check_stop()
            waiting.append(self._launch(service))
        advice = [] if self._only else [(step, self._begin(step)) for step in stage.advice]
        for child in waiting:
            self._wait_for(child)
        for step, running in advice:
            self._finish(running)
            for line in _findings(step.name):
                self._say(line)

    def _launch(self, service: Service) -> _Child:
        now = time.monotonic()
        process = service.start(self._environment)
        records.write(service.name, process)
        child = _Child(service, process, now)
        self._children.append(child)
        return child

    def _wait_for(self, child: _Child) -> None:
        service = child.service
        while not self._answers(service) or time.monotonic() - child.started_at < service.settle_s:
            self._check_stop()
            if child.process is None or not child.process.alive():
                raise Unavailable(f"{service.name} ended while starting. {_last_words(service.name)}")
            if time.monotonic() - child.started_at > service.startup_s:
                raise Unavailable(
                    f"{service.name} did not answer within {service.startup_s:.0f} s; see {log_file(service.name)}"
                )
            time.sleep(0.05)
        self._say(
            f"{service.name:<15}{time.monotonic() - child.started_at:>5.1f} s  {service.address(self._environment)}"
        )

    def _run_step(self, step: Step) -> None:
        began = time.monotonic()
        if self._finish(self._begin(step)) != 0:
            raise Unavailable(f"{step.name} failed. {_last_words(step.name)}")
        self._say(f"{step.name:<15}{time.monotonic() - began:>5.1f} s")

    def _begin(self, step: Step) -> subprocess.Popen[bytes]:
        # Each run of a step is whole in its log.
        with log_file(step.name).open("wb") as log:
            return subprocess.Popen(  # noqa: S603
                step.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=dict(self._environment),
                cwd=CHECKOUT,
                start_new_session=True,
            )

    def _finish(self, running: subprocess.Popen[bytes]) -> int:
        while (status := running.poll()) is None:
            if self._asked_to_stop:
                running.terminate()
                running.wait()
                raise Stopped
            time.sleep(0.05)
        return status

    def _answers(self, service: Service) -> bool:
        try:
            return service.healthy(self._environment)
        except (OSError, psycopg.Error, redis.RedisError, http.client.HTTPException):
            return False

    def _check_stop(self) -> None:
        if self._asked_to_stop:
            raise Stopped

    def _watch(self) -> None:
        while not self._asked_to_stop:
            time.sleep(_TICK_S)
            for child in self._children:
                self._look_at(child)

    def _look_at(self, child: _Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.restart_at:
                self._restart(child)
            return
        if not child.process.alive():
            self._give_up_on(child, "ended")
        elif now - child.probed_at >= _PROBE_EVERY_S:
            child.missed = 0 if self._answers(child.service) else child.missed + 1
            child.probed_at = time.monotonic()
            if child.missed >= _PROBES_MISSED:
                self._give_up_on(child, "no longer answers")

    def _give_up_on(self, child: _Child, reason: str) -> None:
        if child.process is not None:
            child.process.kill_group()
        now = time.monotonic()
        if now - child.started_at > _SETTLED_S:
            child.backoff_s = _BACKOFF_S[0]
        self._say(f"{child.service.name:<15}{reason}; starts again in {child.backoff_s:.1f} s")
        child.process, child.missed, child.restart_at = None, 0, now + child.backoff_s
        child.backoff_s = min(child.backoff_s * 2, _BACKOFF_S[1])

    def _restart(self, child: _Child) -> None:
        child.started_at = child.probed_at = time.monotonic()
        try:
            child.process = child.service.start(self._environment)
        except (MedAssistError, OSError):
            self._give_up_on(child, "did not start")
            return
        records.write(child.service.name, child.process)
        self._say(f"{child.service.name:<15}started again")

    def _stop_all(self) -> None:
        patience_left = self._asked_to_stop
        for child in reversed(self._children):
            if child.process is not None:
                # A second Ctrl-C: no more patience with anybody.
                child.process.stop(*(() if self._asked_to_stop > max(patience_left, 1) else child.service.stop_steps))
            records.forget(child.service.name)
            self._say(f"{child.service.name:<15}stopped")
        self._children = []


def _last_words(name: str) -> str:
    """Where to look, with the last line of the log: most failures to start say it there."""
    log = log_file(name)
    try:
        lines = [
            line for line in log.read_text(encoding="utf-8", errors="replace")[-4000:].splitlines() if line.strip()
        ]
    except OSError:
        lines = []
    return f"See {log}" + (f": {lines[-1].strip()[:300]}" if lines else "")


def _findings(name: str) -> list[str]:
    """Lines of a step's log that name one of our own system checks."""
    text = log_file(name).read_text(encoding="utf-8", errors="replace")
    return [line.strip() for line in text.splitlines() if "(medassist." in line]


def clean_up(services: Iterable[Service], say: Say) -> int:
    """Stops what a killed supervisor left running, last started first; returns how many processes that were."""
    known = {service.name: service for service in services}
    order = [name for name in reversed(known) if name in records.names()] + [
        name for name in records.names() if name not in known
    ]
    stopped = 0
    for name in order:
        record = records.read(name)
        if record is not None:
            alive = record.process.alive()
            record.process.stop(*(known[name].stop_steps if name in known else ((signal.SIGTERM, 10),)))
            if alive:
                stopped += 1
                say(f"{name:<15}stopped (left over from a run that was killed)")
        records.forget(name)
    return stopped
