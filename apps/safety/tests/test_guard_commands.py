"""`guard_texts` and `check_claims` as commands: one output line for every input line, whatever it holds."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import call_command

from apps.safety.management.commands import check_claims, guard_texts


def run(command: str, lines: list[Any], monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    out = io.StringIO()
    call_command(command, stdout=out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


SOURCE = {"id": "g1", "kind": "guideline", "text": "Fever is not a common sign. The risk is raised for 3 months."}
BAD_LINES = [
    ("{", None, "not_json"),
    ("[" * 100_000, None, "not_json"),
    ("[1]", None, "invalid_input"),
    ('"x"', None, "invalid_input"),
    ('{"id": 7}', 7, "invalid_input"),
]


def test_texts_get_a_verdict_with_rules_and_spans(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run(
        "guard_texts",
        [
            {"id": "a", "text": "The pulse is 96."},
            {"id": "b", "text": "The pulse is 96. Give warfarin 5 mg."},
            {"id": "c", "text": "She takes warfarin 3 mg nocte.", "record": "Takes warfarin 3 mg nocte."},
            {"id": "d", "text": "Anticoagulation is for the treating team to weigh.", "audience": "patient"},
        ],
        monkeypatch,
    )
    assert [(line["id"], line["verdict"]) for line in found] == [
        ("a", "allow"),
        ("b", "block"),
        ("c", "allow"),
        ("d", "block"),
    ]
    assert found[0] == {"id": "a", "verdict": "allow", "rules": [], "spans": []}
    assert found[1]["spans"] == [[17, 36]]
    assert "B1" in found[1]["rules"]
    assert found[3]["rules"] == ["B8"]


@pytest.mark.parametrize("command", ["guard_texts", "check_claims"])
@pytest.mark.parametrize(("line", "ident", "code"), BAD_LINES)
def test_a_bad_line_becomes_an_error_with_a_code_and_stops_nothing(
    command: str, line: str, ident: Any, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = {"id": "z", "text": "Cough.", "claim": "Fever is not a common sign.", "sources": [SOURCE]}
    first, second = run(command, [line, good], monkeypatch)
    assert first["id"] == ident
    assert first["error"]["code"] == code
    assert "verdict" not in first
    assert second["id"] == "z"
    assert second["verdict"] in {"allow", "supported"}


@pytest.mark.parametrize(
    "fields",
    [
        {"text": 5},
        {"text": None},
        {"text": "x", "record": ["y"]},
        {"text": "x", "audience": "press"},
        {"text": "x", "audience": ["patient"]},
    ],
)
def test_a_text_line_with_wrong_fields_is_an_error(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = run("guard_texts", [{"id": "a", **fields}], monkeypatch)
    assert line["error"]["code"] == "invalid_input"


def test_claims_get_a_verdict_a_reason_and_the_places_found(monkeypatch: pytest.MonkeyPatch) -> None:
    cites = [{"source": "g1", "quote": "Fever is not a common sign."}]
    found = run(
        "check_claims",
        [
            {"id": 1, "claim": "Fever is not a common sign.", "cites": cites, "sources": [SOURCE]},
            {"id": 2, "claim": "Fever is a common sign.", "cites": cites, "sources": [SOURCE]},
            {"id": 3, "claim": "The risk is raised for 6 months.", "sources": [SOURCE]},
            {
                "id": 4,
                "claim": {"text": "Fever is not a common sign.", "kind": "guideline", "cites": cites},
                "sources": [SOURCE],
            },
            {
                "id": 5,
                "claim": "Cough.",
                "kind": "patient_fact",
                "sources": [{"id": "r1", "kind": "record", "text": "Cough for two days."}],
            },
        ],
        monkeypatch,
    )
    assert [line["verdict"] for line in found] == ["supported", "unsupported", "unsupported", "supported", "supported"]
    place = found[0]["cites"][0]
    assert SOURCE["text"][place["start"] : place["end"]] == "Fever is not a common sign"
    assert [found[1]["reason"], found[2]["reason"]] == ["negation", "number"]


@pytest.mark.parametrize(
    "fields",
    [
        {"claim": 5, "sources": [SOURCE]},
        {"claim": "x", "sources": "y"},
        {"claim": "x", "sources": [{"id": "g1"}]},
        {"claim": "x", "sources": [5]},
        {"claim": "x", "kind": "opinion", "sources": [SOURCE]},
        {"claim": "x", "cites": [{"source": "g1"}], "sources": [SOURCE]},
        {"claim": "x", "cites": 5, "sources": [SOURCE]},
        {"claim": {"text": "x"}, "sources": [SOURCE]},
        {"claim": "x", "sources": [{"id": "g1", "kind": "web", "text": "x"}]},
    ],
)
def test_a_claim_line_with_wrong_fields_is_an_error(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = run("check_claims", [{"id": "a", **fields}], monkeypatch)
    assert line["error"]["code"] == "invalid_input"


def test_a_check_that_fails_never_passes_a_text_or_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr(guard_texts, "check_text", fail)
    monkeypatch.setattr(check_claims, "check_claim", fail)
    (text,) = run("guard_texts", [{"id": 1, "text": "Cough."}], monkeypatch)
    (claim,) = run("check_claims", [{"id": 1, "claim": "Cough.", "sources": [SOURCE]}], monkeypatch)
    assert (text["verdict"], text["rules"]) == ("block", ["guard_failed"])
    assert (claim["verdict"], claim["reason"]) == ("unsupported", "check_failed")
