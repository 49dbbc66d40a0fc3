"""Every example of the description is true: requests are taken, answers fit what is described."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from apps.cases.tests import samples
from apps.cases.tests.stored import make_case
from apps.interop.models import CdsCard
from medassist.accounts.access import system_actor
from medassist.tenancy.context import clinic_context
from medassist.web import examples
from medassist.webhooks import services as webhooks
from medassist.webhooks.schemas import WebhookInput

pytestmark = pytest.mark.django_db

DESCRIPTION = json.loads((Path(__file__).resolve().parents[3] / "docs/integrators/openapi.json").read_text("utf-8"))
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, item in DESCRIPTION["paths"].items()
    for method, operation in item.items()
    if "operationId" in operation
}


def fits(schema: dict[str, Any], value: Any) -> None:
    whole = {**schema, "components": DESCRIPTION["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


@pytest.mark.parametrize(("name", "status"), examples.RESPONSES)
def test_an_example_answer_fits_its_schema(name: str, status: str) -> None:
    content = OPERATIONS[name][2]["responses"][status]["content"]
    for media in content.values():
        fits(media["schema"], media["examples"]["example"]["value"])


def test_the_example_of_a_problem_fits_its_schema() -> None:
    fits({"$ref": "#/components/schemas/Problem"}, examples.PROBLEM)


@pytest.mark.parametrize("name", examples.REQUESTS)
def test_an_example_request_is_described_and_taken(
    name: str, api: Callable[..., Any], key_of: Callable[..., str], alice: Any, ada: Any
) -> None:
    method, path, operation = OPERATIONS[name]
    media_type, _, value = examples.REQUESTS[name]
    described = operation["requestBody"]["content"][media_type]
    fits(described["schema"], described["examples"]["example"]["value"])
    key = key_of("alpha")
    with clinic_context("alpha"):
        case = make_case("done", samples.full())
        assessment = case.assessments.get()
        given = WebhookInput(url="https://hooks.example.org/x", events=("*",))
        hook = webhooks.add(actor=system_actor("alpha", "tests"), given=given) if name == "webhooks_change" else None
        if name == "cds_feedback":
            card = value["feedback"][0]["card"]
            CdsCard.objects.create(
                id=card, service="medassist-patient-view", kind="rules", level="same_day", shown_to="EHR"
            )
    client = api(ada) if name in {"keys_issue", "keys_rotate"} else api(key=key)
    client = api(alice) if name == "assessments_release" else client
    address = path.format(
        case_id=case.id, assessment_id=assessment.id, prefix=key.split("_")[1], webhook_id=hook.id if hook else "",
        service="medassist-patient-view",
    )  # fmt: skip
    if name == "chat_ask":
        value = {**value, "case": str(case.id)}
    body = value if isinstance(value, str) else json.dumps(value)
    answer = getattr(client, method)(address, body, content_type=media_type)
    assert answer.status_code in {200, 201, 202}, answer.content
    if answer.streaming:
        assert [json.loads(line)["status"] for line in b"".join(answer.streaming_content).splitlines()] == [202, 202]
