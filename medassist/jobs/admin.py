"""Platform staff's pages about jobs, quotas and usage, in the public site. In a clinic's site nobody has rights here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import Permission, actor_of, system_actor
from medassist.accounts.admin import PermissionAdmin, ReadOnlyAdmin
from medassist.common.errors import MedAssistError
from medassist.jobs import quotas, services
from medassist.jobs.models import ClinicTurn, Job, Quota, TokenUsage
from medassist.jobs.services import LEAST_WEIGHT, MOST_WEIGHT
from medassist.tenancy.context import clinic_context, current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA
from medassist.tenancy.selectors import all_clinics


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


class QuotaForm(forms.ModelForm):  # type: ignore[type-arg]
    clinic = forms.ChoiceField(label=_("clinic"))

    class Meta:
        model = Quota
        fields = ("clinic", "person", "jobs_per_day", "tokens_per_day")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["clinic"].choices = [  # type: ignore[attr-defined]
            (clinic.schema_name, f"{clinic.name} ({clinic.schema_name})") for clinic in all_clinics()
        ]


@admin.register(Quota)
class QuotaAdmin(PermissionAdmin):
    """Writes go through the services, with their audit entry."""

    required_permission = Permission.CLINIC_MANAGE
    form = QuotaForm
    list_display = ("clinic", "person", "jobs_per_day", "tokens_per_day")
    list_filter = ("clinic",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request)

    def save_model(self, request: HttpRequest, obj: Quota, form: Any, change: bool) -> None:
        quotas.store(row=obj, by=actor_of(request), created=not change, changed=form.changed_data)

    def delete_model(self, request: HttpRequest, obj: Quota) -> None:
        quotas.remove(row=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Quota]) -> None:
        for row in queryset:
            quotas.remove(row=row, by=actor_of(request))


class TurnForm(forms.ModelForm):  # type: ignore[type-arg]
    weight = forms.FloatField(
        label=_("weight"), min_value=LEAST_WEIGHT, max_value=MOST_WEIGHT,
        help_text=_("1 is everybody's share; 2 runs twice as many jobs at once and gets two turns for one."),
    )  # fmt: skip

    class Meta:
        model = ClinicTurn
        fields = ("weight",)


@admin.register(ClinicTurn)
class ClinicTurnAdmin(PermissionAdmin):
    """A clinic's share of a queue; the row is made by the clinic's first job there."""

    required_permission = Permission.CLINIC_MANAGE
    form = TurnForm
    list_display = ("clinic", "queue", "weight", "last_served_at")
    list_filter = ("queue",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ClinicTurn, form: Any, change: bool) -> None:
        services.weigh(actor=actor_of(request), clinic=obj.clinic, queue=obj.queue, weight=obj.weight)


@admin.register(TokenUsage)
class TokenUsageAdmin(ReadOnlyAdmin):
    required_permission = Permission.CLINIC_MANAGE
    list_display = (
        "day", "clinic", "person", "backbone", "model", "adapter", "calls", "prompt_tokens", "completion_tokens",
    )  # fmt: skip
    list_filter = ("clinic", "backbone", "day")
    show_full_result_count = False
