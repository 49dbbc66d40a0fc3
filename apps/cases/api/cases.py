"""Reading cases over the API."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.cases import selectors
from apps.cases.api.documents import AssessmentList, CaseDocument, CaseList
from apps.cases.schemas import Reopened
from medassist.accounts.access import Permission, actor_of
from medassist.common.errors import InvalidInput
from medassist.jobs.api import job_document
from medassist.jobs.estimate import with_estimate


class CasesList(APIView):
    required_permission = Permission.CASE_READ

    @extend_schema(
        operation_id="cases_list",
        responses=CaseList,
        parameters=[OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("cursor", OpenApiTypes.STR)],
    )
    def get(self, request: Request) -> Response:
        """The clinic's cases, newest first."""
        limit = request.query_params.get("limit", "25")
        if not re.fullmatch(r"[0-9]{1,3}", limit) or not 1 <= int(limit) <= selectors.MOST_ROWS:
            raise InvalidInput(fields={"limit": f"a whole number from 1 to {selectors.MOST_ROWS}"})
        page = selectors.list_cases(
            actor=actor_of(request), limit=int(limit), cursor=request.query_params.get("cursor") or None
        )
        items = [
            {
                "id": str(row.id), "created_at": row.created_at, "created_by": row.created_by, "headline": row.headline,
                "restricted": row.restricted,
                "floor": row.floor, "level": row.level, "job_state": row.job_state, "status": row.status,
                "links": {"self": f"/api/v1/cases/{row.id}"},
            }
            for row in page.items
        ]  # fmt: skip
        return Response({"items": items, "next_cursor": page.next_cursor})


class CasesItem(APIView):
    required_permission = Permission.CASE_READ

    @extend_schema(operation_id="cases_read", responses=CaseDocument)
    def get(self, request: Request, case_id: UUID) -> Response:
        """One case: the record as submitted, the triage floor, its job and its latest assessment."""
        found = selectors.case_detail(actor=actor_of(request), case_id=case_id)
        body: dict[str, Any] = {
            "id": str(found.id),
            "created_at": found.created_at,
            "created_by": found.created_by,
            "case": found.case.model_dump(mode="json"),
            "triage": found.floor.model_dump(mode="json"),
            "job": job_document(with_estimate(found.job)) if found.job else None,
            "assessment_id": str(found.assessment_id) if found.assessment_id else None,
            "assessment": found.assessment.model_dump(mode="json") if found.assessment else None,
            "documents": [
                {"id": str(item.id), "title": item.title, "state": item.state, "reason": item.reason}
                for item in found.documents
            ],
            "links": {"self": f"/api/v1/cases/{found.id}", "assessments": f"/api/v1/cases/{found.id}/assessments"},
        }
        return Response(body)


class CaseAssessments(APIView):
    required_permission = Permission.CASE_READ

    @extend_schema(operation_id="cases_assessments", responses=AssessmentList)
    def get(self, request: Request, case_id: UUID) -> Response:
        """Every assessment of a case, newest first; `reopened` tells of one that is to be reviewed again."""
        found = selectors.assessments_of(actor=actor_of(request), case_id=case_id)
        return Response(
            {
                "items": [
                    {
                        "id": str(item.id), "job": str(item.job_id), "created_at": item.created_at,
                        "assessment": item.assessment.model_dump(mode="json"),
                        "reopened": reopened_document(item.reopened) if item.reopened else None,
                    }
                    for item in found
                ]
            }
        )  # fmt: skip


def reopened_document(found: Reopened) -> dict[str, Any]:
    return {
        "at": found.at,
        "reasons": [
            {
                "guideline": item.guideline, "superseded_by": item.superseded_by or None, "reason": item.reason,
                "at": item.at, "passages": list(item.passages),
            }
            for item in found.reasons
        ],
    }  # fmt: skip
