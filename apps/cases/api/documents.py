"""The shapes of this room's API as drf-spectacular reads them; the clinical ones come from the contract itself."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.cases.schemas import ClaimVerdicts, OutcomeInput, ReleaseInput
from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import FiredRule, TriageFloor
from medassist.common.contracts import ContractBody
from medassist.jobs.api import JobDocument


class CaseBody(ContractBody):
    contract = CaseInput


class AssessmentBody(ContractBody):
    contract = Assessment


class TriageBody(ContractBody):
    contract = TriageFloor


class RuleBody(ContractBody):
    contract = FiredRule


class AnalyzeAnswer(serializers.Serializer[Any]):
    case = serializers.UUIDField()
    job = JobDocument()
    triage = TriageBody()
    red_flags = RuleBody(many=True)
    assessment = AssessmentBody(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class LineProblem(serializers.Serializer[Any]):
    """A problem document (RFC 9457) inside a line."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    estimated_wait_s = serializers.IntegerField(allow_null=True, required=False)

    def get_fields(self) -> dict[str, Any]:
        # `errors` is a name of the serializer's own.
        return {**super().get_fields(), "errors": serializers.DictField(child=serializers.CharField(), required=False)}


class BulkLine(serializers.Serializer[Any]):
    """What became of one line: case, job and triage floor, or a problem."""

    line = serializers.IntegerField(min_value=1)
    status = serializers.IntegerField()
    case = serializers.UUIDField(required=False)
    job = JobDocument(required=False)
    triage = TriageBody(required=False)
    links = serializers.DictField(child=serializers.CharField(), required=False)
    problem = LineProblem(required=False)


class CaseRowDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    headline = serializers.CharField(help_text="empty when the case is restricted and not open to the caller")
    restricted = serializers.BooleanField()
    floor = serializers.CharField()
    level = serializers.CharField(allow_null=True)
    job_state = serializers.CharField()
    status = serializers.CharField(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class CaseList(serializers.Serializer[Any]):
    items = CaseRowDocument(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class DocumentOfCase(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    title = serializers.CharField()
    state = serializers.CharField()
    reason = serializers.CharField(allow_blank=True)


class CaseDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    case = CaseBody()
    triage = TriageBody()
    job = JobDocument(allow_null=True)
    assessment_id = serializers.UUIDField(allow_null=True)
    assessment = AssessmentBody(allow_null=True)
    documents = DocumentOfCase(many=True)
    links = serializers.DictField(child=serializers.CharField())


class ReopeningDocument(serializers.Serializer[Any]):
    guideline = serializers.CharField()
    superseded_by = serializers.CharField(allow_null=True)
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    passages = serializers.ListField(child=serializers.CharField())


class ReopenedDocument(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    reasons = ReopeningDocument(many=True)


class AssessmentRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    job = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    assessment = AssessmentBody()
    reopened = ReopenedDocument(allow_null=True)


class AssessmentList(serializers.Serializer[Any]):
    items = AssessmentRow(many=True)


class ReviewBody(ContractBody):
    contract = ClaimVerdicts


class OutcomeBody(ContractBody):
    contract = OutcomeInput


class ReleaseBody(ContractBody):
    contract = ReleaseInput


class ReviewedClaimDocument(serializers.Serializer[Any]):
    claim = serializers.CharField()
    verdict = serializers.ChoiceField(choices=["accept", "reject", "edit"])
    reason = serializers.CharField()
    text = serializers.CharField()
    by = serializers.CharField()
    at = serializers.DateTimeField()


class ReviewAnswer(serializers.Serializer[Any]):
    """How many verdicts are new, and all verdicts that count now."""

    kept = serializers.IntegerField()
    reviews = ReviewedClaimDocument(many=True)


class OutcomeAnswer(serializers.Serializer[Any]):
    rank = serializers.IntegerField(allow_null=True)


class ReleaseAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
