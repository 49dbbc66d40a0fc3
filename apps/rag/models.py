"""Shared guidelines in the public schema, a clinic's own texts in its schema, and the passages of both.

Postgres is the truth; every vector index is derived from it.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from medassist.common.fields import EncryptedJSONField, EncryptedTextField


class Guideline(models.Model):
    """One version of one section of a trusted text. `work` names the section through all its versions; only a
    `current` version is retrieved, and what was superseded or withdrawn stays readable at its citations.

    current -> superseded (a newer version, or a text that replaces the work) -> withdrawn; current -> withdrawn.
    Nothing becomes current again. The first version of a work has the work's name as its id.
    """

    public_only: ClassVar[bool] = True

    id = models.CharField(primary_key=True, max_length=200)
    work = models.CharField(max_length=120, default="", db_index=True)
    title = models.CharField(max_length=300)
    heading = models.CharField(max_length=300, blank=True)
    publisher = models.CharField(max_length=200)
    collection = models.CharField(max_length=200)
    version = models.CharField(max_length=60)
    published = models.DateField(null=True, blank=True)
    grade = models.CharField(max_length=40)
    specialty = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=10, default="en")
    url = models.URLField(max_length=500, blank=True)
    licence = models.CharField(max_length=60)
    attribution = models.TextField()
    text = models.TextField()
    content_hash = models.CharField(max_length=64)
    added_at = models.DateTimeField(auto_now_add=True)
    state = models.CharField(
        max_length=12, default="current",
        choices=[("current", "current"), ("superseded", "superseded"), ("withdrawn", "withdrawn")],
    )  # fmt: skip
    superseded_by = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.SET_NULL, related_name="supersedes"
    )
    superseded_at = models.DateTimeField(null=True, blank=True)
    superseded_reason = models.CharField(max_length=300, blank=True)
    review_due = models.DateField(null=True, blank=True)
    jurisdiction = models.CharField(max_length=60, blank=True)
    replaces = models.JSONField(default=list)
    """Other works, or versions of them (work@version), that this version says it replaces."""

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Passage(models.Model):
    """text == guideline.text[start:end]; `vector` is float32 little-endian by `embedder`."""

    public_only: ClassVar[bool] = True

    id = models.CharField(primary_key=True, max_length=40)
    guideline = models.ForeignKey(Guideline, on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading = models.JSONField(default=list)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    embedder = models.CharField(max_length=80, blank=True)
    vector = models.BinaryField(null=True)
    embedder2 = models.CharField(max_length=80, blank=True, default="")
    vector2 = models.BinaryField(null=True)
    """Of another embedder, while one takes over from the other (`reindex`)."""

    class Meta:
        ordering = ["guideline_id", "ordinal"]

    def __str__(self) -> str:
        return self.id


class IndexGeneration(models.Model):
    """One row: moves whenever passages change, so that a worker knows that its derived index is stale."""

    public_only: ClassVar[bool] = True

    number = models.PositiveBigIntegerField(default=0)
    snapshot = models.CharField(max_length=60, default="empty")
    embedder = models.CharField(max_length=80, default="")
    passages = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.snapshot


class OwnText(models.Model):
    """A clinic's own text: a protocol, or a document of one case. `id` is the document's.

    `generation` moves with every change of `state`; the clinic's index is at the highest one. A withdrawn row keeps
    nothing but its id: it tells every worker's index to forget the points.
    """

    id = models.UUIDField(primary_key=True)
    kind = models.CharField(max_length=14)
    case_id = models.UUIDField(null=True)
    state = models.CharField(max_length=12, default="staged")
    """staged | searchable | superseded | withdrawn."""
    generation = models.PositiveBigIntegerField(default=0, db_index=True)
    title = EncryptedTextField(default="")
    publisher = models.CharField(max_length=200, blank=True)
    version = models.CharField(max_length=60, blank=True)
    published = models.DateField(null=True)
    grade = models.CharField(max_length=40, blank=True)
    specialty = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=10, default="en")
    text = EncryptedTextField(default="")
    content_hash = models.CharField(max_length=64, blank=True)
    superseded_by = models.UUIDField(null=True)
    added_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Text {self.id} ({self.state})"


class OwnPassage(models.Model):
    """text == own_text.text[start:end]; `vector` is float32 little-endian by `embedder`."""

    id = models.CharField(primary_key=True, max_length=40)
    own_text = models.ForeignKey(OwnText, on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading = EncryptedJSONField(default=list)
    page = models.PositiveIntegerField(null=True)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = EncryptedTextField()
    header = EncryptedTextField(default="")
    embedder = models.CharField(max_length=80, blank=True)
    vector = models.BinaryField(null=True)
    embedder2 = models.CharField(max_length=80, blank=True, default="")
    vector2 = models.BinaryField(null=True)
    """Of another embedder, while one takes over from the other (`reindex`)."""

    class Meta:
        ordering = ["own_text_id", "ordinal"]

    def __str__(self) -> str:
        return self.id
