"""Shared guidelines and their passages, in the public schema. Postgres is the truth; every vector index is derived."""

from __future__ import annotations

from django.db import models


class Guideline(models.Model):
    """One section of a trusted text. A new text under the same id replaces the passages of the old one."""

    id = models.CharField(primary_key=True, max_length=120)
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

    class Meta:
        ordering = ["title"]

    def __str__(self) -> str:
        return self.title


class Passage(models.Model):
    """text == guideline.text[start:end]; `vector` is float32 little-endian by `embedder`."""

    id = models.CharField(primary_key=True, max_length=40)
    guideline = models.ForeignKey(Guideline, on_delete=models.CASCADE, related_name="passages")
    ordinal = models.PositiveIntegerField()
    heading = models.JSONField(default=list)
    start = models.PositiveIntegerField()
    end = models.PositiveIntegerField()
    text = models.TextField()
    embedder = models.CharField(max_length=80, blank=True)
    vector = models.BinaryField(null=True)

    class Meta:
        ordering = ["guideline_id", "ordinal"]

    def __str__(self) -> str:
        return self.id


class IndexGeneration(models.Model):
    """One row: moves whenever passages change, so that a worker knows that its derived index is stale."""

    number = models.PositiveBigIntegerField(default=0)
    snapshot = models.CharField(max_length=60, default="empty")
    embedder = models.CharField(max_length=80, default="")
    passages = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.snapshot
