"""The shapes of this room's API as drf-spectacular reads them; the clinical ones come from the contract itself."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers

from medassist.clinical.assessment import Assessment
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import FiredRule, TriageFloor
from medassist.jobs.api import JobDocument


class _Pydantic(serializers.Serializer[Any]):
    """Stands for a pydantic model of the contract in the API description."""

    contract: Any = None


class CaseBody(_Pydantic):
    contract = CaseInput


class AssessmentBody(_Pydantic):
    contract = Assessment


class TriageBody(_Pydantic):
    contract = TriageFloor


class RuleBody(_Pydantic):
    contract = FiredRule


class PydanticExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = _Pydantic
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str:  # noqa: ARG002
        return str(self.target.contract.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:  # noqa: ARG002
        contract = self.target.contract
        schema: dict[str, Any] = contract.model_json_schema(
            ref_template=f"#/components/schemas/{contract.__name__}.{{model}}"
        )
        for name, definition in schema.pop("$defs", {}).items():
            self._register(auto_schema, f"{contract.__name__}.{name}", definition)
        return schema

    @staticmethod
    def _register(auto_schema: Any, name: str, definition: dict[str, Any]) -> None:
        from drf_spectacular.plumbing import ResolvedComponent

        component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, schema=definition, object=name)  # type: ignore[no-untyped-call]
        auto_schema.registry.register_on_missing(component)


class AnalyzeAnswer(serializers.Serializer[Any]):
    case = serializers.UUIDField()
    job = JobDocument()
    triage = TriageBody()
    red_flags = RuleBody(many=True)
    assessment = AssessmentBody(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class CaseRowDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    headline = serializers.CharField()
    floor = serializers.CharField()
    level = serializers.CharField(allow_null=True)
    job_state = serializers.CharField()
    status = serializers.CharField(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class CaseList(serializers.Serializer[Any]):
    items = CaseRowDocument(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class CaseDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    case = CaseBody()
    triage = TriageBody()
    job = JobDocument(allow_null=True)
    assessment_id = serializers.UUIDField(allow_null=True)
    assessment = AssessmentBody(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class AssessmentRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    job = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    assessment = AssessmentBody()


class AssessmentList(serializers.Serializer[Any]):
    items = AssessmentRow(many=True)
