"""Platform staff's page about jobs, in the public site: inspect, queue dead letters again, cancel."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import system_actor
from medassist.common.errors import MedAssistError
from medassist.jobs import services
from medassist.jobs.models import Job
from medassist.tenancy.context import clinic_context, current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The ledger holds ids only, so nothing here can show a patient."""

    list_display = ("id", "clinic", "kind", "lane", "state", "attempt", "reason", "created_at", "finished_at")
    list_filter = ("state", "queue", "lane", "reason")
    search_fields = ("id", "clinic", "trace_id")
    ordering = ("-created_at",)
    show_full_result_count = False
    actions = ("queue_again", "cancel_work")

    def _is_staff(self, request: HttpRequest) -> bool:
        return current_schema() == PUBLIC_SCHEMA and request.user.is_active and bool(request.user.is_superuser)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._is_staff(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._is_staff(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description=_("Queue dead letters again"), permissions=["view"])
    def queue_again(self, request: HttpRequest, chosen: QuerySet[Job]) -> None:
        self._each(request, chosen, services.retry)

    @admin.action(description=_("Cancel"), permissions=["view"])
    def cancel_work(self, request: HttpRequest, chosen: QuerySet[Job]) -> None:
        self._each(request, chosen, services.cancel)

    def _each(self, request: HttpRequest, chosen: QuerySet[Job], change: Any) -> None:
        done = 0
        for job in chosen:
            try:
                with clinic_context(job.clinic):
                    change(actor=system_actor(job.clinic, f"admin: {request.user.get_username()}"), job_id=job.id)
                done += 1
            except MedAssistError as error:
                self.message_user(request, f"{job.id}: {error.detail}", messages.WARNING)
        self.message_user(request, _("%(count)d jobs were changed") % {"count": done})
