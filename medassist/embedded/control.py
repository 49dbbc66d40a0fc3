"""`up`, `down` and `status` of a checkout's own processes, as functions that return an exit status."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

from medassist.embedded import records
from medassist.embedded.environment import is_embedded, make_state_dir, remember, state_dir
from medassist.embedded.postgres import remove_postgres
from medassist.embedded.processes import Identity
from medassist.embedded.services import CHECKOUT, Stage, log_file, rotate_log, table
from medassist.embedded.supervisor import Say, Supervisor, clean_up

_STOP_PATIENCE_S = 150.0


def up(say: Say, *, only: frozenset[str] = frozenset(), stages: tuple[Stage, ...] | None = None) -> int:
    """Runs everything in the foreground until it is told to stop; at once 0 when it runs already."""
    stages = table() if stages is None else stages
    if not _may_run(say) or not _known(only, stages, say):
        return 2
    with records.sole_supervisor() as alone:
        if not alone:
            say("MedAssist is already up.")
            return status(say, quiet=True)
        supervisor = Supervisor(stages, say, only=only)
        before = {
            number: signal.signal(number, supervisor.stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            return supervisor.run()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def up_detached(say: Say, *, only: frozenset[str] = frozenset()) -> int:
    """Starts the supervisor in a session of its own and returns once everything answers."""
    if not _may_run(say) or not _known(only, table(), say):
        return 2
    with records.sole_supervisor() as alone:
        pass
    if not alone:
        say("MedAssist is already up.")
        return status(say, quiet=True)
    make_state_dir()
    rotate_log(records.SUPERVISOR)
    log = log_file(records.SUPERVISOR)
    shown = log.stat().st_size if log.exists() else 0
    arguments = [sys.executable, "-m", "medassist.embedded", "up", *(["--only", *sorted(only)] if only else [])]
    with log.open("ab") as output:
        child = subprocess.Popen(  # noqa: S603
            arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=CHECKOUT, start_new_session=True
        )
    while True:
        ended = child.poll() is not None
        record = records.read(records.SUPERVISOR)
        ready = record is not None and record.process.pid == child.pid and record.note == "ready"
        with log.open("rb") as progress:
            progress.seek(shown)
            fresh = progress.read()
        # Whole lines only; the rest is shown when it is complete.
        complete = fresh[: fresh.rfind(b"\n") + 1]
        shown += len(complete)
        for line in complete.decode(errors="replace").splitlines():
            say(line.partition(" ")[2])
        if ended or ready:
            child.returncode = child.returncode or 0
            return 0 if ready else 1
        time.sleep(0.1)


def down(say: Say) -> int:
    """Stops everything; 0 also when nothing runs."""
    record = records.read(records.SUPERVISOR)
    with records.sole_supervisor() as alone:
        if alone:
            stopped = clean_up([service for stage in table() for service in stage.services], say)
            records.forget(records.SUPERVISOR)
            if not stopped:
                say("Nothing is running.")
            return 0
    if record is None or not record.process.alive():
        say("A supervisor is just starting or ending; try again in a moment.")
        return 1
    return _stop_supervisor(record.process, say)


def remove(say: Say) -> int:
    """Stops everything and deletes this checkout's state folder with all data, wherever Postgres keeps them."""
    if status := down(say):
        return status
    remove_postgres(state_dir() / "postgres")
    shutil.rmtree(state_dir(), ignore_errors=True)
    say(f"{state_dir()} is deleted.")
    return 0


def _stop_supervisor(process: Identity, say: Say) -> int:
    process.stop((signal.SIGTERM, _STOP_PATIENCE_S))
    with records.sole_supervisor() as alone:
        if not alone:
            say("Another supervisor has started meanwhile.")
            return 1
        clean_up([service for stage in table() for service in stage.services], say)
        records.forget(records.SUPERVISOR)
    say("Everything is stopped.")
    return 0


def status(say: Say, *, quiet: bool = False) -> int:
    """One line a process. 0: everything is up; 3: nothing runs; 4: something is amiss (`quiet`: only says it)."""
    supervisor = records.read(records.SUPERVISOR)
    watching = supervisor is not None and supervisor.process.alive()
    found = [record for name in records.names() if (record := records.read(name)) is not None]
    if not watching and not any(record.process.alive() for record in found):
        say(
            "MedAssist is down."
            + (f" {supervisor.note}" if supervisor and supervisor.note.startswith("failed") else "")
        )
        return 3
    amiss = not watching or supervisor is None or supervisor.note != "ready"
    if not watching:
        say("The supervisor is gone; `make up` starts anew, `make down` stops what is left.")
    elif amiss and supervisor is not None:
        say(f"The supervisor is {supervisor.note}.")
    for record in found:
        alive = record.process.alive()
        amiss = amiss or not alive
        state = f"up {_age(time.time() - record.since)}" if alive else "down, will be started again"
        say(f"{record.name:<15}{state:<28}pid {record.process.pid:<9}{log_file(record.name)}")
    if any(record.name == "web" for record in found):
        say(f"web at http://localhost:{remember().ports['web']}/")
    return 0 if quiet or not amiss else 4


def _age(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _may_run(say: Say) -> bool:
    if is_embedded():
        return True
    say("DATABASE_URL is set: this environment names its own servers, so its processes are yours to start")
    say("(docker-compose.yml shows how). Unset it to run embedded.")
    return False


def _known(only: frozenset[str], stages: tuple[Stage, ...], say: Say) -> bool:
    names = [service.name for stage in stages for service in stage.services]
    if unknown := only - set(names):
        say(f"There is no process named {', '.join(sorted(unknown))}; there are {', '.join(names)}.")
        return False
    return True
