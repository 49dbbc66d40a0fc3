"""The documentation is held to the code: links, commands, settings, error codes, checks, the job document."""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest
from django.urls import URLPattern
from rest_framework.renderers import JSONRenderer

from medassist.jobs.api import JobDocument, job_document
from medassist.jobs.schemas import JobView, State

CHECKOUT = Path(__file__).resolve().parents[3]
DOCS = CHECKOUT / "docs"
PAGES = sorted([CHECKOUT / "README.md", *DOCS.rglob("*.md")])
READERS = frozenset(
    {"text", "required", "integer", "number", "boolean", "words", "choice", "database", "backbones", "networks"}
)
SCHEMA = DOCS / "integrators/job-document.v1.schema.json"


def sources() -> Iterator[tuple[Path, str]]:
    """Every Python file of the product, tests left out."""
    for folder in ("medassist", "apps", "docker"):
        for path in sorted((CHECKOUT / folder).rglob("*.py")):
            if "tests" not in path.parts:
                yield path, path.read_text("utf-8")


def nodes(text: str) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(text))


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def quoted(name: str) -> set[str]:
    """Everything that stands in back quotes on a page."""
    return set(re.findall(r"`([^`\n]+)`", page(name)))


# --- links ----------------------------------------------------------------------------------------


def without_code(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def anchors(path: Path) -> set[str]:
    """The fragments that a page's headings can be reached by."""
    headings = re.findall(r"^#{1,6}\s+(.+?)\s*$", without_code(path.read_text("utf-8")), flags=re.MULTILINE)
    return {slug(heading) for heading in headings}


def slug(heading: str) -> str:
    plain = unicodedata.normalize("NFC", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)).lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", without_code(path.read_text("utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, fragment = target.partition("#")
        where = (path.parent / file).resolve() if file else path
        if not where.exists() or (fragment and fragment not in anchors(where)):
            broken.append(target)
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [CHECKOUT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        links = re.findall(r"\]\(([^)\s#]+)", without_code(path.read_text("utf-8")))
        waiting += [(path.parent / link).resolve() for link in links if ":" not in link]
    assert set(PAGES) - reached == set()


def test_every_page_that_the_code_names_exists() -> None:
    missing = []
    for path, text in sources():
        for name in re.findall(r"\bdocs/[\w./-]*[\w/]", text):
            # "docs/decisions/0005" names a page by its number.
            if not (CHECKOUT / name).exists() and not list(CHECKOUT.glob(f"{name}-*.md")) and name != "docs/":
                missing.append(f"{path.relative_to(CHECKOUT)}: {name}")
    assert missing == []


# --- what the code has and the pages must name ----------------------------------------------------


def test_every_command_is_in_the_list_of_commands() -> None:
    found = [*CHECKOUT.glob("medassist/*/management/commands/*.py"), *CHECKOUT.glob("apps/*/management/commands/*.py")]
    commands = {path.stem for path in found if not path.stem.startswith("_")}
    assert len(commands) >= 15
    assert commands - quoted("operators/commands.md") == set()


def settings_read() -> set[str]:
    """Names given to the functions of `medassist.common.env` anywhere."""
    found = set()
    for _, text in sources():
        for node in nodes(text):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(id="env"), attr=reader), args=[ast.Constant(value=str(name)), *_]
                ) if reader in READERS:
                    found.add(name)
    return found


def test_every_setting_is_described() -> None:
    names = settings_read()
    assert {"SECRET_KEY", "REFERENCE_PORT", "EVENTS_MAX_CLIENTS"} <= names
    assert names - quoted("operators/settings.md") == set()


def test_every_setting_that_is_described_is_read() -> None:
    described = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", page("operators/settings.md"), flags=re.MULTILINE))
    # The last table's variables are read by the embedded set-up, by containers and by the tests.
    elsewhere = {"WEB_PORT", "MEDASSIST_EMBEDDED", "PORT", "BROKER_URL_FILE", "DJANGO_SETTINGS_MODULE"}
    assert described - settings_read() - elsewhere - {"WORKER_THREADS"} == set()


