"""What the platform knows of its models' honesty: calibrations, in the public schema."""

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
