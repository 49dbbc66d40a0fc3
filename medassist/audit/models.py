"""The audit trail of a schema, and the signed head of every chain in the public schema."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from medassist.common.errors import StateConflict


class AppendOnly(models.QuerySet["AuditEntry"]):
    """Reads; writing goes through `audit.services.record` alone (the database refuses changes as well)."""

    def update(self, **kwargs: Any) -> int:
        raise StateConflict("The audit trail cannot be changed")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise StateConflict("The audit trail cannot be changed")


class AuditEntry(models.Model):
    """One thing that somebody did. Written once; each entry's `mac` covers it and the `mac` before it."""

    seq = models.BigIntegerField(_("number"), unique=True)
    at = models.DateTimeField(_("time"), db_index=True)
    actor_kind = models.CharField(_("kind of actor"), max_length=10)
    actor_id = models.CharField(_("actor"), max_length=100)
    actor_label = models.CharField(_("name"), max_length=160, blank=True)
    action = models.CharField(_("action"), max_length=80)
    object_type = models.CharField(_("object"), max_length=80, blank=True)
    object_id = models.CharField(_("object id"), max_length=100, blank=True)
    detail = models.JSONField(_("detail"), default=dict)
    trace = models.CharField(_("trace"), max_length=64, blank=True)
    mac = models.CharField(max_length=64)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering = ["-seq"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")

    def __str__(self) -> str:
        return f"{self.seq} {self.action}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise StateConflict("Audit entries are written by audit.services.record only")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise StateConflict("The audit trail cannot be changed")


class AuditHead(models.Model):
    """Where a chain ends: number and mac of the last entry, signed. Outside the clinic's own schema, so that
    cutting off the end of the trail shows."""

    public_only: ClassVar[bool] = True

    clinic = models.CharField(primary_key=True, max_length=63)
    seq = models.BigIntegerField()
    mac = models.CharField(max_length=64)
    signature = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.clinic} at {self.seq}"
