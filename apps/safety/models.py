"""What the platform knows of its models: calibrations and runs of the safety suite, in the public schema."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


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
