"""Real processes: gunicorn, a Celery worker, the reference backbone; killed, starved and flooded."""

from __future__ import annotations

import http.client
import json
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from apps.cases import services
from apps.cases.models import AssessmentRecord, Case
from apps.cases.tests.engine import WORKER, draft, log_lines, process, some_guidelines
from apps.rag.index import holder
from medassist.accounts.access import system_actor
from medassist.clinical.parsing import parse_case
from medassist.embedded.processes import free_port
from medassist.jobs import sweeper
from medassist.jobs.models import Job
from medassist.llm.tests.servers import reference_service
from medassist.tenancy.context import clinic_context, public_context

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

BODY = {"presenting_complaint": "Chest pain for an hour, sweating", "vitals": {"heart_rate": 120}}


def submit(clinic: str = "alpha") -> UUID:
    with clinic_context(clinic):
        return services.request_assessment(actor=system_actor(clinic, "tests"), case=parse_case(BODY)).job_id


def job(job_id: UUID) -> Job:
    with public_context():
        return Job.objects.get(pk=job_id)


def until(holds: Callable[[], bool], *, seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.1)


@pytest.fixture
def guidelines(transactional_db: None) -> Iterator[None]:
    some_guidelines("Heart Attack", "Angina")
    yield
    holder.forget()


