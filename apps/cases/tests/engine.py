"""An assessment engine for tests: shipped guidelines, and the reference brain in the place of a model server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from django.conf import settings
from django.db import connection

import apps.cases.tasks  # noqa: F401  binds the handler, as a worker does
from apps.rag.extractors.guideline_lines import GuidelineText, read
from apps.rag.index import holder
from apps.rag.management.commands.ingest_guidelines import SAMPLES, sample_vectors
from apps.rag.services import ingest_guidelines
from medassist.accounts.access import system_actor
from medassist.llm import registry
from medassist.llm.reference.brain import answer
from medassist.llm.schemas import ChatRequest
from medassist.llm.testing import ScriptedModel, Step
from medassist.tenancy.schemas import PUBLIC_SCHEMA

CHECKOUT = Path(__file__).resolve().parents[3]


def some_guidelines(*titles: str) -> int:
    """Ingests the shipped sections whose title is named; returns how many."""
    wanted = [
        line for path in [SAMPLES] for line in read(path) if isinstance(line, GuidelineText) and line.title in titles
    ]
    ingest_guidelines(actor=system_actor(PUBLIC_SCHEMA, "tests"), texts=wanted, cached=sample_vectors())
    return len(wanted)


def think(request: ChatRequest) -> str:
    """What the reference backbone would answer."""
    return answer(
        [(message.role, message.content) for message in request.messages],
        request.json_schema,
        max_tokens=request.max_tokens,
    )


@contextmanager
def backbone(*script: Step) -> Iterator[ScriptedModel]:
    """Puts a scripted model in the place of both tiers; without a script it is the reference brain."""
    model = ScriptedModel(script or [think])
    with ExitStack() as stack:
        for tier in ("light", "heavy"):
            stack.callback(registry.serve(tier, model))
        stack.callback(holder.forget)
        yield model


def prompt_of(request: ChatRequest) -> str:
    return "\n".join(message.content for message in request.messages)


def draft(**changes: Any) -> dict[str, Any]:
    """A small valid draft."""
    return {
        "triage_level": "routine", "triage_reason": "", "summary": [], "differential": [], "red_flags": [],
        "missing_information": [], **changes,
    }  # fmt: skip


def on_schema(**answers: Any) -> Step:
    """A step that answers by schema name: `on_schema(candidates={...}, assessment_draft={...})`."""

    def step(request: ChatRequest) -> str | dict[str, Any] | Exception:
        empty = {"conditions": []} if request.schema_name == "candidates" else draft()
        found: str | dict[str, Any] | Exception = answers.get(request.schema_name, empty)
        return found

    return step


# --- real processes -------------------------------------------------------------------------------


def environment(**more: str) -> dict[str, str]:
    """The environment in which a real process works on the test's own database and Redis."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    database = urlunsplit(parts._replace(path="/" + quote(str(connection.settings_dict["NAME"]))))
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "medassist.settings.base",
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
        "ALLOWED_HOSTS": ".localhost,127.0.0.1",
        "MEDASSIST_STATE_DIR": str(settings.STATE_DIR),
        "PYTHONUNBUFFERED": "1",
        **more,
    }


@contextmanager
def process(*arguments: str, log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs `python <arguments>` until the block ends; its output goes to `log`."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=CHECKOUT,
            env=environment(**more),
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        child.kill()
        child.wait(timeout=10)


WORKER = (
    "-m", "celery", "-A", "medassist.celery", "worker", "-Q", "llm", "-P", "threads", "-c", "4",
    "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO",
)  # fmt: skip


def log_lines(log: Path) -> list[dict[str, Any]]:
    """The structured lines of a process's log."""
    lines = []
    for line in log.read_text("utf-8", errors="replace").splitlines():
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines
