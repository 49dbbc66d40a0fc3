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
    template = models.CharField(max_length=60, default="standard")
    text = EncryptedTextField()
    job_id = models.UUIDField()

    class Meta:
        indexes = [models.Index(fields=["-created_at", "id"], name="note_newest")]

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


class NoteTemplate(models.Model):
    """A clinic's own headings for summaries. Summaries keep the headings that they were made with."""

    name = models.SlugField(primary_key=True, max_length=60)
    title = models.CharField(max_length=80)
    parts = models.JSONField()
    """[{"heading", "sections": [...]}, ...], as `Template.parts`."""
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.CharField(max_length=160)

    def __str__(self) -> str:
        return self.title


class HandOut(models.Model):
    """What a patient may be given about a note: written or mended by a clinician, checked, and never changed after.

    A new text is a new row; the newest counts. `withdrawn_at` takes it back.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    note = models.ForeignKey(Note, on_delete=models.PROTECT, related_name="handouts")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    text = EncryptedTextField()
    grade = models.FloatField()
    """Reading grade (Flesch-Kincaid) when it was released."""
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Hand-out {self.id}"
