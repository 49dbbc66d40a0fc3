"""What the platform knows of its models (calibrations, runs of the safety suite), in the public schema; what the checks did
in a clinic, and what a clinic tightened, in its own."""

from __future__ import annotations

from typing import ClassVar

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _


class Calibration(models.Model):
    """One fitted map of one model version; the newest one of a version that is switched on counts."""

    public_only: ClassVar[bool] = True

    backbone = models.CharField(max_length=80)
    model = models.CharField(max_length=200)
    adapter = models.CharField(max_length=200, blank=True)
    prompt = models.CharField(max_length=60)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    active = models.BooleanField(default=True)
    report = models.JSONField()
    """`CalibrationReport` as JSON."""
    source_hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["backbone", "model", "adapter", "prompt"], name="calibration_version")]

    def __str__(self) -> str:
        return f"{self.backbone} / {self.model} ({self.created_at:%Y-%m-%d})"


class SuiteRun(models.Model):
    """One stored run of the safety suite: what was run, and what came out. Written once, never changed."""

    public_only: ClassVar[bool] = True

    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    backbone = models.CharField(max_length=80, blank=True)
    """Blank: no model was asked, only what the code carries was run."""
    model = models.CharField(max_length=200, blank=True)
    adapter = models.CharField(max_length=200, blank=True)
    prompt = models.CharField(max_length=60, blank=True)
    guard = models.CharField(max_length=80)
    rules = models.CharField(max_length=80)
    index = models.CharField(max_length=120, blank=True)
    sets = models.JSONField(default=dict)
    """Suite -> file, number of lines, hash."""
    figures = models.JSONField(default=dict)
    """Name -> {numerator, denominator, rate, low, high}."""
    lowered = models.JSONField(default=list)
    """Figures that were under the floor on record."""

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["backbone", "model", "adapter"], name="suiterun_version")]

    def __str__(self) -> str:
        what = " / ".join(part for part in (self.backbone, self.model, self.adapter) if part) or "code"
        return f"{what} ({self.created_at:%Y-%m-%d %H:%M})"


class SafetyEvent(models.Model):
    """Something that a check did to an answer, written in the transaction that stores the answer. Never patient text."""

    at = models.DateTimeField(auto_now_add=True)
    code = models.CharField(max_length=40)
    rules = models.CharField(max_length=120, blank=True)
    """Codes of the taxonomy or reasons, with blanks between them."""
    count = models.PositiveIntegerField(default=1)
    object_type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=64)
    job_id = models.UUIDField(null=True)
    answer_hash = models.CharField(max_length=64, blank=True)
    """SHA-256 of the answer as it was stored: which answer it was, without any of it."""
    versions = models.JSONField(default=dict)
    """Backbone, model, adapter, prompt, guard and rule-set version."""

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            models.Index(fields=["code", "-at"], name="safetyevent_code"),
            models.Index(fields=["-at"], name="safetyevent_at"),
        ]

    def __str__(self) -> str:
        return f"{self.code} ({self.at:%Y-%m-%d %H:%M})"


class RuleDecision(models.Model):
    """What a clinician of this clinic decided about one version of a triage rule. Rows are only added; the newest counts."""

    class States(models.TextChoices):
        SIGNED_OFF = "signed_off", _("signed off")
        SWITCHED_OFF = "switched_off", _("switched off")
        WITHDRAWN = "withdrawn", _("decision withdrawn")

    at = models.DateTimeField(auto_now_add=True)
    rule = models.CharField(max_length=80)
    version = models.CharField(max_length=12)
    """Of the rule's levels and triggers, as `apps.safety.rules.triage.version_of` makes it."""
    state = models.CharField(max_length=20, choices=States.choices)
    by = models.CharField(max_length=160)
    reason = models.TextField(max_length=1000, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["rule", "-id"], name="ruledecision_rule")]

    def __str__(self) -> str:
        return f"{self.rule}: {self.get_state_display()} ({self.at:%Y-%m-%d})"


class ClinicPolicy(models.Model):
    """What a clinic tightened; one row, or none. Every field only takes away from what the product allows."""

    strict_medicines = models.BooleanField(
        _("no medicine named for clinicians either"), default=False,
        help_text=_("Answers for clinicians are judged as those for patients: attributed guideline statements that name a "
                    "medicine or a class are removed too."),
    )  # fmt: skip
    patient_audience = models.BooleanField(
        _("answers for patients"), default=True, help_text=_("Switched off, cases for patients are refused.")
    )
    locales = models.CharField(
        _("languages"), max_length=200, blank=True, default="",
        validators=[
            RegexValidator(
                r"^(?:[a-z]{2}(?:-[A-Z]{2})?(?: (?=[a-z])|$))*$", _("Locales such as en-GB, with one blank between them.")
            )
        ],
        help_text=_("Locales of cases that are taken, for example: en-GB en-US. Empty: all that the product takes."),
    )  # fmt: skip

    class Meta:
        verbose_name = _("safety policy")
        verbose_name_plural = _("safety policy")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_safety_policy")]

    def __str__(self) -> str:
        return str(_("safety policy"))
