"""`assess_cases` and `demo` as somebody types them."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.cases.management.commands.demo import printed
from apps.cases.tests import samples
from apps.cases.tests.engine import CHECKOUT, backbone, some_guidelines
from apps.rag.index import holder
from medassist.clinical.assessment import Assessment
from medassist.jobs import runner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def guidelines(transactional_db: None) -> Iterator[None]:
    some_guidelines("Heart Attack", "Angina", "Pneumonia")
    yield
    holder.forget()


def test_cases_come_back_as_assessments_in_order_and_bad_lines_as_errors(
    guidelines: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        json.dumps({"id": "one", "presenting_complaint": "Chest pain with sweating for an hour"}),
        "{broken",
        json.dumps({"id": "two", "presenting_complaint": "Fever and cough", "vitals": {"heart_rate": 800}}),
        "",
        json.dumps({"presenting_complaint": "Cough with green sputum and fever"}),
    ]
    monkeypatch.setattr("sys.stdin", io.StringIO("\n".join(lines)))
    monkeypatch.setattr(runner, "worker_is_alive", lambda _queue: False)
    out, err = io.StringIO(), io.StringIO()
    with backbone():
        call_command("assess_cases", clinic="alpha", stdout=out, stderr=err)
    first, second, third, fourth = (json.loads(line) for line in out.getvalue().splitlines())
    assert first.pop("id") == "one"
    assert Assessment.model_validate(first).triage.level == "emergency_now"
    assert (second["line"], second["error"]["code"]) == (2, "not_json")
    assert (third["id"], list(third["error"]["fields"])) == ("two", ["vitals.heart_rate"])
    assert Assessment.model_validate(fourth).disclaimers
    assert "2 line(s)" in err.getvalue()


def test_an_unknown_clinic_is_named() -> None:
    with pytest.raises(CommandError, match="not_found: clinic nowhere"):
        call_command("assess_cases", clinic="nowhere")


def test_the_printed_assessment_reads_from_triage_to_disclaimers() -> None:
    text = printed({"assessment": samples.full().model_dump(mode="json")})
    assert (
        text.index("TRIAGE")
        < text.index("Differential")
        < text.index("Evidence")
        < text.index(samples.full().disclaimers[0])
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_starts_everything_assesses_a_case_and_can_be_started_again(tmp_path: Path) -> None:
    """On its own ports and state, with the real processes, twice."""
    import os

    environment: dict[str, Any] = {
        name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV"}
    } | {"MEDASSIST_STATE_DIR": str(tmp_path / "state")}

    def manage(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
        return done.stdout

    manage("version")
    port = json.loads((tmp_path / "state" / "environment.json").read_text())["ports"]["web"]
    try:
        # The port remembered for the pages is somebody else's by now.
        with socket.create_server(("127.0.0.1", port)):
            first = manage("demo", "--no-serve")
        assert f"port {port} is taken" in first
        assert "TRIAGE emergency_now" in first
        assert "Heart attack" in first
        assert "status released" in first
        assert "[e1]" in first
        again = manage("demo", "--no-serve")
        assert "is there already" in again
        assert "TRIAGE emergency_now" in again
    finally:
        manage("down")
