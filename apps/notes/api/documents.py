"""The shapes of this room's API as drf-spectacular reads them; the contracts are pydantic's."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.notes.schemas import NoteInput, NoteSummary
from medassist.common.contracts import ContractBody
from medassist.jobs.api import JobDocument


class NoteBody(ContractBody):
    contract = NoteInput


class NoteSummaryBody(ContractBody):
    contract = NoteSummary


class SummarizeAnswer(serializers.Serializer[Any]):
    note = serializers.UUIDField()
    job = JobDocument()
    summary = NoteSummaryBody(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class NoteDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    kind = serializers.CharField()
    text = serializers.CharField()
    job = JobDocument(allow_null=True)
    summary = NoteSummaryBody(allow_null=True)
