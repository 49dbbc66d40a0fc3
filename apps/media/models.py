"""Pictures for teaching, in the clinic's schema; titles and files are encrypted like every document."""

from __future__ import annotations

import uuid

from django.db import models

from medassist.common.fields import EncryptedBytesField, EncryptedTextField


class Media(models.Model):
    """One picture that was asked for: asked -> drawn (`provenance` is set by the fenced transaction that ends the job and
    stores the file). One whose job was cancelled or died stays without a file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    topic = models.CharField(max_length=40)
    style = models.CharField(max_length=40)
    shape = models.CharField(max_length=10)
    seed = models.BigIntegerField()
    title = EncryptedTextField(default="")
    job_id = models.UUIDField(unique=True)
    fence = models.BigIntegerField(null=True)
    size = models.PositiveIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    provenance = models.JSONField(null=True)
    """`MediaProvenance` as JSON: no text of a person is in it."""

    class Meta:
        verbose_name = "picture"
        indexes = [models.Index(fields=["-created_at", "id"], name="media_newest")]

    def __str__(self) -> str:
        return f"Picture {self.id}"


class MediaFile(models.Model):
    """The labelled PNG file, encrypted, in the database: stored and lost with its row only."""

    media = models.OneToOneField(Media, primary_key=True, on_delete=models.CASCADE, related_name="file")
    data = EncryptedBytesField()

    def __str__(self) -> str:
        return f"File of {self.media_id}"
