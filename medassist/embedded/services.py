"""The table of processes of a one-machine MedAssist: how each is started, asked for its health and stopped."""

from __future__ import annotations

import contextlib
import http.client
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import redis

from medassist.common.errors import Unavailable
from medassist.embedded.environment import MARK, state_dir
from medassist.embedded.postgres import start_postgres
from medassist.embedded.processes import Identity, identity
from medassist.embedded.redis import start_redis

CHECKOUT = Path(__file__).resolve().parent.parent.parent
_KEEP_LOGS = 3
_LOG_LIMIT = 5_000_000

Environment = Mapping[str, str]
Starter = Callable[[Environment], Identity]
StopSteps = tuple[tuple[signal.Signals, float], ...]


@dataclass(frozen=True)
class Service:
    """One long-running process. `healthy` may raise what its probe raises: that counts as not healthy."""

    name: str
    start: Starter
    healthy: Callable[[Environment], bool]
    address: Callable[[Environment], str] = lambda _environment: ""
    wanted: Callable[[Environment], bool] = lambda _environment: True
    stop_steps: StopSteps = ((signal.SIGTERM, 15),)
    startup_s: float = 60.0
    settle_s: float = 0.0
    """For a process without a port: how long it must have lived to count as started."""


@dataclass(frozen=True)
class Step:
    """A command that runs to its end; the start ends with it when it fails."""

    name: str
    command: tuple[str, ...]


@dataclass(frozen=True)
class Stage:
    """Services that start together and are waited for together.

    Steps of `before` must succeed first; those of `advice` run beside, and only what they find is shown.
    """

    services: tuple[Service, ...]
    before: tuple[Step, ...] = field(default=())
    advice: tuple[Step, ...] = field(default=())


def log_file(name: str) -> Path:
    return state_dir() / "logs" / f"{name}.log"


