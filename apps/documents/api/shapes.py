"""The shapes of this room's API as drf-spectacular reads them; the contracts are pydantic's."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.documents.schemas import About, SearchInput, SearchResult, TextInput
from medassist.common.contracts import ContractBody
from medassist.jobs.api import JobDocument


class AboutBody(ContractBody):
    contract = About


class TextBody(ContractBody):
    contract = TextInput


class SearchBody(ContractBody):
    contract = SearchInput


class SearchResultBody(ContractBody):
    contract = SearchResult


class UploadBody(serializers.Serializer[Any]):
    files = serializers.ListField(child=serializers.FileField())
    kind = serializers.CharField(required=False, help_text="case_document or protocol")
    case = serializers.UUIDField(required=False)
    title = serializers.CharField(required=False)
    about = serializers.CharField(required=False, help_text="`About` as JSON")


class PageProblemShape(serializers.Serializer[Any]):
    page = serializers.IntegerField()
    code = serializers.CharField()
    explanation = serializers.CharField()


class DocumentShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    created_at = serializers.DateTimeField()
    created_by = serializers.CharField()
    kind = serializers.CharField(help_text="case_document or protocol")
    case = serializers.UUIDField(allow_null=True)
    title = serializers.CharField()
    filename = serializers.CharField(allow_blank=True)
    media_type = serializers.CharField(allow_blank=True)
    size = serializers.IntegerField()
    state = serializers.CharField(help_text="queued, reading, indexing, ready, partly, failed, cancelled or deleting")
    reason = serializers.CharField(allow_blank=True)
    explanation = serializers.CharField(allow_blank=True)
    pages = serializers.IntegerField(allow_null=True)
    pages_read = serializers.IntegerField()
    page_problems = PageProblemShape(many=True)
    passages = serializers.IntegerField()
    about = AboutBody()
    job = serializers.UUIDField(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())


class DocumentList(serializers.Serializer[Any]):
    items = DocumentShape(many=True)
    next_cursor = serializers.CharField(allow_null=True)


class IngestAnswer(serializers.Serializer[Any]):
    documents = DocumentShape(many=True)


class ResumeAnswer(serializers.Serializer[Any]):
    document = DocumentShape()


class CancelAnswer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="of the job: cancelled, or running until the worker lets go")


class DeleteAnswer(serializers.Serializer[Any]):
    job = serializers.UUIDField()
    links = serializers.DictField(child=serializers.CharField())


class SearchAnswer(serializers.Serializer[Any]):
    search = serializers.UUIDField()
    job = JobDocument()
    result = SearchResultBody(allow_null=True)
    links = serializers.DictField(child=serializers.CharField())
