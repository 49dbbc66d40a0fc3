"""Tests about the house itself: light processes, every command tested, pinned schema and query counts."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import pytest_socket
from django.core.management import get_commands
from django.test.utils import CaptureQueriesContext

from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from medassist.tenancy.context import clinic_context

CHECKOUT = Path(__file__).resolve().parents[3]
HEAVY = (
    "numpy",
    "torch",
    "transformers",
    "sentence_transformers",
    "vllm",
    "qdrant_client",
    "qdrant_edge",
    "tokenizers",
)
SCHEMA = CHECKOUT / "docs/integrators/openapi.json"


def loaded_by(code: str) -> set[str]:
    """Top-level modules in memory after `code` ran in a process of its own."""
    script = f"{code}\nimport sys, json; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_web_process_imports_no_model_library() -> None:
    loaded = loaded_by("import medassist.wsgi\nfrom django.urls import get_resolver\nget_resolver().url_patterns")
    assert "django" in loaded
    assert not loaded & set(HEAVY)


@pytest.mark.parametrize("module", ["medassist.events.app", "medassist.llm.reference.service"])
def test_the_small_processes_import_neither_django_nor_model_libraries(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert not loaded & {"django", "psycopg", *HEAVY}


def test_every_command_of_ours_is_called_by_some_test() -> None:
    ours = {name for name, app in get_commands().items() if app.startswith(("medassist", "apps"))}
    texts = [path.read_text("utf-8") for path in CHECKOUT.glob("*/**/tests/*.py")]
    called = {name for name in ours for text in texts if re.search(rf"[\"']{name}[\"']", text)}
    assert len(ours) >= 15
    assert ours - called == set()


def test_no_test_reaches_beyond_this_machine() -> None:
    import socket

    with pytest.raises(pytest_socket.SocketConnectBlockedError), socket.socket() as outside:
        outside.connect(("192.0.2.1", 80))


@pytest.mark.django_db
def test_the_api_is_the_one_that_was_published(client: Any) -> None:
    """A change of the API changes docs/integrators/openapi.json in the same commit:
    `manage.py spectacular --format openapi-json --file docs/integrators/openapi.json`."""
    served = client.get("/api/v1/schema/?format=json", HTTP_HOST="alpha.localhost").json()
    assert served == json.loads(SCHEMA.read_text("utf-8"))


@pytest.mark.django_db
def test_a_list_asks_the_database_as_often_for_three_cases_as_for_one(
    api: Any, alice: Any, django_assert_num_queries: Any
) -> None:
    from django.db import connection

    client = api(alice)
    client.get("/api/v1/cases")
    counts = []
    for _ in range(2):
        with clinic_context("alpha"):
            make_case("done", samples.full())
        with CaptureQueriesContext(connection) as captured:
            assert client.get("/api/v1/cases").status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]
    assert counts[0] <= 30


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["alpha.localhost", "127.0.0.1"])
def test_health_is_told_without_a_clinic_or_a_key(client: Any, host: str) -> None:
    assert client.get("/health/live", HTTP_HOST=host).json() == {"status": "alive"}
    ready = client.get("/health/ready", HTTP_HOST=host)
    assert ready.status_code == 200
    assert ready.json()["database"] is True


@pytest.mark.django_db
def test_a_crash_in_the_api_is_a_problem_that_tells_nothing(
    api: Any, alice: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError("SECRET patient text")

    monkeypatch.setattr("apps.cases.selectors.list_cases", broken)
    response = api(alice).get("/api/v1/cases")
    assert (response.status_code, response.json()["code"]) == (500, "internal_error")
    assert b"SECRET" not in response.content


@pytest.mark.django_db
def test_every_answer_names_its_request_and_is_not_cached(client: Any) -> None:
    response = client.get("/api/v1/cases", HTTP_HOST="alpha.localhost", HTTP_X_REQUEST_ID="abcdef-123456")
    assert response["X-Request-ID"] == "abcdef-123456"
    assert response["Cache-Control"] == "no-store"
    assert client.get("/", HTTP_HOST="alpha.localhost", HTTP_X_REQUEST_ID="bad id\n")["X-Request-ID"] != "bad id\n"


@pytest.mark.parametrize("path", ["README.md", "docs/objectives.md", "docs/achievements.md", "docs/todo.md"])
def test_the_pages_that_everybody_reads_exist(path: str) -> None:
    assert (CHECKOUT / path).stat().st_size > 500


def test_no_file_names_a_machine_or_a_registry() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=False).stdout
    if not listed:
        pytest.skip("not a git checkout")
    suspicious = re.compile(
        r"(?<![\w.])/(?:work|root|home/\w+)/[\w.-]+|files\.pythonhosted\.org|pypi\.org/simple|/opt/wheels"
    )
    found = []
    for name in (name for name in listed.split("\0") if not name.startswith("docker")):
        path = CHECKOUT / name
        if (
            path.suffix in {".py", ".md", ".toml", ".yml", ".yaml", ".sh", ".txt", ".in", ".html", ""}
            and path.is_file()
            and "data/" not in name
        ):
            text = path.read_text("utf-8", errors="replace")
            found += [
                f"{name}: {match.group()}" for match in suspicious.finditer(text) if path != Path(__file__).resolve()
            ]
    assert found == []
