"""Cases and their assessments, in the clinic's schema. What a patient or a model said is encrypted."""

from __future__ import annotations

import uuid

from django.db import models

from medassist.common.fields import EncryptedJSONField, EncryptedTextField


class Case(models.Model):
    """One case as it was submitted; immutable. A new analysis of it is a new job and a new assessment."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    headline = EncryptedTextField()
    payload = EncryptedJSONField()
    """`CaseInput` as JSON."""
    floor = EncryptedJSONField()
    """`TriageFloor` as JSON, computed by rules alone before any model was asked."""
    floor_level = models.CharField(max_length=20)
    latest_job_id = models.UUIDField(null=True)

    class Meta:
        indexes = [models.Index(fields=["-created_at", "id"], name="case_newest")]

    def __str__(self) -> str:
        return f"Case {self.id}"


class AssessmentRecord(models.Model):
    """The one stored result of one job: unique by job, written in the fenced transaction that ends the job."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="assessments")
    job_id = models.UUIDField(unique=True)
    fence = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=12)
    level = models.CharField(max_length=20)
    payload = EncryptedJSONField()
    """`Assessment` as JSON."""
    cited = models.JSONField(null=True)
    """Ids of the passages that it cites, so that a recall finds it; null: stored before this was kept."""
    reopened_at = models.DateTimeField(null=True)
    reopened_for = models.JSONField(default=list)
    """Why it was to be reviewed again: [{guideline, superseded_by, reason, at, by, passages}, …]; an entry that was
    dealt with has closed_at, closed_by and closed_how (reviewed, reanalysed), and then `reopened_at` is null again."""

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Assessment {self.id} ({self.status})"
