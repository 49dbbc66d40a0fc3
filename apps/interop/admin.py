"""Which EHRs a clinic trusts, in its admin site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.interop.models import CdsClient
from apps.interop.services.hooks import store_client
from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import PermissionAdmin
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


@admin.register(CdsClient)
class CdsClientAdmin(PermissionAdmin):
    required_permission = Permission.KEY_MANAGE
    list_display = ("name", "issuer", "jwks_url", "is_active")
    fields = ("name", "issuer", "jwks_url", "jwks", "is_active")

    def may(self, request: HttpRequest) -> bool:
        return current_schema() != PUBLIC_SCHEMA and super().may(request)

    def save_model(self, request: HttpRequest, obj: CdsClient, form: Any, change: bool) -> None:
        store_client(actor=actor_of(request), row=obj, created=not change)
