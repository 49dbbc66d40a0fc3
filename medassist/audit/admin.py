"""The audit trail in the admin site: to read, to search, and to take away as JSON lines."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone

from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import ReadOnlyAdmin
from medassist.accounts.pages import error_page
from medassist.audit.models import AuditEntry
from medassist.audit.services import export_entries
from medassist.common.errors import PermissionDenied


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    required_permission = Permission.AUDIT_READ
    list_display = ("seq", "at", "actor_kind", "actor_label", "action", "object_type", "object_id")
    list_filter = ("at", "action", "actor_kind", "object_type")
    search_fields = ("=object_id", "=actor_id", "actor_label", "trace")
    search_help_text = "Id of a case, document, job or person; a name; a trace id"
    date_hierarchy = "at"
    fields = (
        "seq", "at", "actor_kind", "actor_id", "actor_label", "action", "object_type", "object_id", "detail", "trace",
    )  # fmt: skip
    show_full_result_count = False
    change_list_template = "admin/audit_list.html"

    def get_urls(self) -> list[URLPattern]:
        return [path("export/", self.admin_site.admin_view(self.export), name="audit_export"), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
        """What the list shows with the filters of the address, all pages of it."""
        if not self.may(request):
            return error_page(request, PermissionDenied())
        changes: Any = self.get_changelist_instance(request)
        lines = export_entries(actor=actor_of(request), entries=changes.get_queryset(request))
        name = f"audit-{timezone.now():%Y%m%dT%H%M%SZ}.ndjson"
        return StreamingHttpResponse(
            lines,
            content_type="application/x-ndjson",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )
