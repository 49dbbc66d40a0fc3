"""The audit trail in the admin site, to read."""

from __future__ import annotations

from django.contrib import admin

from medassist.accounts.access import Permission
from medassist.accounts.admin import ReadOnlyAdmin
from medassist.audit.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    required_permission = Permission.AUDIT_READ
    list_display = ("seq", "at", "actor_kind", "actor_label", "action", "object_type", "object_id")
    list_filter = ("action", "actor_kind", "object_type")
    search_fields = ("=object_id", "=actor_id", "actor_label", "trace")
    fields = (
        "seq", "at", "actor_kind", "actor_id", "actor_label", "action", "object_type", "object_id", "detail", "trace",
    )  # fmt: skip
    show_full_result_count = False
