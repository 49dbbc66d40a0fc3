"""The served API against its own description, by schemathesis: nothing fails, nothing answers what was not described.

The short form runs with the other tests; `make test-api` runs the long one (API_CASES=ci, 5,000 cases at least;
API_CASES=long, 25,000).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from medassist.tenancy.context import clinic_context

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

CHECKOUT = Path(__file__).resolve().parents[3]
FORMS: dict[str, tuple[int, int, str]] = {
    "short": (3, 120, "fuzzing,stateful"),
    "ci": (90, 5_000, "coverage,fuzzing,stateful"),
    "long": (450, 25_000, "coverage,fuzzing,stateful"),
}
"""Name -> examples for each operation, requests that must have been sent, phases."""
SEEDS = {"short": "1", "ci": "20261124", "long": "7"}
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth,missing_required_header"
)


@dataclass(frozen=True)
class Ran:
    cases: int
    failures: list[str]
    output: str


@pytest.fixture
def described(live_server: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of the description, on a server where nothing waits for a worker that is not there."""
    settings.EVENTS_URL = "https://events.example"
    settings.MAX_WAITERS, settings.NOTES_DIRECT_CHARS = 0, 0
    settings.API_READS_PER_MINUTE = settings.API_WRITES_PER_MINUTE = 0
    settings.JOB_CLINIC_QUEUE_LIMIT = settings.JOB_GLOBAL_QUEUE_LIMIT = 1_000_000
    monkeypatch.setattr("apps.documents.api.search.PATIENCE_S", 0.0)
    return f"http://127.0.0.1:{live_server.thread.port}/api/v1/schema/?format=json"


def schemathesis(where: str, folder: Path, *words: str, examples: int, seed: str, config: str = "") -> Ran:
    report, settings_file = folder / "report.ndjson", folder / "schemathesis.toml"
    settings_file.write_text(config)
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")), "--config-file", str(settings_file), "run", where,
            "--checks", CHECKS, "--max-examples", str(examples), "--seed", seed, "--continue-on-failure", "--no-color",
            "--report", "ndjson", "--report-ndjson-path", str(report), "--warnings", "off",
            "--suppress-health-check", "all", "--generation-database", "none",
            "--header", "Host: alpha.localhost", "--no-shrink", "--request-timeout", "30", *words,
        ],
        cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "medassist.web.tests.schemathesis_hooks", "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    return _read(report, done.stdout + done.stderr)


def _read(report: Path, output: str) -> Ran:
    lines = [json.loads(line) for line in report.read_text("utf-8").splitlines()] if report.exists() else []
    cases, failures = 0, [json.dumps(line)[:600] for line in lines if "FatalError" in line or "NonFatalError" in line]
    for line in lines:
        recorded = line.get("ScenarioFinished", {}).get("recorder", {})
        cases += len(recorded.get("interactions", {}))
        for checks in recorded.get("checks", {}).values():
            failures += [json.dumps(one)[:600] for one in checks if one["status"] != "success"]
    return Ran(cases, failures, output)


@pytest.mark.timeout(7_200)
def test_the_api_keeps_to_its_description(described: str, key_of: Callable[..., str], tmp_path: Path) -> None:
    form = os.environ.get("API_CASES", "short")
    examples, least, phases = FORMS[form]
    with clinic_context("alpha"):
        make_case("done", samples.full())
    # A key that rotates itself ends the run; the next test asks that address.
    ran = schemathesis(
        described, tmp_path, "--header", f"Authorization: Api-Key {key_of('alpha')}",
        "--exclude-operation-id", "keys_current_rotate", "--phases", phases, examples=examples, seed=SEEDS[form],
    )  # fmt: skip
    print(f"{form}: {ran.cases} cases, {len(ran.failures)} failures")
    assert ran.failures == [], ran.output[-6000:]
    assert ran.cases >= least, ran.output[-3000:]


def test_an_administrators_addresses_keep_to_it(described: str, api: Any, ada: Any, tmp_path: Path) -> None:
    """Keys are a person's to manage: this caller has a session, and a token against forged requests."""
    client = api(ada)
    csrf = "c" * 32
    cookies = f"sessionid={client.cookies['sessionid'].value}; csrftoken={csrf}"
    ran = schemathesis(
        described, tmp_path, "--header", f"Cookie: {cookies}", "--header", f"X-CSRFToken: {csrf}",
        "--generation-with-security-parameters", "false", "--phases", "fuzzing", "--include-path-regex", "/(keys|usage)",
        examples=6, seed="3",
    )  # fmt: skip
    assert ran.failures == [], ran.output[-6000:]
    assert ran.cases >= 30, ran.output[-3000:]
    listed = client.get("/api/v1/keys").json()["items"]
    assert listed, "no key was made: the session was not believed"
