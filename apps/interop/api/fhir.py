"""`POST fhir/cases`: a record in FHIR R4 becomes a case. `GET fhir/assessments/{id}`: an assessment as a Bundle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.interop import services
from apps.interop.api.documents import FhirAnswer
from apps.interop.rules.outcomes import outcome_of
from apps.interop.schemas import Imported
from medassist.accounts.access import Permission, actor_of
from medassist.common.errors import InvalidInput
from medassist.jobs.api import idempotency_key, idempotency_parameter, job_document
from medassist.jobs.estimate import with_estimate
from medassist.jobs.selectors import job_views

FHIR = "application/fhir+json"


class FhirParser(BaseParser):
    media_type = FHIR

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:  # fmt: skip
        """As JSON is read at every other address: strictly, and within the limit."""
        return APIView.parser_classes[0]().parse(stream, media_type, parser_context)


class FhirRenderer(JSONRenderer):
    media_type = FHIR
    format = "fhir"


class FhirCases(APIView):
    required_permission = Permission.CASE_SUBMIT
    parser_classes = [FhirParser, *APIView.parser_classes]
    # FHIR clients accept nothing but their own type; the answer says of itself what it is.
    renderer_classes = [JSONRenderer, FhirRenderer]

    @extend_schema(
        operation_id="fhir_cases",
        request={FHIR: OpenApiTypes.OBJECT, "application/json": OpenApiTypes.OBJECT},
        responses={
            (200, "application/json"): OpenApiResponse(FhirAnswer, "A dry run: what the resources would make; nothing is stored."),
            (202, "application/json"): FhirAnswer,
            (422, FHIR): OpenApiResponse(OpenApiTypes.OBJECT, "OperationOutcome: why the resources make no case."),
        },
        parameters=[
            OpenApiParameter("validate", OpenApiTypes.STR, enum=["0", "1"], description="1: a dry run, nothing is stored."),
            idempotency_parameter(),
        ],
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Takes a Bundle, one resource, or Parameters with both and words beside them; answers as `cases/analyze` does,
        with an account of every entry."""
        dry = _dry_run(request)
        key = idempotency_key(request)
        actor = actor_of(request)
        imported = services.map_record(actor=actor, data=request.data)
        if dry:
            return Response(_body(imported), status=200, content_type="application/json")
        if imported.case is None:
            return Response(outcome_of(imported), status=422, content_type=FHIR)
        done = services.submit_record(actor=actor, imported=imported, idempotency_key=key)
        job = job_views([done.job_id])[done.job_id]
        body = _body(imported) | {
            "case": str(done.case_id),
            "job": job_document(with_estimate(job)),
            "triage": done.floor.model_dump(mode="json"),
            "red_flags": [rule.model_dump(mode="json") for rule in done.floor.rules],
            "links": {"case": f"/api/v1/cases/{done.case_id}", "job": f"/api/v1/jobs/{done.job_id}"},
        }
        return Response(
            body, status=202, headers={"Location": body["links"]["job"]}, content_type="application/json"
        )  # fmt: skip


def _body(imported: Imported) -> dict[str, Any]:
    return {
        "case": None, "job": None, "triage": None, "red_flags": [], "links": {},
        "imported": imported.model_dump(mode="json"),
    }  # fmt: skip


def _dry_run(request: Request) -> bool:
    given = request.query_params.get("validate", "0")
    if given not in {"0", "1"}:
        raise InvalidInput(fields={"validate": "0 or 1"})
    return bool(given == "1")


class FhirAssessment(APIView):
    required_permission = Permission.CASE_READ
    renderer_classes = [FhirRenderer, JSONRenderer]

    @extend_schema(
        operation_id="fhir_assessment",
        responses={(200, FHIR): OpenApiResponse(OpenApiTypes.OBJECT, "A FHIR R4 Bundle of type collection.")},
    )
    def get(self, request: Request, assessment_id: UUID) -> Response:
        """A stored assessment as FHIR R4, labelled as asserted by software. It holds no medicine, order or dose."""
        bundle = services.assessment_bundle(actor=actor_of(request), assessment_id=assessment_id)
        return Response(bundle, content_type=FHIR)
