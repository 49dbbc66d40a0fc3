"""`POST /api/v1/cases/analyze`: a case in, its triage floor at once, its assessment later."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.cases import selectors, services
from apps.cases.api.documents import AnalyzeAnswer, CaseBody
from apps.cases.schemas import Requested
from medassist.accounts.access import Actor, Permission, actor_of, is_allowed
from medassist.clinical.parsing import parse_case
from medassist.common.errors import InvalidInput
from medassist.jobs.api import idempotency_key, idempotency_parameter, job_document
from medassist.jobs.estimate import with_estimate
from medassist.jobs.schemas import JobView
from medassist.jobs.selectors import job_views
from medassist.jobs.waiting import wait_until_finished


class AnalyzeCase(APIView):
    required_permission = Permission.CASE_SUBMIT

    @extend_schema(
        operation_id="cases_analyze",
        request=CaseBody,
        responses={200: AnalyzeAnswer, 202: AnalyzeAnswer},
        parameters=[
            OpenApiParameter(
                "wait", OpenApiTypes.INT, description="Seconds to wait for the result (200 if it is ready in time)."
            ),
            idempotency_parameter(),
        ],
    )
    def post(self, request: Request) -> Response:
        """Takes a case. Answers 202 with the triage floor that rules alone found, before any model is asked."""
        wait = seconds_to_wait(request)
        key = idempotency_key(request)
        actor = actor_of(request)
        case = parse_case(request.data)
        requested = services.request_assessment(actor=actor, case=case, idempotency_key=key)
        finished = wait_until_finished(requested.job_id, wait) if wait else None
        # Who may submit may see where that one job stands, with or without the right to read jobs at large.
        job = finished or job_views([requested.job_id])[requested.job_id]
        return answer(actor, requested, job)


def answer(actor: Actor, requested: Requested, job: JobView) -> Response:
    body: dict[str, Any] = {
        "case": str(requested.case_id),
        "job": job_document(with_estimate(job)),
        "triage": requested.floor.model_dump(mode="json"),
        "red_flags": [rule.model_dump(mode="json") for rule in requested.floor.rules],
        "assessment": None,
        "links": {"case": f"/api/v1/cases/{requested.case_id}", "job": f"/api/v1/jobs/{job.id}"},
    }
    if job.state == "done" and is_allowed(actor, Permission.CASE_READ):
        assessment = selectors.assessment_of_job(actor=actor, job_id=job.id)
        body["assessment"] = assessment.model_dump(mode="json") if assessment else None
    return Response(body, status=200 if job.finished else 202, headers={"Location": body["links"]["job"]})


def seconds_to_wait(request: Request) -> int:
    given = request.query_params.get("wait", "0")
    if not re.fullmatch(r"[0-9]{1,4}", given) or int(given) > settings.MAX_WAIT_SECONDS:
        raise InvalidInput(fields={"wait": f"a whole number of seconds from 0 to {settings.MAX_WAIT_SECONDS}"})
    return int(given)
