"""A RabbitMQ of the bench's own, where the machine has one installed: its data, cookie and ports are the stand's."""

from __future__ import annotations

import shutil
import socket
import time
from pathlib import Path

from bench.stand import Stand
from medassist.embedded.processes import free_port

_PLACES = (
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/local/sbin/rabbitmq-server",
    "/opt/rabbitmq/sbin/rabbitmq-server",
)
"""Debian's `rabbitmq-server` on the path changes the account first: its script proper comes before it."""
STARTUP_S = 60.0


def installed() -> str:
    """The server's script; empty when there is none."""
    found = next((place for place in _PLACES if Path(place).exists()), None)
    return found or shutil.which("rabbitmq-server") or ""


class Rabbit:
    """Chosen before the stand starts (its URL is a setting), started by it."""

    def __init__(self) -> None:
        if not installed():
            raise SystemExit("RabbitMQ is not installed here (Debian: the package rabbitmq-server)")
        self.port = free_port()
        self._distribution_port = free_port()
        self.url = f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def start(self, stand: Stand) -> None:
        home = stand.folder / "rabbitmq"
        home.mkdir(mode=0o700)
        configuration = home / "rabbitmq.conf"
        configuration.write_text(f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlog.console = true\nlog.file = false\n")
        (home / "enabled_plugins").write_text("[].")
        stand.keep(
            "rabbitmq",
            program=installed(),
            HOME=str(home),
            RABBITMQ_NODENAME=f"bench{self.port}@localhost",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(self._distribution_port),
            RABBITMQ_MNESIA_BASE=str(home / "data"),
            RABBITMQ_LOG_BASE=str(home / "log"),
            RABBITMQ_CONFIG_FILE=str(home / "rabbitmq"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "enabled_plugins"),
            RABBITMQ_PID_FILE=str(home / "pid"),
        )
        end = time.monotonic() + STARTUP_S
        while not self._answers():
            if time.monotonic() > end:
                raise SystemExit("RabbitMQ did not start; see rabbitmq.log")
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False
