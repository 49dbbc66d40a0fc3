"""Postgres and Redis for one test session, in a process that outlives any way the session may end.

`python -m medassist.settings.throwaway` starts both, prints their addresses as one line of JSON, waits until its
standard input is closed (which also a killed parent does), then stops them and deletes their data.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO


def start() -> tuple[dict[str, str], IO[bytes]]:
    """(addresses, the pipe that keeps the servers alive while it is open)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "medassist.settings.throwaway"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).resolve().parents[2],
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"The throw-away services did not start (exit status {process.wait()}); see above")
    # It ends by itself; Popen's destructor would only warn about that.
    process.returncode = 0
    addresses: dict[str, str] = json.loads(line)
    return addresses, process.stdin


def main() -> None:
    from medassist.embedded.postgres import start_postgres
    from medassist.embedded.processes import free_port
    from medassist.embedded.redis import start_redis

    # Ctrl-C in the terminal is for the tests; these end when the tests have.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="medassist-tests-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postgres = start_postgres(folder / "postgres", free_port(), password=secrets.token_urlsafe(24), fsync=False)
        stack.callback(postgres.remove)
        redis = start_redis(folder / "redis", free_port(), password=secrets.token_urlsafe(24), appendonly=False)
        stack.callback(redis.stop)
        print(json.dumps({"TEST_DATABASE_URL": postgres.url, "TEST_REDIS_URL": redis.url}), flush=True)  # noqa: T201
        sys.stdin.read()


if __name__ == "__main__":
    main()
