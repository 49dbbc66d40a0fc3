"""The shapes of this room's API as drf-spectacular reads them; the contracts are pydantic's."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.chat.schemas import ChatAnswer, ChatInput
from medassist.common.contracts import ContractBody
from medassist.jobs.api import JobDocument


class ChatBody(ContractBody):
    contract = ChatInput


class ChatAnswerBody(ContractBody):
    contract = ChatAnswer


class AskedDocument(serializers.Serializer[Any]):
    conversation = serializers.UUIDField()
    turn = serializers.UUIDField()
    job = JobDocument()
    links = serializers.DictField(child=serializers.CharField())


class TurnDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.IntegerField()
    asked_at = serializers.DateTimeField()
    asked_by = serializers.CharField()
    question = serializers.CharField()
    answer = ChatAnswerBody(allow_null=True)
    job = JobDocument(allow_null=True)


class ConversationDocument(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    case = serializers.UUIDField()
    begun_at = serializers.DateTimeField()
    begun_by = serializers.CharField()
    turns = TurnDocument(many=True)
