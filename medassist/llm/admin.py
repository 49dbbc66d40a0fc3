"""Platform staff's pages about backbones and routes, in the public site. In a clinic's site nobody has rights here."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import PermissionAdmin
from medassist.llm import secrets, services
from medassist.llm.models import Backbone, Route
from medassist.tenancy.selectors import all_clinics


class _Stored(PermissionAdmin):
    """Writes go through the services, with their audit entry."""

    required_permission = Permission.CLINIC_MANAGE

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        changed = [name for name in form.changed_data if name != "override"]
        services.store(
            row=obj, by=actor_of(request), created=not change, changed=changed,
            override=form.cleaned_data.get("override", ""),
        )  # fmt: skip

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        services.remove(row=obj, by=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            services.remove(row=row, by=actor_of(request))


class _GatedForm(forms.ModelForm):  # type: ignore[type-arg]
    """Says on the page what a gate refuses; a reason stores the row nevertheless."""

    override = forms.CharField(
        required=False, min_length=services.LEAST_REASON, max_length=500, label=_("reason to activate nevertheless"),
        help_text=_("Only when the release gate refuses the version. What is written here is audited."),
    )  # fmt: skip

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if not self.errors and not self.cleaned_data.get("override"):
            refused = services.refusal(self.instance)
            if refused:
                self.add_error(None, forms.ValidationError(refused, code="activation_refused"))


class BackboneForm(_GatedForm):
    class Meta:
        model = Backbone
        fields = ("name", "base_url", "model", "tiers", "order", "enabled", "canary_percent", "api_key_ref")

    def clean_api_key_ref(self) -> str:
        reference = str(self.cleaned_data["api_key_ref"])
        if not re.match(secrets.PATTERN, reference):
            # What was typed may be the key itself: the page that shows the error must not repeat it.
            self.data = {**self.data.dict(), self.add_prefix("api_key_ref"): ""}  # type: ignore[attr-defined]
            raise forms.ValidationError(secrets.FORMS, code="key_reference")
        return reference


@admin.register(Backbone)
class BackboneAdmin(_Stored):
    form = BackboneForm
    list_display = ("name", "base_url", "model", "tiers", "order", "enabled", "canary_percent", "api_key_ref")
    list_filter = ("enabled", "tiers")
    search_fields = ("name", "model")


class RouteForm(_GatedForm):
    clinic = forms.ChoiceField(required=False, label=_("clinic"))

    class Meta:
        model = Route
        fields = ("clinic", "kind", "lane", "tier", "backbone", "adapter", "fall_back")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(clinic.schema_name, f"{clinic.name} ({clinic.schema_name})") for clinic in all_clinics()]
        self.fields["clinic"].choices = [("", _("any")), *known]  # type: ignore[attr-defined]


@admin.register(Route)
class RouteAdmin(_Stored):
    form = RouteForm
    list_display = ("__str__", "clinic", "kind", "lane", "tier", "backbone", "adapter", "fall_back")
    list_filter = ("clinic", "backbone")