def rotate_log(name: str) -> None:
    """Moves a large log aside (`.1` is the youngest) before its process starts to write."""
    log = log_file(name)
    if not log.exists() or log.stat().st_size < _LOG_LIMIT:
        return
    for number in range(_KEEP_LOGS - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.replace(log.with_name(f"{log.name}.1"))


def table() -> tuple[Stage, ...]:
    """Everything, in starting order; stopping runs backwards. A worker that needs no database starts early."""
    return (
        Stage((_POSTGRES, _REDIS)),
        Stage((_backbone(), _events())),
        Stage(
            (_web(), _worker("llm", threads=8), _worker("ingest", threads=2), _worker("hooks", threads=4), _beat()),
            before=(Step("migrations", _manage("migrate_clinics")),),
            advice=(Step("checks", _manage("check", "--database", "default")),),
        ),
    )


def _manage(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(CHECKOUT / "manage.py"), *arguments)


def python(
    name: str, arguments: Callable[[Environment], Sequence[str]], also: Mapping[str, str] | None = None
) -> Starter:
    """A starter for a Python process of ours, with its own log and its own process group."""

    def start(environment: Environment) -> Identity:
        rotate_log(name)
        with log_file(name).open("ab") as log:
            child = subprocess.Popen(  # noqa: S603
                [sys.executable, *arguments(environment)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**environment, "PYTHONUNBUFFERED": "1", **(also or {})},
                cwd=CHECKOUT,
                start_new_session=True,
            )
        # Watched by identity from here on, as the next supervisor will.
        child.returncode = 0
        process = identity(child.pid)
        if process is None:
            raise Unavailable(f"{name} ended at once; see {log_file(name)}")
        return process

    return start


def answers(port_of: Callable[[Environment], int], path: str) -> Callable[[Environment], bool]:
    """A health question over HTTP: any answer below 500 shows that the process serves."""

    def healthy(environment: Environment) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", port_of(environment), timeout=3)
        try:
            connection.request("GET", path)
            return connection.getresponse().status < 500
        finally:
            connection.close()

    return healthy


def _port_in(name: str) -> Callable[[Environment], int]:
    return lambda environment: urlsplit(environment[name]).port or 80


def _is_ours(*names: str) -> Callable[[Environment], bool]:
    """A server that the operator names himself is his to run."""
    return lambda environment: bool(set(names) & set(environment[MARK].split(",")))


def _start_postgres(environment: Environment) -> Identity:
    rotate_log("postgres")
    url = urlsplit(environment["DATABASE_URL"])
    running = start_postgres(
        state_dir() / "postgres", url.port or 5432, password=unquote(url.password or ""), log_file=log_file("postgres")
    )
    return running.process


def _postgres_answers(environment: Environment) -> bool:
    try:
        psycopg.connect(environment["DATABASE_URL"], connect_timeout=3).close()
    except psycopg.OperationalError as error:
        # A refusal (too many connections, still recovering) is an answer too: killing would make it worse.
        return "FATAL" in str(error)
    return True


def _start_redis(environment: Environment) -> Identity:
    rotate_log("redis")
    url = urlsplit(environment["REDIS_URL"])
    running = start_redis(
        state_dir() / "redis", url.port or 6379, password=unquote(url.password or ""), log_file=log_file("redis")
    )
    return running.process


def _redis(environment: Environment) -> redis.Redis:
    return redis.Redis.from_url(environment["REDIS_URL"], socket_timeout=3, socket_connect_timeout=3)


def _redis_answers(environment: Environment) -> bool:
    with _redis(environment) as client:
        return bool(client.ping())


def _loopback(port_of: Callable[[Environment], int]) -> Callable[[Environment], str]:
    return lambda environment: f"127.0.0.1:{port_of(environment)}"


_POSTGRES = Service(
    "postgres",
    start=_start_postgres,
    healthy=_postgres_answers,
    address=_loopback(_port_in("DATABASE_URL")),
    wanted=_is_ours("DATABASE_URL"),
    stop_steps=((signal.SIGINT, 20), (signal.SIGQUIT, 5)),
)
_REDIS = Service(
    "redis",
    start=_start_redis,
    healthy=_redis_answers,
    address=_loopback(_port_in("REDIS_URL")),
    wanted=_is_ours("REDIS_URL"),
)


def _backbone() -> Service:
    port = _port_in("LLM_BASE_URL")
    start = python(
        "backbone", lambda env: ["-m", "medassist.llm.reference", "--host", "127.0.0.1", "--port", str(port(env))]
    )
    return Service("backbone", start, answers(port, "/health"), _loopback(port), _is_ours("LLM_BASE_URL"))


def _events() -> Service:
    port = _port_in("EVENTS_URL")
    start = python("events", lambda env: ["-m", "medassist.events", "--host", "127.0.0.1", "--port", str(port(env))])
    # With an address of the operator's own (a proxy, say) there is no telling which port to listen on.
    return Service("events", start, answers(port, "/health/live"), _loopback(port), _is_ours("EVENTS_URL"))


def _web() -> Service:
    def port(environment: Environment) -> int:
        return int(environment["WEB_PORT"])

    def arguments(environment: Environment) -> list[str]:
        return [
            *("-m", "gunicorn", "medassist.wsgi:application", "--bind", f"127.0.0.1:{port(environment)}"),
            *("--worker-class", "gthread", "--workers", "1", "--threads", "16"),
            *("--timeout", "60", "--graceful-timeout", "20", "--no-control-socket"),
        ]

    # As many connections as threads: no thread waits for another's.
    start = python("web", arguments, {"DATABASE_POOL_SIZE": "16"})
    return Service("web", start, answers(port, "/health/live"), _loopback(port), stop_steps=((signal.SIGTERM, 25),))


def _worker(queue: str, *, threads: int) -> Service:
    arguments = [
        *("-m", "celery", "-A", "medassist.celery", "worker", "-Q", queue, "-P", "threads", "-c", str(threads)),
        *("-n", f"{queue}@%h", "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"),
    ]
    # SIGTERM begins Celery's soft shutdown: running work may end, the rest is the ledger's to give out again.
    also = {"DATABASE_POOL_SIZE": str(threads), "REMAP_SIGTERM": "SIGQUIT"}
    launch = python(f"worker-{queue}", lambda _env: arguments, also)
    pulse = f"worker:{queue}"

    def start(environment: Environment) -> Identity:
        # The last sign of life of a dead worker must not speak for the new one.
        with contextlib.suppress(redis.RedisError), _redis(environment) as client:
            client.delete(pulse)
        return launch(environment)

    return Service(f"worker-{queue}", start, healthy=_says_it_lives(pulse), stop_steps=((signal.SIGTERM, 25),))


def _says_it_lives(key: str) -> Callable[[Environment], bool]:
    """Asks for the sign of life that a worker renews in Redis."""

    def healthy(environment: Environment) -> bool:
        with _redis(environment) as client:
            try:
                return bool(client.exists(key))
            except redis.RedisError:
                # Redis's fault, not the worker's: killing workers would not bring it back.
                return True

    return healthy


def _beat() -> Service:
    return Service(
        "beat", python("beat", lambda _env: [str(CHECKOUT / "manage.py"), "beat"]), healthy=_lives, settle_s=3
    )


def _lives(environment: Environment) -> bool:
    """For a process without a port: that it has not ended is all that can be asked."""
    return bool(environment)
