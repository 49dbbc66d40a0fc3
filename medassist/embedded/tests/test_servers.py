"""The embedded Postgres and Redis: rights, secrets, and coming back after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from medassist.embedded import postgres
from medassist.embedded.postgres import RunningPostgres, start_postgres
from medassist.embedded.processes import command_line, free_port, identity, port_is_free
from medassist.embedded.redis import start_redis

pytestmark = pytest.mark.slow

PASSWORD = "p'w\"/@ 1"


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's account can reach, which pytest's own private ones may not be."""
    with tempfile.TemporaryDirectory(prefix="medassist-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name) / "postgres"


@pytest.fixture
def server(folder: Path) -> Iterator[RunningPostgres]:
    running = start_postgres(folder, free_port(), password=PASSWORD, fsync=False)
    yield running
    running.remove()


def test_the_role_owns_its_database_and_is_no_superuser(server: RunningPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        rights = "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(rights).fetchone() == (False, True, True, False)
        owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
        assert connection.execute(owner).fetchone() == ("medassist",)


def test_a_wrong_password_is_refused(server: RunningPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(host="127.0.0.1", port=server.port, user="medassist", password="wrong", dbname="medassist")


def test_the_server_never_runs_as_root_and_its_command_line_has_no_password(server: RunningPostgres) -> None:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    assert "\nUid:\t0\t" not in status
    assert PASSWORD not in command_line(server.process.pid)
    assert (server.folder / "superuser.password").stat().st_mode & 0o077 == 0


def test_committed_rows_survive_kill_9(folder: Path) -> None:
    server = start_postgres(folder, free_port(), password=PASSWORD)
    try:
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 100) AS row")
        os.kill(server.process.pid, signal.SIGKILL)
        server = start_postgres(folder, free_port(), password=PASSWORD)
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (100,)
    finally:
        server.remove()
    assert not folder.exists()


def test_a_second_start_replaces_the_first_instead_of_sharing_its_data(server: RunningPostgres) -> None:
    second = start_postgres(server.folder, free_port(), password=PASSWORD, fsync=False)
    assert not server.process.alive()
    assert second.process.alive()
    second.stop()


def test_a_lock_file_with_the_recycled_id_of_a_stranger_is_no_obstacle(server: RunningPostgres) -> None:
    server.stop()
    # As after a container's restart: the id in the lock belongs to some living process of the same account.
    account = postgres._account()
    stranger = subprocess.Popen(["sleep", "60"], cwd="/", **account.popen_arguments())  # type: ignore[call-overload]
    try:
        (server.cluster / "postmaster.pid").write_text(f"{stranger.pid}\n{server.cluster}\n0\n1\n\n127.0.0.1\n")
        again = start_postgres(server.folder, free_port(), password=PASSWORD, fsync=False)
        assert stranger.poll() is None
        again.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_changed_password_takes_effect(server: RunningPostgres) -> None:
    again = start_postgres(server.folder, free_port(), password="another", fsync=False)
    with psycopg.connect(again.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    again.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's copies change hands")
def test_a_copied_data_folder_that_belongs_to_root_is_taken_over(server: RunningPostgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS row")
    server.stop()
    copy = server.folder.with_name("copy")
    subprocess.run(["cp", "-r", server.folder, copy], check=True)
    second = start_postgres(copy, free_port(), password=PASSWORD, fsync=False)
    with psycopg.connect(second.url) as connection:
        assert connection.execute("SELECT row FROM kept").fetchone() == (1,)
    second.remove()


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    (folder / "cluster.partial" / "base").mkdir(parents=True)
    server = start_postgres(folder, free_port(), password=PASSWORD, fsync=False)
    assert server.process.alive()
    server.remove()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's private folders are out of the database's reach")
def test_in_a_private_home_the_data_move_to_an_annex_and_no_parent_is_opened(tmp_path: Path) -> None:
    private = tmp_path / "home"
    private.mkdir(mode=0o700)
    server = start_postgres(private / "state" / "postgres", free_port(), password=PASSWORD, fsync=False)
    try:
        assert private.stat().st_mode & 0o777 == 0o700
        assert not server.cluster.is_relative_to(private)
        assert server.cluster.parent.stat().st_uid == 0
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE kept (row int)")
        server.stop()
        again = start_postgres(server.folder, free_port(), password=PASSWORD, fsync=False)
        assert again.cluster == server.cluster
        # A copy of the folder gets data of its own: the annex is the original's.
        copy = private / "copy"
        copy.mkdir()
        (copy / "annex").write_text((server.folder / "annex").read_text())
        other = start_postgres(copy, free_port(), password=PASSWORD, fsync=False)
        assert again.process.alive()
        assert other.cluster != again.cluster
        other.remove()
    finally:
        server = start_postgres(server.folder, free_port(), password=PASSWORD, fsync=False)
        server.remove()
    assert not server.cluster.exists()


def test_redis_keeps_its_data_over_a_kill_and_its_password_private(tmp_path: Path) -> None:
    server = start_redis(tmp_path, free_port(), password="se/cret+")
    try:
        with redis.Redis.from_url(server.url) as client:
            client.set("kept", "1")
        assert "se/cret+" not in command_line(server.process.pid)
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        os.kill(server.process.pid, signal.SIGKILL)
        server = start_redis(tmp_path, server.port, password="se/cret+")
        with redis.Redis.from_url(server.url) as client:
            assert client.get("kept") == b"1"
        second = start_redis(tmp_path, free_port(), password="se/cret+")
        assert not server.process.alive()
        server = second
    finally:
        server.stop()


def test_a_stopped_server_leaves_its_port_and_no_process(tmp_path: Path) -> None:
    server = start_redis(tmp_path, free_port(), password="x", appendonly=False)
    assert not port_is_free(server.port)
    server.stop()
    assert identity(server.process.pid) is None
    assert port_is_free(server.port)
