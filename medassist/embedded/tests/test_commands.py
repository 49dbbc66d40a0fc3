"""`manage.py up`, `down` and `status` are doors to the same functions as `python -m medassist.embedded`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import NoReturn

import pytest
from django.core.management import CommandError, call_command

from medassist.embedded import control
from medassist.embedded.environment import MARK


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDASSIST_STATE_DIR", str(tmp_path))
    monkeypatch.setenv(MARK, "DATABASE_URL")


def test_up_in_the_foreground_gives_its_place_to_the_light_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    class Replaced(Exception):
        pass

    def execv(program: str, arguments: list[str]) -> NoReturn:
        assert program == sys.executable
        assert arguments[1:] == ["-m", "medassist.embedded", "up", "--only", "redis"]
        raise Replaced

    monkeypatch.setattr(os, "execv", execv)
    with pytest.raises(Replaced):
        call_command("up", "--only", "redis")


@pytest.mark.parametrize(("status", "fails"), [(0, False), (1, True)])
def test_up_detached_reports_how_it_went(status: int, fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def up_detached(say: Callable[[str], None], *, only: frozenset[str]) -> int:
        assert only == frozenset()
        say("progress")
        return status

    monkeypatch.setattr(control, "up_detached", up_detached)
    out = StringIO()
    if fails:
        with pytest.raises(CommandError):
            call_command("up", "--detach", stdout=out)
    else:
        call_command("up", "--detach", stdout=out)
    assert out.getvalue() == "progress\n"


def test_down_and_status_of_what_does_not_run() -> None:
    out = StringIO()
    call_command("down", stdout=out)
    with pytest.raises(SystemExit) as ended:
        call_command("status", stdout=out)
    assert ended.value.code == 3
    assert out.getvalue() == "Nothing is running.\nMedAssist is down.\n"
