"""The shapes of this room's API as drf-spectacular reads them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.interop.schemas import Imported
from medassist.clinical.triage import FiredRule, TriageFloor
from medassist.common.contracts import ContractBody
from medassist.jobs.api import JobDocument


class ImportedBody(ContractBody):
    contract = Imported


# The description of the API knows the same shapes under the names of the room of cases; a name belongs to one class.
class FhirTriage(TriageFloor):
    pass


class FhirRedFlag(FiredRule):
    pass


class FloorBody(ContractBody):
    contract = FhirTriage


class FlagBody(ContractBody):
    contract = FhirRedFlag


class FhirAnswer(serializers.Serializer[Any]):
    """`case`, `job`, `triage`, `red_flags` and `links` are null in a dry run."""

    case = serializers.UUIDField(allow_null=True)
    job = JobDocument(allow_null=True)
    triage = FloorBody(allow_null=True)
    red_flags = FlagBody(many=True)
    imported = ImportedBody()
    links = serializers.DictField(child=serializers.CharField())
