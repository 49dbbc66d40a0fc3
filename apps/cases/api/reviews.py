"""What clinicians say about assessments, over the API: review, outcome, release to the patient."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.cases import selectors
from apps.cases.api.documents import OutcomeAnswer, OutcomeBody, ReleaseAnswer, ReleaseBody, ReviewAnswer, ReviewBody
from apps.cases.schemas import ClaimVerdicts, OutcomeInput, ReleaseInput
from apps.cases.services import releasing, reviewing
from medassist.accounts.access import Permission, actor_of
from medassist.clinical.parsing import parse_as


class AssessmentReview(APIView):
    required_permission = Permission.ASSESSMENT_REVIEW

    @extend_schema(operation_id="assessments_review", request=ReviewBody, responses=ReviewAnswer)
    def post(self, request: Request, assessment_id: UUID) -> Response:
        """Accepts, rejects or edits claims by their id; all of them or none. Sent again, nothing is kept twice."""
        actor = actor_of(request)
        given = parse_as(ClaimVerdicts, request.data, called="review")
        kept = reviewing.review_claims(actor=actor, assessment_id=assessment_id, verdicts=given.reviews)
        return Response({"kept": kept, "reviews": _reviews(assessment_id)})


class AssessmentRelease(APIView):
    required_permission = Permission.ASSESSMENT_RELEASE

    @extend_schema(operation_id="assessments_release", request=ReleaseBody, responses={201: ReleaseAnswer})
    def post(self, request: Request, assessment_id: UUID) -> Response:
        """Lets the patient read a text about this assessment, once it has passed the checks for patients."""
        given = parse_as(ReleaseInput, request.data, called="release")
        made = releasing.release(actor=actor_of(request), assessment_id=assessment_id, **given.model_dump())
        return Response({"id": str(made)}, status=201)

    @extend_schema(operation_id="assessments_withdraw", responses={204: None})
    def delete(self, request: Request, assessment_id: UUID) -> Response:
        """Takes back what the patient may read of this assessment."""
        releasing.withdraw(actor=actor_of(request), assessment_id=assessment_id)
        return Response(status=204)


class CaseOutcome(APIView):
    required_permission = Permission.OUTCOME_RECORD

    @extend_schema(operation_id="cases_outcome", request=OutcomeBody, responses={201: OutcomeAnswer})
    def post(self, request: Request, case_id: UUID) -> Response:
        """Keeps what the case turned out to be; `rank` is its place in the latest released differential, or null."""
        given = parse_as(OutcomeInput, request.data, called="outcome")
        rank = reviewing.record_outcome(actor=actor_of(request), case_id=case_id, diagnoses=given.diagnoses)
        return Response({"rank": rank}, status=201)


def _reviews(assessment_id: UUID) -> list[dict[str, Any]]:
    return [
        {"claim": one.claim, "verdict": one.verdict, "reason": one.reason, "text": one.text, "by": one.by, "at": one.at}
        for one in selectors.claim_reviews(assessment_id).values()
    ]
