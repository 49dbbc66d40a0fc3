"""Conversations about a case, in the clinic's schema; what was asked and answered is encrypted."""

from __future__ import annotations

import uuid

from django.db import models

from medassist.common.fields import EncryptedJSONField, EncryptedTextField


class Conversation(models.Model):
    """What one person asked about one case, turn by turn."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey("cases.Case", on_delete=models.PROTECT, related_name="+")
    begun_at = models.DateTimeField(auto_now_add=True)
    begun_by = models.CharField(max_length=160)

    def __str__(self) -> str:
        return f"Conversation {self.id}"


class Turn(models.Model):
    """A question with the one stored answer of its job: asked -> answered (`answer` is set by the fenced transaction that
    ends the job). A turn whose job was cancelled or died stays without an answer."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="turns")
    number = models.PositiveIntegerField()
    asked_at = models.DateTimeField(auto_now_add=True)
    asked_by = models.CharField(max_length=160)
    question = EncryptedTextField()
    job_id = models.UUIDField(unique=True)
    fence = models.BigIntegerField(null=True)
    status = models.CharField(max_length=12, default="")
    answer = EncryptedJSONField(null=True)
    """`ChatAnswer` as JSON."""

    class Meta:
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["conversation", "number"], name="turn_once")]

    def __str__(self) -> str:
        return f"Turn {self.id}"
