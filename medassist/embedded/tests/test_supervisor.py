"""Starting, keeping alive and stopping, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from medassist.embedded import control, records, supervisor
from medassist.embedded.environment import MARK, make_state_dir
from medassist.embedded.processes import Identity, identity
from medassist.embedded.services import Environment, Service, Stage, Step, log_file, python, rotate_log, table
from medassist.embedded.supervisor import Supervisor, clean_up

pytestmark = pytest.mark.slow

_ROOT = Path(__file__).parents[3]
SERVERS = ("postgres", "redis", "events")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [*os.environ]:
        if name.endswith("_URL") or name in {MARK, "DJANGO_SETTINGS_MODULE"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("MEDASSIST_STATE_DIR", str(tmp_path))
    return make_state_dir()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "medassist.embedded", *arguments]
    return subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture
def running() -> Iterator[None]:
    done = run("up", "--detach", "--only", *SERVERS)
    assert done.returncode == 0, done.stdout + done.stderr
    yield
    run("down")


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def process_of(name: str) -> Identity:
    record = records.read(name)
    assert record is not None
    return record.process


@pytest.mark.usefixtures("running")
def test_up_when_up_says_so_and_succeeds() -> None:
    before = process_of("redis")
    for arguments in (["up"], ["up", "--detach"]):
        done = run(*arguments)
        assert done.returncode == 0
        assert "already up" in done.stdout
    assert process_of("redis") == before
    assert run("status").returncode == 0


@pytest.mark.usefixtures("running")
def test_killed_children_are_started_again() -> None:
    before = {name: process_of(name) for name in SERVERS}
    for process in before.values():
        os.kill(process.pid, signal.SIGKILL)
    for name, process in before.items():
        until(lambda name=name, process=process: process_of(name) != process)  # type: ignore[misc]
        assert process_of(name).alive()


@pytest.mark.usefixtures("running")
def test_after_kill_9_of_the_supervisor_the_next_up_takes_over_cleanly() -> None:
    before = {name: process_of(name) for name in SERVERS}
    os.kill(process_of("supervisor").pid, signal.SIGKILL)
    # One of the servers dies with it: what is left is cleared away, what is gone is recovered.
    os.kill(before["postgres"].pid, signal.SIGKILL)
    until(lambda: run("status").returncode == 4)
    assert run("up", "--detach", "--only", *SERVERS).returncode == 0
    for name, process in before.items():
        assert not process.alive()
        assert process_of(name).alive()


@pytest.mark.usefixtures("running")
def test_down_stops_everything_even_what_a_killed_supervisor_left() -> None:
    processes = [process_of(name) for name in (*SERVERS, "supervisor")]
    os.kill(processes[-1].pid, signal.SIGKILL)
    assert run("down").returncode == 0
    assert not any(process.alive() for process in processes)
    assert run("status").returncode == 3
    assert "Nothing is running" in run("down").stdout


@pytest.mark.usefixtures("running")
def test_a_copied_state_folder_never_touches_the_originals_processes(
    state: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("copy")
    (copy / "run").mkdir()
    for file in (state / "run").glob("*.json"):
        (copy / "run" / file.name).write_text(file.read_text())
    environment = {**os.environ, "MEDASSIST_STATE_DIR": str(copy)}
    done = subprocess.run(
        [sys.executable, "-m", "medassist.embedded", "down"],
        cwd=_ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert process_of("redis").alive()
    assert process_of("events").alive()


def test_an_unknown_process_is_named_with_those_there_are() -> None:
    done = run("up", "--only", "postgrse")
    assert done.returncode == 2
    assert "postgrse" in done.stdout
    assert "worker-llm" in done.stdout


def test_an_environment_that_names_its_own_database_is_not_started_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:password@elsewhere/name")
    done = run("up")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stdout
    assert "password" not in done.stdout


def service(
    name: str, script: str, *, healthy: Callable[[Environment], bool] = lambda _environment: True, startup_s: float = 5
) -> Service:
    return Service(
        name,
        python(name, lambda _environment: ["-c", script]),
        healthy,
        stop_steps=((signal.SIGTERM, 2),),
        startup_s=startup_s,
    )


def supervise(*stages: Stage, stop_when: Callable[[list[str]], bool]) -> tuple[int, list[str]]:
    """Runs a table in this process until what it has said satisfies the condition."""
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        if stop_when(lines):
            watched.stop()

    watched = Supervisor(stages, say)
    return watched.run(), lines


SLEEP = "import time; time.sleep(600)"


def test_services_stop_in_reverse_order_after_the_steps_ran_in_theirs(state: Path) -> None:
    step = Step("prepare", (sys.executable, "-c", f"open({str(state / 'prepared')!r}, 'w')"))
    stages = (Stage((service("first", SLEEP),)), Stage((service("second", SLEEP),), before=(step,)))
    status, lines = supervise(*stages, stop_when=lambda lines: lines[-1].startswith("up after"))
    assert status == 0
    assert (state / "prepared").exists()
    assert [line.split()[0] for line in lines] == ["first", "prepare", "second", "up", "second", "first"]
    assert records.names() == []


def test_a_step_that_fails_stops_what_was_started_and_shows_its_last_words() -> None:
    step = Step("prepare", (sys.executable, "-c", "raise SystemExit('the reason')"))
    first = service("first", SLEEP)
    status, lines = supervise(
        Stage((first,)), Stage((service("second", SLEEP),), before=(step,)), stop_when=lambda lines: False
    )
    assert status == 1
    assert any("the reason" in line for line in lines)
    assert lines[-1].split() == ["first", "stopped"]
    note = records.read("supervisor")
    assert note is not None
    assert note.note.startswith("failed: prepare failed")


def test_advice_runs_beside_and_only_its_findings_are_shown() -> None:
    script = "print('Some issues were identified:\\n?: (medassist.W001) Redis cannot be reached'); raise SystemExit(1)"
    stage = Stage((service("first", SLEEP),), advice=(Step("checks", (sys.executable, "-c", script)),))
    status, lines = supervise(stage, stop_when=lambda lines: lines[-1].startswith("up after"))
    assert status == 0
    assert lines[1] == "?: (medassist.W001) Redis cannot be reached"
    assert not any("identified" in line for line in lines)


def test_a_service_that_ends_while_starting_is_named_with_its_log() -> None:
    broken = service("broken", "raise SystemExit('no such thing')", healthy=lambda _environment: False)
    status, lines = supervise(Stage((broken,)), stop_when=lambda lines: False)
    assert status == 1
    assert any("broken ended while starting" in line and "no such thing" in line for line in lines)


def test_a_service_that_dies_again_and_again_is_started_with_growing_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_TICK_S", 0.02)
    dying = service("dying", "pass")
    _, lines = supervise(Stage((dying,)), stop_when=lambda lines: sum("starts again in" in line for line in lines) == 3)
    pauses = [line.rsplit(" in ", 1)[1] for line in lines if "starts again in" in line]
    assert pauses == ["0.5 s", "1.0 s", "2.0 s"]


def test_a_frozen_service_is_killed_and_started_again(monkeypatch: pytest.MonkeyPatch, state: Path) -> None:
    monkeypatch.setattr(supervisor, "_TICK_S", 0.02)
    monkeypatch.setattr(supervisor, "_PROBE_EVERY_S", 0.02)
    asked = 0

    def healthy(environment: Environment) -> bool:
        nonlocal asked
        asked += 1
        return not 2 <= asked < 2 + supervisor._PROBES_MISSED

    frozen = service(
        "frozen", f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}", healthy=healthy
    )
    _, lines = supervise(Stage((frozen,)), stop_when=lambda lines: "started again" in lines[-1])
    assert any("no longer answers" in line for line in lines)


def test_a_record_whose_process_id_went_to_a_stranger_is_not_signalled() -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP], start_new_session=True)
    try:
        living = identity(stranger.pid)
        assert living is not None
        records.write("events", Identity(stranger.pid, living.started - 100))
        assert clean_up([], lambda line: None) == 0
        assert stranger.poll() is None
        assert records.names() == []
    finally:
        stranger.kill()
        stranger.wait()


def test_orphans_of_a_killed_parent_end_with_its_group() -> None:
    orphan = f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}])"
    script = f"import subprocess, sys; {orphan}; print('ready', flush=True); {SLEEP}"
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    assert parent.stdout is not None
    parent.stdout.readline()
    known = identity(parent.pid)
    assert known is not None
    parent.kill()
    parent.wait()
    assert [_state(pid) for pid in _group(parent.pid)] != []
    known.kill_group()
    # A killed orphan may stay a zombie until init reaps it.
    until(lambda: all(_state(pid) == "Z" for pid in _group(parent.pid)), seconds=5)


def _group(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group:
            found.append(int(entry.parent.name))
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_large_log_moves_aside_before_its_process_starts(state: Path) -> None:
    log_file("web").write_bytes(b"x" * 6_000_000)
    rotate_log("web")
    assert not log_file("web").exists()
    assert (state / "logs" / "web.log.1").stat().st_size == 6_000_000
    log_file("web").write_text("short")
    rotate_log("web")
    assert log_file("web").read_text() == "short"


def test_every_process_of_the_product_is_in_the_table_once() -> None:
    names = [service.name for stage in table() for service in stage.services]
    assert names == [
        "postgres",
        "redis",
        "backbone",
        "events",
        "web",
        "worker-llm",
        "worker-ingest",
        "worker-hooks",
        "beat",
    ]


def test_a_server_that_the_operator_names_himself_is_not_started() -> None:
    by_name = {service.name: service for stage in table() for service in stage.services}
    assert by_name["redis"].wanted({MARK: "DATABASE_URL,REDIS_URL"})
    assert not by_name["redis"].wanted({MARK: "DATABASE_URL"})
    assert not by_name["backbone"].wanted({MARK: "DATABASE_URL"})


def test_the_supervisor_loads_no_django() -> None:
    loaded = "sorted({m.split('.')[0] for m in sys.modules})"
    script = f"import json, sys, medassist.embedded.__main__ as _; print(json.dumps({loaded}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not {"django", "celery", "numpy", "openai"} & set(json.loads(done.stdout))


def test_status_without_anything_running_is_3() -> None:
    lines: list[str] = []
    assert control.status(lines.append) == 3
    assert lines == ["MedAssist is down."]
