"""Pydantic contracts in the API description: drf-spectacular reads their own JSON schema."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from rest_framework import serializers


class ContractBody(serializers.Serializer[Any]):
    """Stands for a pydantic model of the contract in the API description."""

    contract: Any = None


class ContractExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = ContractBody
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
