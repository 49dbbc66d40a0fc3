"""Platform staff's pages about clinics, in the public site. In a clinic's site nobody has rights here."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medassist.common import trail
from medassist.tenancy.context import current_schema
from medassist.tenancy.models import ApiKey, Clinic, Domain
from medassist.tenancy.schemas import FEATURES, PUBLIC_SCHEMA


class _PublicOnly(admin.ModelAdmin):  # type: ignore[type-arg]
    def _allowed(self, request: HttpRequest) -> bool:
        # Superuser means platform staff in the public schema (accounts.models.User); accounts is a floor above.
        return current_schema() == PUBLIC_SCHEMA and request.user.is_active and request.user.is_superuser

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._allowed(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._allowed(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._allowed(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        # Opening a clinic makes a schema and a role: that takes a command, not a form.
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DomainInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Domain
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    has_change_permission = has_add_permission
    has_view_permission = has_add_permission
    has_delete_permission = has_add_permission


class _ClinicForm(forms.ModelForm):  # type: ignore[type-arg]
    features_off = forms.MultipleChoiceField(
        label=_("Switched off"), required=False, choices=[(name, name) for name in FEATURES],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Whoever works in the clinic then has no right to it, over pages and API; what is stored stays."),
    )  # fmt: skip

    class Meta:
        model = Clinic
        fields = "__all__"  # noqa: DJ007 - the admin's own `fields` say which


@admin.register(Clinic)
class ClinicAdmin(_PublicOnly):
    form = _ClinicForm
    list_display = ("name", "schema_name", "state", "locale", "created_at")
    list_filter = ("state",)
    search_fields = ("name", "schema_name")
    fields = (
        "name",
        "schema_name",
        "state",
        "locale",
        "emergency_number",
        "languages",
        "second_factor_required",
        "features_off",
        "reads_per_minute",
        "writes_per_minute",
        "db_role",
        "created_at",
    )
    readonly_fields = ("schema_name", "state", "db_role", "created_at")
    inlines = (DomainInline,)

    def save_related(self, request: HttpRequest, form: forms.ModelForm[Clinic], formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = [*form.changed_data, *("hosts" for formset in formsets if formset.has_changed())]
        if changed:
            trail.note(
                actor=f"admin: {request.user.get_username()}",
                action="clinic.changed",
                object_type="clinic",
                object_id=form.instance.schema_name,
                detail={"changed": ",".join(changed)},
            )


@admin.register(ApiKey)
class ApiKeyAdmin(_PublicOnly):
    """Reading only: `manage.py issue_api_key` and `api_keys` make, rotate and end keys."""

    list_display = ("name", "prefix", "clinic", "scopes", "expires_at", "revoked_at", "last_used_at")
    list_filter = ("clinic",)
    search_fields = ("name", "prefix")
    fields = (
        "name",
        "prefix",
        "clinic",
        "scopes",
        "created_at",
        "created_by",
        "expires_at",
        "revoked_at",
        "previous_until",
        "last_used_at",
    )

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
