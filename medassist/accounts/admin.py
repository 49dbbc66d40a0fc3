"""People in the admin site: clinic administrators manage their clinic's, platform staff their own colleagues."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import Permission, actor_of, is_allowed
from medassist.accounts.models import User
from medassist.accounts.services import store_person
from medassist.common.errors import NotAuthenticated
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA

# Roles come from `accounts.access`; groups would be a second, unseen way to rights.
admin.site.unregister(Group)


class PermissionAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Base of admin pages whose access follows our own permissions; nothing is ever deleted through them."""

    required_permission: Permission

    def may(self, request: HttpRequest) -> bool:
        try:
            return is_allowed(actor_of(request), self.required_permission)
        except NotAuthenticated:
            return False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(PermissionAdmin):
    """Pages that only show."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _roles_here() -> list[tuple[str, Any]]:
    in_public = current_schema() == PUBLIC_SCHEMA
    return [choice for choice in User.Roles.choices if (choice[0] == User.Roles.PLATFORM_STAFF) == in_public]


class _RolesOfSchema(forms.ModelForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "role" in self.fields:
            self.fields["role"] = forms.ChoiceField(choices=_roles_here(), label=_("role"))


class PersonAddForm(_RolesOfSchema, AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("username", "full_name", "email", "role")


class PersonChangeForm(_RolesOfSchema, UserChangeForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("username", "password", "full_name", "email", "role", "is_active")


@admin.register(User)
class PersonAdmin(PermissionAdmin, UserAdmin):  # type: ignore[type-arg]
    required_permission = Permission.PEOPLE_MANAGE
    form = PersonChangeForm
    add_form = PersonAddForm
    list_display = ("username", "full_name", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("username", "full_name", "email")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password", "full_name", "email")}),
        (_("Rights"), {"fields": ("role", "is_active")}),
        (_("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {"fields": ("username", "full_name", "email", "role", "usable_password", "password1", "password2")},
        ),
    )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        store_person(person=obj, by=actor_of(request), created=not change, changed=form.changed_data)
