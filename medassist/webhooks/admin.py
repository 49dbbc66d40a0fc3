"""Webhooks in the clinic's admin site: what is there and what became of each message. Written through the API."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import ReadOnlyAdmin
from medassist.common.errors import MedAssistError
from medassist.tenancy.context import current_schema
from medassist.webhooks import services
from medassist.webhooks.models import Delivery, Endpoint


class _OfThisClinic(ReadOnlyAdmin):
    required_permission = Permission.WEBHOOK_MANAGE

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(clinic=current_schema())


@admin.register(Endpoint)
class EndpointAdmin(_OfThisClinic):
    list_display = ("host", "description", "active", "off_reason", "failing_since", "created_at")
    fields = ("host", "description", "events", "active", "off_reason", "failing_since", "created_at")


@admin.register(Delivery)
class DeliveryAdmin(_OfThisClinic):
    list_display = ("created_at", "type", "endpoint", "tries", "last_status", "last_problem", "delivered_at")
    list_filter = ("type",)
    fields = (
        "type",
        "endpoint",
        "event_id",
        "tries",
        "last_try_at",
        "last_status",
        "last_problem",
        "delivered_at",
        "body",
    )
    actions = ("send_again",)

    @admin.action(description=_("Send again"), permissions=["view"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Delivery]) -> None:
        for row in chosen:
            try:
                services.redeliver(actor=actor_of(request), delivery_id=row.pk)
            except MedAssistError as error:
                self.message_user(request, f"{row}: {error.detail}", messages.WARNING)
