"""What a checkout remembers, and whose word counts."""

from __future__ import annotations

import base64
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from medassist.common.errors import ConfigurationError
from medassist.embedded import environment
from medassist.embedded.environment import MARK, apply_defaults, completed_environment, remember, renew_taken_ports
from medassist.embedded.processes import claim_port, port_is_free

_ALL = (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "LLM_BASE_URL",
    "EVENTS_URL",
    "WEB_PORT",
    "SECRET_KEY",
    "FIELD_KEYS",
    "AUDIT_KEY",
    "TICKET_KEY",
)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    kept = dict(os.environ)
    for name in [*_ALL, MARK, "DJANGO_SETTINGS_MODULE"]:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)
    monkeypatch.setenv("MEDASSIST_STATE_DIR", str(tmp_path / "state"))
    yield tmp_path / "state"
    os.environ.clear()
    os.environ.update(kept)


def test_everything_a_process_needs_is_filled_and_stays_the_same() -> None:
    apply_defaults()
    first = {name: os.environ[name] for name in _ALL}
    assert remember().variables() == first
    assert first["DATABASE_URL"].startswith("postgresql://medassist:")
    identifier, _, key = first["FIELD_KEYS"].partition(":")
    assert identifier == "k1"
    assert len(base64.b64decode(key)) == len(base64.b64decode(first["TICKET_KEY"])) == 32
    assert len(first["SECRET_KEY"]) >= 50
    assert len(set(remember().ports.values())) == 5


def test_the_file_is_private(state: Path) -> None:
    remember()
    assert (state / "environment.json").stat().st_mode & 0o777 == 0o600


def test_a_named_database_means_that_nothing_is_filled_or_written(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/database")
    apply_defaults()
    assert "SECRET_KEY" not in os.environ
    assert not state.exists()


def test_other_settings_modules_are_left_alone(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "medassist.settings.typing")
    apply_defaults()
    assert "DATABASE_URL" not in os.environ
    assert not state.exists()


def test_what_the_operator_names_wins_and_the_broker_follows_his_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/0")
    monkeypatch.setenv("LLM_BASE_URL_FILE", "/run/secrets/llm")
    apply_defaults()
    assert os.environ["REDIS_URL"] == "redis://elsewhere:6379/0"
    assert "CELERY_BROKER_URL" not in os.environ
    assert "LLM_BASE_URL" not in os.environ
    assert "REDIS_URL" not in os.environ[MARK].split(",")


def test_a_taken_port_is_replaced_for_good_and_filled_values_follow() -> None:
    apply_defaults()
    port = remember().ports["events"]
    with socket.create_server(("127.0.0.1", port)):
        changed = renew_taken_ports()
    assert changed["events"] == (port, remember().ports["events"])
    assert remember().ports["events"] != port
    # The address filled before is not mistaken for one that the operator named.
    assert completed_environment(remember())["EVENTS_URL"] == f"http://localhost:{remember().ports['events']}"
    apply_defaults()
    assert os.environ["EVENTS_URL"] == f"http://localhost:{remember().ports['events']}"


def test_a_port_that_another_checkout_has_claimed_is_replaced_until_the_claim_ends() -> None:
    port = remember().ports["web"]
    claim = claim_port(port)
    assert claim is not None

    def available(wanted: int) -> bool:
        mine = claim_port(wanted)
        if mine is not None:
            mine.close()
        return mine is not None

    with claim:
        assert port_is_free(port)
        assert renew_taken_ports(available)["web"][0] == port
    assert available(port)


def test_free_ports_are_kept() -> None:
    before = remember().ports
    renew_taken_ports()
    assert remember().ports == before


def test_a_copied_state_keeps_the_keys_and_takes_ports_of_its_own(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = remember()
    copy = state.with_name("copy")
    copy.mkdir()
    (copy / "environment.json").write_text((state / "environment.json").read_text())
    monkeypatch.setenv("MEDASSIST_STATE_DIR", str(copy))
    copied = remember()
    assert copied.secrets == original.secrets
    chosen = set(copied.ports.values()) - {environment._PREFERRED_PORTS["web"]}
    assert not chosen & set(original.ports.values())
    assert remember() == copied


def test_a_damaged_file_is_never_replaced_by_new_keys(state: Path) -> None:
    remember()
    (state / "environment.json").write_text('{"home": ')
    with pytest.raises(ConfigurationError, match=r"environment\.json"):
        remember()
    assert (state / "environment.json").read_text() == '{"home": '


def test_a_setting_that_came_later_is_added_to_an_older_file(state: Path) -> None:
    remembered = remember()
    content = json.loads((state / "environment.json").read_text())
    del content["secrets"]["TICKET_KEY"], content["ports"]["events"]
    (state / "environment.json").write_text(json.dumps(content))
    again = remember()
    assert again.secrets["TICKET_KEY"] != remembered.secrets["TICKET_KEY"]
    assert again.secrets["FIELD_KEYS"] == remembered.secrets["FIELD_KEYS"]
    assert again.ports["postgres"] == remembered.ports["postgres"]


def test_processes_that_start_at_once_agree() -> None:
    script = (
        "from medassist.embedded.environment import *; apply_defaults(); import os; print(os.environ['DATABASE_URL'])"
    )
    root = Path(__file__).parents[3]
    started = [
        subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    assert len({process.communicate(timeout=60)[0] for process in started}) == 1


def test_importing_it_loads_nothing_heavy() -> None:
    script = "import sys, medassist.embedded.environment as _; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "medassist" in done.stdout
    for heavy in ("django", "psycopg", "redis", "pydantic", "ssl"):
        assert f"'{heavy}'" not in done.stdout


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MEDASSIST_STATE_DIR", str(tmp_path / "file" / "state"))
    with pytest.raises(ConfigurationError, match="MEDASSIST_STATE_DIR"):
        remember()
