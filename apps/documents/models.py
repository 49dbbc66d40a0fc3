"""Documents of a clinic as they were sent, in the clinic's schema. What they say is encrypted, their names too."""

from __future__ import annotations

import uuid

from django.db import models

from medassist.common.fields import EncryptedBytesField, EncryptedJSONField, EncryptedTextField


class Document(models.Model):
    """One document and how far its ingestion got. Its searchable text lives in the rag room under the same id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    kind = models.CharField(max_length=14)
    case = models.ForeignKey("cases.Case", null=True, on_delete=models.PROTECT, related_name="+")
    """Of a `case_document`: its case; null while no case has taken it yet."""
    title = EncryptedTextField()
    filename = EncryptedTextField(default="")
    about = EncryptedJSONField(default=dict)
    """What the sender says of a protocol: version, published, grade, specialty, publisher, language, supersedes."""
    media_type = models.CharField(max_length=100, blank=True)
    size = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, db_index=True)
    state = models.CharField(max_length=10, default="queued")
    reason = models.CharField(max_length=30, blank=True)
    pages = models.PositiveIntegerField(null=True)
    pages_read = models.PositiveIntegerField(default=0)
    page_problems = models.JSONField(default=list)
    """[[page, code], …]."""
    passages = models.PositiveIntegerField(default=0)
    body = EncryptedJSONField(null=True)
    """`Body` as JSON once read: an ingestion that is resumed does not read the file again."""
    latest_job_id = models.UUIDField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-created_at", "id"], name="document_newest")]

    def __str__(self) -> str:
        return f"Document {self.id} ({self.state})"


class DocumentFile(models.Model):
    """The file itself, encrypted; in the database, so that what was acknowledged cannot be lost apart from it."""

    document = models.OneToOneField(Document, primary_key=True, on_delete=models.CASCADE, related_name="file")
    data = EncryptedBytesField()

    def __str__(self) -> str:
        return f"File of {self.document_id}"


class SearchRecord(models.Model):
    """One search as it was asked, and what it found; the result of its job."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)
    created_by = models.CharField(max_length=160)
    job_id = models.UUIDField(unique=True)
    asked = EncryptedJSONField()
    found = EncryptedJSONField(null=True)

    def __str__(self) -> str:
        return f"Search {self.id}"
