"""The direct path through real processes: gunicorn, the events process, the reference backbone, a worker."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from apps.cases.tests.engine import WORKER, log_lines, process
from apps.cases.tests.test_processes import call, job, until, web
from apps.notes.models import SummaryRecord
from medassist.embedded.processes import free_port
from medassist.jobs import sweeper
from medassist.llm.tests.servers import reference_service
from medassist.tenancy.context import clinic_context

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.timeout(240)]

NOTE = (
    "54-year-old woman presents with chest pain since this morning. She denies fever and has no cough. "
    "On examination the heart rate is 112. Follow-up with cardiology on Monday."
)
URL = "/api/v1/notes/summarize"


def events(address: str, *, after: str = "", most: int = 100) -> list[dict[str, Any]]:
    """Events of a stream until its end, or until `most` have come."""
    request = urllib.request.Request(address.replace("localhost", "127.0.0.1"))
    if after:
        request.add_header("Last-Event-ID", after)
    found: list[dict[str, Any]] = []
    with urllib.request.urlopen(request, timeout=30) as stream:
        current: dict[str, Any] = {}
        for raw in stream:
            name, _, value = raw.decode().strip().partition(": ")
            if name in ("id", "event"):
                current[name] = value
            elif name == "data":
                found.append({**current, "data": json.loads(value)})
                if current["event"] == "end" or len(found) >= most:
                    break
    return found


def test_sections_reach_a_reader_and_a_broken_stream_goes_on_where_it_was(key_of: Any, tmp_path: Path) -> None:
    port = free_port()
    log = tmp_path / "web.log"
    with (
        reference_service("--faults") as address,
        process("-m", "medassist.events", "--host", "127.0.0.1", "--port", str(port), log=tmp_path / "events.log"),
        web(log, LLM_BASE_URL=f"{address}/v1", EVENTS_URL=f"http://localhost:{port}",
            LLM_MODEL="medassist-reference@fault=latency=1") as (web_port, _),
    ):  # fmt: skip
        status, answer = call(web_port, "alpha", key_of("alpha"), "POST", URL, {"text": NOTE, "stream": True})
        assert status == 202, answer
        first = events(answer["links"]["events"], most=3)
        rest = events(answer["links"]["events"], after=first[-1]["id"])
        _, stored = call(web_port, "alpha", key_of("alpha"), "GET", answer["links"]["note"])
    everything = first + rest
    assert len({event["id"] for event in everything}) == len(everything)
    sections = [event["data"] for event in everything if event["event"] == "section"]
    assert [{"name": one["name"], "sentences": one["sentences"]} for one in sections] == stored["summary"]["sections"]
    assert sections
    assert everything[-1]["event"] == "end"
    assert all("chest pain" not in json.dumps(line) for line in log_lines(log))


def test_a_web_process_killed_in_the_middle_of_a_direct_note_leaves_one_summary(key_of: Any, tmp_path: Path) -> None:
    with reference_service("--faults") as address:
        models = {"LLM_BASE_URL": f"{address}/v1", "JOB_LEASE_SECONDS": "2", "EVENTS_URL": "http://localhost:9"}
        slow = "medassist-reference@fault=latency=30"
        with web(tmp_path / "web.log", LLM_MODEL=slow, **models) as (web_port, gunicorn):
            status, answer = call(web_port, "alpha", key_of("alpha"), "POST", URL, {"text": NOTE, "stream": True})
            assert status == 202, answer
            job_id = UUID(answer["job"]["id"])
            until(lambda: job(job_id).step == "draft", seconds=20, what="the web process asks the model")
            os.killpg(gunicorn.pid, signal.SIGKILL)
        assert job(job_id).state == "running"
        until(lambda: sweeper.sweep().requeued == 1, seconds=10, what="the lease runs out")
        with process(*WORKER, log=tmp_path / "worker.log", **models):
            until(lambda: job(job_id).state == "done", seconds=60, what="a worker finishes the note")
    assert (job(job_id).attempt, job(job_id).fence) == (2, 2)
    with clinic_context("alpha"):
        assert SummaryRecord.objects.get(job_id=job_id).status == "released"
    assert settings.JOB_MAX_ATTEMPTS >= 2
