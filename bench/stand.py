"""The stand on which benchmarks run: the real MedAssist of this checkout, started by its own supervisor on ports and
data of its own in a temporary folder, with a model server whose time and faults are ours, and stopped at the end."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import psutil

CHECKOUT = Path(__file__).resolve().parents[1]
KEY_SCOPES = (
    "CASE_SUBMIT", "CASE_READ", "CASE_CANCEL", "GUIDELINE_READ", "NOTE_SUMMARIZE", "NOTE_READ", "JOB_READ",
    "DOCUMENT_INGEST", "DOCUMENT_READ", "DOCUMENT_SEARCH", "CHAT_ASK", "CHAT_READ",
)  # fmt: skip


@dataclass(frozen=True)
class Door:
    """A clinic as its hospital system knows it."""

    clinic: str
    host: str
    key: str


@dataclass
class Answer:
    """`status` 0: no answer came (refused, cut off, or later than the client waits)."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]
    seconds: float


class Caller:
    """One client with one kept connection; not for two threads."""

    def __init__(self, door: Door, port: int, *, timeout_s: float = 15.0) -> None:
        self._door, self._port, self._timeout_s = door, port, timeout_s
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        started = time.perf_counter()
        reused = self._connection is not None
        answer = self._once(method, path, body, headers or {}, started)
        if answer.status == 0 and reused and answer.seconds < 1:
            # A kept connection that the server had closed meanwhile says nothing about the server.
            answer = self._once(method, path, body, headers or {}, started)
        return answer

    def raw(self, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        """A call whose body is not JSON."""
        return self._once(method, path, data, headers, time.perf_counter())

    def _once(self, method: str, path: str, body: Any, headers: Mapping[str, str], started: float) -> Answer:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout_s)
        try:
            self._connection.request(
                method,
                path,
                body if body is None or isinstance(body, bytes) else json.dumps(body),
                {
                    "Host": self._door.host,
                    "Authorization": f"Api-Key {self._door.key}",
                    "Content-Type": "application/json",
                    **headers,
                },
            )
            response = self._connection.getresponse()
            raw = response.read()
            found = json.loads(raw) if raw else {}
        except (OSError, http.client.HTTPException, ValueError):
            self.close()
            return Answer(0, {}, {}, time.perf_counter() - started)
        if response.will_close:
            self.close()
        return Answer(response.status, found, dict(response.headers), time.perf_counter() - started)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Kept:
    """A process of ours beside the supervisor's, started again when it dies, as a cluster would."""

    def __init__(self, name: str, command: Sequence[str], log: Path, more: Mapping[str, str]) -> None:
        self.name, self._command, self._log, self._more = name, list(command), log, dict(more)
        self._ended = threading.Event()
        self._process = self._start()
        self._thread = threading.Thread(target=self._watch, name=f"keeper-{name}", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(timeout=5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGCONT)
            os.killpg(self._process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=10)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as out:
            return subprocess.Popen(
                self._command,
                cwd=CHECKOUT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _environment(self) -> dict[str, str]:
        """This process's own and what the program is given besides; a variable given as "" is taken away."""
        mixed = {**os.environ, "PYTHONUNBUFFERED": "1", **self._more}
        return {name: value for name, value in mixed.items() if self._more.get(name) != ""}

    def _watch(self) -> None:
        while not self._ended.wait(0.5):
            if self._process.poll() is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)
                self._process = self._start()


@dataclass
class Stand:
    """`with Stand(clinics=…) as stand:` everything answers; at the end everything is gone, the logs too."""

    clinics: Sequence[str] = ("north", "south")
    latency_s: float = 0.2
    settings: Mapping[str, str] = field(default_factory=dict)
    without: Sequence[str] = ()
    """Services of the supervisor's table that are not started."""
    guidelines: bool = True
    before: Callable[[Stand], None] | None = None
    """What must run before MedAssist starts, such as another broker."""
    say: Callable[[str], None] = lambda _words: None
    doors: dict[str, Door] = field(default_factory=dict)
    kept: dict[str, Kept] = field(default_factory=dict)

    def __enter__(self) -> Stand:
        self.folder = Path(tempfile.mkdtemp(prefix="medassist-bench-"))
        self._before = dict(os.environ)
        try:
            self._enter()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from medassist.embedded import control

        for process in self.kept.values():
            process.stop()
        self._thaw()
        with contextlib.suppress(Exception):
            from django.db import connections

            connections.close_all()
        control.down(self.say)
        if kept := self._before.get("BENCH_KEEP_LOGS"):
            shutil.copytree(self.logs, Path(kept), dirs_exist_ok=True)
        with contextlib.suppress(Exception):
            control.remove(self.say)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.environ.clear()
        os.environ.update(self._before)

    @property
    def logs(self) -> Path:
        return self.folder / "state" / "logs"

    @property
    def web_port(self) -> int:
        return int(os.environ["WEB_PORT"])

    @property
    def upstream_port(self) -> int:
        return self._upstream_port

    def caller(self, clinic: str, *, timeout_s: float = 15.0) -> Caller:
        return Caller(self.doors[clinic], self.web_port, timeout_s=timeout_s)

    def pid_of(self, name: str) -> int:
        """The living process of a service of the supervisor, or of one that the stand keeps; 0 while it is down."""
        from medassist.embedded import records

        if name in self.kept:
            return self.kept[name].pid if self.kept[name].alive else 0
        record = records.read(name)
        return record.process.pid if record is not None and record.process.alive() else 0

    def keep(self, name: str, *arguments: str, program: str = sys.executable, **more: str) -> Kept:
        kept = Kept(name, [program, *arguments], self.logs / f"{name}.log", more)
        self.kept[name] = kept
        return kept

    def worker(self, name: str, queue: str, *, threads: int, pool: str = "threads", **more: str) -> Kept:
        """Another Celery worker on `queue`."""
        return self.keep(
            name, "-m", "celery", "-A", "medassist.celery", "worker", "-Q", queue, "-P", pool, "-c", str(threads),
            "-n", f"{name}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO",
            REMAP_SIGTERM="SIGQUIT", **({"DATABASE_POOL_SIZE": str(threads)} if pool == "threads" else {}), **more,
        )  # fmt: skip

    def upstream(self, path: str, body: Any = None) -> dict[str, Any]:
        """Asks the model server itself."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self._upstream_port}{path}", data=data)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def open(self, clinic: str) -> Door:
        """Another clinic with a key of its own."""
        from medassist.accounts.access import Permission, system_actor
        from medassist.accounts.services import issue_api_key
        from medassist.tenancy.context import public_context
        from medassist.tenancy.services import open_clinic

        host = f"{clinic}.localhost"
        open_clinic(schema_name=clinic, name=f"Clinic {clinic}", hosts=[host], by="bench")
        with public_context():
            key = issue_api_key(
                clinic=clinic,
                name="bench",
                expires_at=None,
                scopes=[Permission[name] for name in KEY_SCOPES],
                by=system_actor("public", "bench", scopes=frozenset(Permission)),
            ).key
        self.doors[clinic] = Door(clinic, host, key)
        return self.doors[clinic]

    def _enter(self) -> None:
        from medassist.embedded.environment import MARK, apply_defaults
        from medassist.embedded.processes import free_port

        filled = os.environ.get(MARK, "").split(",")
        for name in [*filled, MARK, "DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "MEDASSIST_STATE_DIR"]:
            os.environ.pop(name, None)
        self._upstream_port = free_port()
        os.environ.update(
            {
                "MEDASSIST_STATE_DIR": str(self.folder / "state"),
                "DJANGO_SETTINGS_MODULE": "medassist.settings.base",
                "LLM_BASE_URL": f"http://127.0.0.1:{self._upstream_port}/v1",
                "LLM_MODEL": "bench-model",
                **self.settings,
            }
        )
        self.folder.chmod(0o755)
        apply_defaults()
        self.logs.mkdir(parents=True, exist_ok=True)
        self.keep(
            "upstream", "-m", "bench.upstream", "--port", str(self._upstream_port), "--latency", str(self.latency_s)
        )
        if self.before is not None:
            self.before(self)
        self._up()
        # A port that somebody took meanwhile has been replaced.
        apply_defaults()
        import django

        django.setup()
        self._populate()

    def _up(self) -> None:
        from medassist.embedded import control
        from medassist.embedded.services import table

        names = frozenset(service.name for stage in table() for service in stage.services) - frozenset(self.without)
        lines: list[str] = []
        if self.without:
            # Migrations belong to a whole start only: first the servers, then them, then the rest.
            self._status(control.up_detached(lines.append, only=frozenset({"postgres"})), lines)
            self._migrate()
            self._status(control.down(lines.append), lines)
            self._status(control.up_detached(lines.append, only=names), lines)
        else:
            self._status(control.up_detached(lines.append), lines)

    def _migrate(self) -> None:
        subprocess.run(
            [sys.executable, "manage.py", "migrate_clinics"], cwd=CHECKOUT, check=True, stdout=subprocess.DEVNULL
        )

    def _status(self, status: int, lines: list[str]) -> None:
        if status:
            raise SystemExit("MedAssist did not start:\n" + "\n".join(lines[-10:]))

    def _populate(self) -> None:
        from django.core.management import call_command

        if self.guidelines:
            with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                call_command("ingest_guidelines", samples=True, stdout=nowhere)
        for clinic in self.clinics:
            self.open(clinic)

    def _thaw(self) -> None:
        """Nothing that is to be stopped may be frozen."""
        state = str(self.folder)
        for process in psutil.process_iter(["pid", "environ"]):
            with contextlib.suppress(psutil.Error, OSError):
                if (process.info["environ"] or {}).get("MEDASSIST_STATE_DIR", "").startswith(state):
                    process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def stopwatch() -> Iterator[Callable[[], float]]:
    started = time.monotonic()
    yield lambda: time.monotonic() - started


def wait_until(holds: Callable[[], bool], *, seconds: float, every_s: float = 0.1) -> bool:
    """True as soon as it holds; False when it did not in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(every_s)
    return holds()


def case(mark: str, *, words: str = "", reference: str = "") -> dict[str, Any]:
    """A small case with its mark where every prompt shows it."""
    return {
        "patient": {
            "age": {"value": 54, "unit": "years"},
            "sex": "female",
            **({"reference": reference} if reference else {}),
        },
        "presenting_complaint": f"Chest pain since this morning, noted as {mark}. {words}".strip(),
        "vitals": {"heart_rate": 96, "systolic_bp": 128, "respiratory_rate": 18, "spo2": 97},
    }


def postgres_connection() -> dict[str, Any]:
    """Where the stand's Postgres is, for tools that bypass Django."""
    url = urlsplit(os.environ["DATABASE_URL"])
    return {
        "host": url.hostname,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "dbname": url.path[1:],
    }
