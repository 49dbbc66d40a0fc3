"""The job ledger: one row a job in the public schema, ids only, never patient data."""

from __future__ import annotations

import uuid

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from medassist.common.errors import NotFound
from medassist.tenancy.selectors import clinic_by_schema


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
            models.Index(fields=["queue", "-finished_at"], name="job_done", condition=Q(state="done")),
            models.Index(fields=["-finished_at"], name="job_dead", condition=Q(state="dead")),
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


class TokenUsage(models.Model):
    """Calls and tokens of one day (UTC), person and model: counts and names only. Written by `jobs.usage`."""

    clinic = models.CharField(max_length=63)
    day = models.DateField()
    person = models.CharField(max_length=80, blank=True, default="")
    backbone = models.CharField(max_length=60)
    model = models.CharField(max_length=200)
    adapter = models.CharField(max_length=100, blank=True, default="")
    calls = models.PositiveBigIntegerField(default=0)
    prompt_tokens = models.PositiveBigIntegerField(default=0)
    completion_tokens = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering = ["-day", "clinic", "person"]
        verbose_name = _("token usage")
        verbose_name_plural = _("token usage")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "day", "person", "backbone", "model", "adapter"], name="usage_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.day} {self.person} {self.model}"


class Quota(models.Model):
    """What a clinic (`person` empty), each of its people (`*`) or one of them (`user:12`) may use a day, in UTC days.

    An empty number is no limit. A person's own row holds instead of the one for each person.
    """

    clinic = models.CharField(_("clinic"), max_length=63)
    person = models.CharField(
        _("person"), max_length=80, blank=True, default="",
        validators=[RegexValidator(r"^(\*|(user|api_key|system):.+)$", _("Empty, *, or kind:id, for example user:12."))],
        help_text=_("Empty for the whole clinic, * for each person, user:12 or api_key:… for one."),
    )  # fmt: skip
    jobs_per_day = models.PositiveIntegerField(_("jobs a day"), null=True, blank=True)
    tokens_per_day = models.PositiveBigIntegerField(_("tokens a day"), null=True, blank=True)

    class Meta:
        ordering = ["clinic", "person"]
        verbose_name = _("quota")
        verbose_name_plural = _("quotas")
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "person"],
                name="quota_once",
                violation_error_message=_("There is a quota for this clinic and person already."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.person}".strip()

    def clean(self) -> None:
        super().clean()
        try:
            clinic_by_schema(self.clinic)
        except NotFound:
            raise ValidationError({"clinic": _("There is no such clinic.")}) from None
