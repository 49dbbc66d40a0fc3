"""Real processes for tests: the reference backbone on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def reference_service(*options: str, model: str = "", **variables: str) -> Iterator[str]:
    """Starts `python -m medassist.llm.reference` and gives its address, without /v1."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REFERENCE_")}
    environment |= variables
    if model:
        environment["REFERENCE_MODEL"] = model
    process = subprocess.Popen(
        [sys.executable, "-m", "medassist.llm.reference", "--port", str(port), *options],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(address, process)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=5)


def _wait_until_up(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"the reference service ended with code {process.returncode}")
        try:
            with urllib.request.urlopen(f"{address}/health/live", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the reference service did not come up")


def fetch(url: str, data: bytes | None = None) -> str:
    """The body at `url`; POST when there is data."""
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read().decode())


def metric(address: str, name: str) -> float:
    """The value of the first sample of /metrics whose name and labels start with `name`."""
    line = next(line for line in fetch(f"{address}/metrics").splitlines() if line.startswith(name))
    return float(line.rsplit(" ", 1)[1])