def error_codes() -> dict[str, int | None]:
    """Code -> status of every class that has a `code`; the status is None where a parent says it."""
    found: dict[str, int | None] = {}
    for _, text in sources():
        for node in nodes(text):
            if not isinstance(node, ast.ClassDef) or not node.bases:
                continue
            values = dict(_constants(node))
            if isinstance(values.get("code"), str) and isinstance(values.get("title"), str):
                status = values.get("status")
                found[values["code"]] = status if isinstance(status, int) else None
    return found


def _constants(node: ast.ClassDef) -> Iterator[tuple[str, Any]]:
    for line in node.body:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                yield name, value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                yield name, value


def test_every_error_code_is_in_the_api_guide_with_its_status() -> None:
    codes = error_codes()
    assert {"internal_error", "not_acceptable", "ticket_expired", "unreadable_ciphertext"} <= set(codes)
    rows = dict(re.findall(r"^\| `([a-z_]+)` \| (\d{3}) \|", page("integrators/api.md"), flags=re.MULTILINE))
    assert set(codes) - set(rows) == set()
    assert {code: rows[code] for code, status in codes.items() if status is not None} == {
        code: str(status) for code, status in codes.items() if status is not None
    }
    assert set(rows) - set(codes) == set()


def test_every_system_check_is_explained() -> None:
    ids = {name for _, text in sources() for name in re.findall(r"id=\"(medassist\.[EW]\d+)\"", text)}
    assert len(ids) >= 10
    assert ids == {name for name in quoted("operators/system-checks.md") if re.fullmatch(r"medassist\.[EW]\d+", name)}


def test_every_address_of_the_api_is_in_the_guide() -> None:
    from medassist.urls import api

    text = page("integrators/api.md")
    routes = {re.sub(r"<\w+:\w+>", "{id}", str(route.pattern)) for route in api if isinstance(route, URLPattern)}
    assert "cases/{id}/assessments" in routes
    assert {route for route in routes if route not in text} == set()


# --- the job document -----------------------------------------------------------------------------

MOMENT = datetime(2026, 11, 23, 13, 17, 26, tzinfo=UTC)


def job(state: State) -> JobView:
    ended = state in {"done", "dead", "cancelled"}
    return JobView(
        id=UUID(int=1), kind="cases.assessment", clinic="demo", state=state, lane="emergency", queue="llm", attempt=1,
        created_at=MOMENT, started_at=MOMENT, finished_at=MOMENT if ended else None, deadline_at=MOMENT, reason="",
        step="draft", references={"case": str(UUID(int=2))}, result_address="/api/v1/cases/2", tier="heavy",
        streaming=False, fence=3, idempotency_key=None, trace_id="abcdef01",
    )  # fmt: skip


def served(state: State) -> Any:
    """The document as it goes over the wire."""
    return json.loads(JSONRenderer().render(job_document(job(state))))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("state", ["queued", "running", "done", "dead", "cancelled"])
def test_a_job_document_fits_its_schema(validator: jsonschema.Draft202012Validator, state: State) -> None:
    assert [error.message for error in validator.iter_errors(served(state))] == []


@pytest.mark.parametrize(
    "wrong",
    [{"state": "lost"}, {"clinic": "Not A Schema"}, {"attempt": -1}, {"patient": "text"}, {"finished_at": None}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_the_schema_refuses_what_is_no_job_document(
    validator: jsonschema.Draft202012Validator, wrong: dict[str, Any]
) -> None:
    assert not validator.is_valid({**served("done"), **wrong})


def test_schema_guide_and_api_description_name_the_same_fields() -> None:
    properties = set(json.loads(SCHEMA.read_text("utf-8"))["properties"])
    assert properties == set(JobDocument().fields)
    assert properties <= quoted("integrators/job-document.md")
