"""The environment of a checkout that was given none: ports, secrets and addresses, chosen once and remembered.

Kept in `<state>/environment.json` (0600). Imported by every command, so it imports nothing heavy.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import random
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote

from medassist.common.errors import ConfigurationError
from medassist.embedded.processes import port_is_free

MARK = "MEDASSIST_EMBEDDED"
"""Names, comma-separated, of the variables that were filled here rather than given by the operator."""

_PREFERRED_PORTS = {"web": 8000}
_PORTS = ("postgres", "redis", "backbone", "events", "web")
# Below the range that outgoing connections borrow from, so that a remembered port is rarely in use by one.
_PORT_RANGE = range(20_000, 32_000)


@dataclass(frozen=True)
class Remembered:
    """What one checkout remembers; `home` tells a copied state folder from its original."""

    home: str
    ports: dict[str, int] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)

    def variables(self) -> dict[str, str]:
        """The environment variables that follow, URLs included."""
        database_password = quote(self.secrets["DATABASE_PASSWORD"], safe="")
        redis = f"redis://:{quote(self.secrets['REDIS_PASSWORD'], safe='')}@127.0.0.1:{self.ports['redis']}"
        return {
            **{name: self.secrets[name] for name in ("SECRET_KEY", "FIELD_KEYS", "AUDIT_KEY", "TICKET_KEY")},
            "DATABASE_URL": f"postgresql://medassist:{database_password}@127.0.0.1:{self.ports['postgres']}/medassist",
            "REDIS_URL": f"{redis}/0",
            "CELERY_BROKER_URL": f"{redis}/1",
            "LLM_BASE_URL": f"http://127.0.0.1:{self.ports['backbone']}/v1",
            "EVENTS_URL": f"http://localhost:{self.ports['events']}",
            "WEB_PORT": str(self.ports["web"]),
        }


def state_dir() -> Path:
    """Everything that this checkout keeps besides its code: MEDASSIST_STATE_DIR, or `.state` in the checkout."""
    named = os.environ.get("MEDASSIST_STATE_DIR")
    return Path(named).absolute() if named else Path(__file__).resolve().parent.parent.parent / ".state"


def is_embedded() -> bool:
    """True where the remembered values are in use: nobody named a database."""
    return bool(os.environ.get(MARK)) or not _named("DATABASE_URL")


def apply_defaults() -> None:
    """Fills what the environment leaves out, unless it names a database: then it is complete or it fails by name.

    Called again, it follows ports that were renewed meanwhile.
    """
    if not is_embedded() or os.environ.get("DJANGO_SETTINGS_MODULE") not in {None, "", "medassist.settings.base"}:
        return
    os.environ.update(completed_environment(remember()))


def completed_environment(remembered: Remembered) -> dict[str, str]:
    """The process's environment plus every remembered variable that is named neither directly nor as NAME_FILE.

    What an earlier call filled is filled anew, since ports may have changed.
    """
    filled = {name for name in os.environ.get(MARK, "").split(",") if name}
    environment = {name: value for name, value in os.environ.items() if name not in filled}
    variables = {"MEDASSIST_STATE_DIR": str(state_dir()), **remembered.variables()}
    if environment.get("REDIS_URL") or environment.get("REDIS_URL_FILE"):
        # The broker follows a Redis of the operator's own.
        del variables["CELERY_BROKER_URL"]
    left_out = {
        name: value
        for name, value in variables.items()
        if not (environment.get(name) or environment.get(f"{name}_FILE"))
    }
    return {**environment, **left_out, MARK: ",".join(sorted(left_out))}


def _named(name: str) -> bool:
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def remember() -> Remembered:
    """The remembered values of this checkout, made at first use."""
    kept = _read(_file())
    if kept is not None and kept.home == str(state_dir()) and _complete(kept):
        return kept
    with _lock():
        return _write(_completed(_read(_file())))


def renew_taken_ports(available: Callable[[int], bool] = port_is_free) -> dict[str, tuple[int, int]]:
    """Replaces remembered ports that are not `available`; call it while none of our own processes runs.

    Returns name -> (old, new) of what changed.
    """
    with _lock():
        kept = _completed(_read(_file()))
        changed = {
            name: (port, _choose(set(kept.ports.values()), available=available))
            for name, port in kept.ports.items()
            if not available(port)
        }
        _write(replace(kept, ports=kept.ports | {name: new for name, (_, new) in changed.items()}))
    return changed


def _file() -> Path:
    return state_dir() / "environment.json"


def make_state_dir() -> Path:
    """The folder itself: private, but passable for the database's account when we are root."""
    folder = state_dir()
    try:
        if not folder.exists():
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for name in ("logs", "run"):
            folder.joinpath(name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        message = f"{folder} cannot be made ({error.strerror}); name another folder in MEDASSIST_STATE_DIR"
        raise ConfigurationError(message) from error
    return folder


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    descriptor = os.open(make_state_dir() / "environment.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> Remembered | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Remembered(str(content["home"]), dict(content["ports"]), dict(content["secrets"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        # New secrets would make the stored data unreadable: a damaged file is for a person to look at.
        message = f"{path} cannot be read; restore it, or delete it together with the data beside it to begin anew"
        raise ConfigurationError(message) from error


def _write(remembered: Remembered) -> Remembered:
    path = _file()
    draft = path.with_suffix(".partial")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"home": remembered.home, "ports": remembered.ports, "secrets": remembered.secrets}, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return remembered


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


_SECRETS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(50),
    "FIELD_KEYS": lambda: f"k1:{_key()}",
    "AUDIT_KEY": _key,
    "TICKET_KEY": _key,
    "DATABASE_PASSWORD": lambda: secrets.token_urlsafe(24),
    "REDIS_PASSWORD": lambda: secrets.token_urlsafe(24),
}


def _complete(kept: Remembered) -> bool:
    return kept.ports.keys() >= set(_PORTS) and kept.secrets.keys() >= _SECRETS.keys()


def _completed(kept: Remembered | None) -> Remembered:
    """Secrets are kept for good (data are encrypted with them); ports of a copied folder belong to its original."""
    home = str(state_dir())
    ports = dict(kept.ports) if kept is not None and kept.home == home else {}
    for name in _PORTS:
        if name not in ports:
            ports[name] = _choose(set(ports.values()), _PREFERRED_PORTS.get(name))
    made = {name: make() for name, make in _SECRETS.items()}
    return Remembered(home, ports, made | (kept.secrets if kept is not None else {}))


def _choose(taken: set[int], preferred: int | None = None, *, available: Callable[[int], bool] = port_is_free) -> int:
    if preferred is not None and preferred not in taken and available(preferred):
        return preferred
    for port in random.sample(_PORT_RANGE, 200):
        if port not in taken and available(port):
            return port
    raise ConfigurationError("No free port was found on the loopback interface")
