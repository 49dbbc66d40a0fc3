"""Notes and their summaries, in the clinic's schema; what a patient or a model said is encrypted."""

from __future__ import annotations

import uuid

from django.db import models

from medassist.common.fields import EncryptedJSONField, EncryptedTextField


class Note(models.Model):
    """A note as it was sent; immutable."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    kind = models.CharField(max_length=12)
    locale = models.CharField(max_length=10)
    text = EncryptedTextField()
    job_id = models.UUIDField()

    def __str__(self) -> str:
        return f"Note {self.id}"


class SummaryRecord(models.Model):
    """The one stored result of one job: unique by job, written in the fenced transaction that ends the job."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="summaries")
    job_id = models.UUIDField(unique=True)
    fence = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=12)
    payload = EncryptedJSONField()
    """`NoteSummary` as JSON."""

    def __str__(self) -> str:
        return f"Summary {self.id} ({self.status})"
