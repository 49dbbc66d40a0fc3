"""The job ledger: one row a job in the public schema, ids only, never patient data."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Job(models.Model):
    """State machine: queued -> running -> done | dead | cancelled; running -> queued when a lease expires,
    a worker hands the job back, or the model is away. `attempt` counts runs that failed by themselves;
    `fence` grows with every claim, so a result of an earlier claim is recognised and discarded."""

    class States(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        DEAD = "dead"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=60)
    clinic = models.CharField(max_length=63)
    queue = models.CharField(max_length=20)
    lane = models.PositiveSmallIntegerField()
    tier = models.CharField(max_length=10)
    streaming = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=States.choices, default=States.QUEUED)
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField()
    delays = models.PositiveIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    worker = models.CharField(max_length=100, default="", blank=True)
    lease_expires_at = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField()
    deadline_at = models.DateTimeField()
    cancel_requested = models.BooleanField(default=False)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)
    request_hash = models.CharField(max_length=64, default="", blank=True)
    references = models.JSONField(default=dict)
    trace_id = models.CharField(max_length=64, default="", blank=True)
    step = models.CharField(max_length=40, default="", blank=True)
    reason = models.CharField(max_length=60, default="", blank=True)
    submitted_by = models.CharField(max_length=80, default="", blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "idempotency_key"], name="job_idempotency", condition=Q(idempotency_key__isnull=False)
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "clinic", "lane", "created_at"], name="job_waiting", condition=Q(state="queued")
            ),
            models.Index(fields=["queue", "clinic"], name="job_running", condition=Q(state="running")),
            models.Index(fields=["clinic", "-created_at"], name="job_of_clinic"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id} ({self.state})"


class ClinicTurn(models.Model):
    """When a clinic was last served on a queue, and its weight: the memory of the fair claim."""

    clinic = models.CharField(max_length=63)
    queue = models.CharField(max_length=20)
    weight = models.FloatField(default=1.0)
    last_served_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic", "queue"], name="turn_clinic_queue")]

    def __str__(self) -> str:
        return f"{self.clinic} on {self.queue}"