def test_a_worker_killed_in_mid_job_leaves_one_result(guidelines: None, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    with reference_service("--faults") as address:
        slow = {"LLM_BASE_URL": f"{address}/v1", "LLM_HEAVY_BASE_URL": f"{address}/v1", "JOB_LEASE_SECONDS": "2"}
        with process(*WORKER, log=log, **slow, LLM_HEAVY_MODEL="medassist-reference@fault=latency=30") as first:
            job_id = submit()
            until(
                lambda: job(job_id).state == "running" and job(job_id).step == "retrieve",
                seconds=60,
                what="the job runs",
            )
            first.send_signal(signal.SIGKILL)
            first.wait(timeout=10)
        assert job(job_id).state == "running"
        until(lambda: sweeper.sweep().requeued == 1, seconds=10, what="the sweeper takes it back after its lease")
        with process(*WORKER, log=log, **slow):
            until(lambda: job(job_id).state == "done", seconds=60, what="another worker finishes the job")
    finished = job(job_id)
    assert (finished.attempt, finished.fence) == (2, 2)
    with clinic_context("alpha"):
        assert AssessmentRecord.objects.filter(job_id=job_id).count() == 1


def test_with_the_model_stopped_a_case_is_taken_and_assessed_when_it_returns(guidelines: None, tmp_path: Path) -> None:
    port = free_port()
    addresses = {"LLM_BASE_URL": f"http://127.0.0.1:{port}/v1", "LLM_HEAVY_BASE_URL": f"http://127.0.0.1:{port}/v1"}
    log = tmp_path / "worker.log"
    with process(*WORKER, log=log, **addresses):
        job_id = submit()
        until(lambda: job(job_id).reason == "backbone_unavailable", seconds=60, what="the job waits for its model")
        assert (job(job_id).state, job(job_id).attempt) == ("queued", 0)
        with process("-m", "medassist.llm.reference", "--port", str(port), log=tmp_path / "backbone.log"):
            until(
                lambda: sweeper.sweep() is not None and job(job_id).state == "done", seconds=60, what="the job is done"
            )
    with clinic_context("alpha"):
        assert AssessmentRecord.objects.get(job_id=job_id).status in {"released", "abstained"}
    assert all("Chest pain" not in json.dumps(line) for line in log_lines(log))


# --- two clinics at once --------------------------------------------------------------------------

CANARY = re.compile(r"canary-(alpha|beta)-(\d+)")
EACH = 200


class _Echo(BaseHTTPRequestHandler):
    """A model server that repeats the canary of the prompt it was given."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n".join(message["content"] for message in asked["messages"])
        name = asked["response_format"]["json_schema"]["name"]
        self._say(self._answer(prompt) if name == "assessment_draft" else {"conditions": ["Heart attack"]})

    def do_GET(self) -> None:
        body = json.dumps({"object": "list", "data": [{"id": "echo", "object": "model"}]}).encode()
        self._send(body)

    def _answer(self, prompt: str) -> dict[str, Any]:
        words = CANARY.search(prompt)
        part = re.search(r'<part id="(r\d+)" path="presenting_complaint">', prompt)
        assert words
        assert part
        said = {
            "text": f"The record states: {words.group()}",
            "kind": "patient_fact",
            "cites": [{"source": part.group(1), "quote": words.group()}],
        }
        return draft(summary=[said])

    def _say(self, data: dict[str, Any]) -> None:
        self._send(
            json.dumps(
                {
                    "id": "x", "object": "chat.completion", "created": 0, "model": "echo",
                    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(data)}}],
                    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
                }
            ).encode()
        )  # fmt: skip

    def _send(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet: the test reads what it needs elsewhere."""


@contextmanager
def echo_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@contextmanager
def web(log: Path, **more: str) -> Iterator[tuple[int, Any]]:
    port = free_port()
    arguments = (
        "-m", "gunicorn", "medassist.wsgi:application", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
        "--workers", "1", "--threads", "16", "--no-control-socket",
    )  # fmt: skip
    with process(*arguments, log=log, DATABASE_POOL_SIZE="16", **more) as child:
        until(lambda: _status(port) == 200, seconds=60, what="the web process answers")
        yield port, child


def _status(port: int) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/live", headers={"Host": "alpha.localhost"})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def call(
    port: int, clinic: str, key: str, method: str, path: str, body: dict[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Host": f"{clinic}.localhost", "Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
    try:
        connection.request(method, path, json.dumps(body) if body else None, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_two_clinics_with_two_hundred_requests_each_never_cross(
    guidelines: None, tmp_path: Path, key_of: Callable[..., str]
) -> None:
    keys = {clinic: key_of(clinic) for clinic in ("alpha", "beta")}
    log = tmp_path / "processes.log"
    with (
        echo_server() as model,
        web(log) as (port, _),
        process(*WORKER, log=log, LLM_BASE_URL=model, LLM_HEAVY_BASE_URL=model),
    ):

        def one(item: tuple[str, int]) -> tuple[str, int, dict[str, Any]]:
            clinic, number = item
            words = f"Cough since yesterday, canary-{clinic}-{number}"
            status, taken = call(
                port, clinic, keys[clinic], "POST", "/api/v1/cases/analyze", {"presenting_complaint": words}
            )
            assert status == 202, taken
            status, read = call(port, clinic, keys[clinic], "GET", taken["links"]["case"])
            assert (status, read["case"]["presenting_complaint"]) == (200, words)
            other = "beta" if clinic == "alpha" else "alpha"
            assert call(port, other, keys[other], "GET", taken["links"]["case"])[0] == 404
            assert call(port, other, keys[clinic], "GET", taken["links"]["case"])[0] == 403
            return clinic, number, taken

        items = [(clinic, number) for number in range(EACH) for clinic in keys]
        with ThreadPoolExecutor(max_workers=2 * EACH) as pool:
            taken = list(pool.map(one, items))
        until(lambda: not _waiting(), seconds=180, what="every job is done")
    _check(taken)
    errors = [line for line in log_lines(log) if line.get("level") in {"ERROR", "CRITICAL"}]
    assert errors == []


def _waiting() -> bool:
    with public_context():
        return Job.objects.exclude(state="done").exists()


def _check(taken: list[tuple[str, int, dict[str, Any]]]) -> None:
    for clinic in ("alpha", "beta"):
        mine = {str(answer["case"]): number for name, number, answer in taken if name == clinic}
        with clinic_context(clinic):
            assert {str(pk) for pk in Case.objects.values_list("pk", flat=True)} == set(mine)
            records = list(AssessmentRecord.objects.all())
        assert len(records) == EACH
        for record in records:
            found = set(CANARY.findall(json.dumps(record.payload)))
            assert found == {(clinic, str(mine[str(record.case_id)]))}


def test_the_process_that_serves_pages_never_loads_model_libraries(tmp_path: Path, key_of: Callable[..., str]) -> None:
    key = key_of("alpha")
    heavy = ("torch", "transformers", "sentence_transformers", "vllm", "qdrant_client", "qdrant_edge", "tokenizers")
    with web(tmp_path / "web.log") as (port, child):
        assert call(port, "alpha", key, "POST", "/api/v1/cases/analyze", BODY)[0] == 202
        assert call(port, "alpha", key, "GET", "/api/v1/cases")[0] == 200
        loaded = _mapped_files(child.pid)
    assert not [path for path in loaded for name in heavy if f"/site-packages/{name}" in path]


def _mapped_files(pid: int) -> set[str]:
    parent = psutil.Process(pid)
    everyone = [parent, *parent.children(recursive=True)]
    return {mapping.path for one in everyone for mapping in one.memory_maps()}
