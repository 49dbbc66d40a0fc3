"""People in the admin site: clinic administrators manage their clinic's, platform staff their own colleagues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from medassist.accounts.access import Permission, actor_of, is_allowed
from medassist.accounts.models import IdentityProvider, User
from medassist.accounts.pages import error_page
from medassist.accounts.services import (
    end_all_sessions,
    reset_second_factor,
    store_identity_provider,
    store_person,
    unlock_person,
)
from medassist.common.errors import NotAuthenticated, PermissionDenied
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA


def _sign_in(request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ARG001
    """The site's own sign-in page, with its lock-out and second factor: the admin site has no second door."""
    wanted = request.GET.get("next") or reverse("admin:index")
    if request.user.is_authenticated:
        return error_page(request, PermissionDenied())
    return redirect_to_login(wanted)


def _change_password(request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ARG001
    return redirect("account_change_password")


admin.site.login = _sign_in  # type: ignore[method-assign]
admin.site.password_change = _change_password  # type: ignore[method-assign,assignment]
# allauth's and axes' own pages would show sessions, addresses and links past our rights.
for _model in (Authenticator, EmailAddress, EmailConfirmation, SocialAccount, SocialApp, SocialToken, UserSession):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)

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


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """The secret is written, never shown."""

    issuer = forms.URLField(
        label=_("issuer"),
        max_length=300,
        assume_scheme="https",
        help_text=_("Without /.well-known/openid-configuration; its host must be listed in OIDC_HOSTS."),
    )
    new_secret = forms.CharField(
        label=_("client secret"), required=False, strip=True, max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("Empty keeps the one that is stored."),
    )  # fmt: skip

    class Meta:
        model = IdentityProvider
        fields = (
            "name", "issuer", "client_id", "is_active", "second_factor_there", "creates_people", "default_role",
        )  # fmt: skip


@admin.register(IdentityProvider)
class IdentityProviderAdmin(PermissionAdmin):
    required_permission = Permission.PEOPLE_MANAGE
    form = ProviderForm
    list_display = ("name", "issuer", "is_active", "creates_people")
    readonly_fields = ("redirect_address",)

    @admin.display(description=_("redirect address, to be registered there"))
    def redirect_address(self, obj: IdentityProvider) -> str:
        return reverse("openid_connect_callback", args=[obj.key]) if obj.pk else "-"

    def may(self, request: HttpRequest) -> bool:
        return current_schema() != PUBLIC_SCHEMA and super().may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request) and not IdentityProvider.objects.exists()

    def save_model(self, request: HttpRequest, obj: IdentityProvider, form: Any, change: bool) -> None:
        if form.cleaned_data.get("new_secret"):
            obj.client_secret = form.cleaned_data["new_secret"]
        store_identity_provider(provider=obj, by=actor_of(request), changed=form.changed_data)


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

    actions = ("unlock", "take_second_factor_away", "sign_out_everywhere")

    @admin.action(description=_("Open a locked sign-in"))
    def unlock(self, request: HttpRequest, queryset: Any) -> None:
        self._each(request, queryset, unlock_person, _("The sign-in is open again."))

    @admin.action(description=_("Take the second factor away (lost phone or key)"))
    def take_second_factor_away(self, request: HttpRequest, queryset: Any) -> None:
        self._each(request, queryset, reset_second_factor, _("The second factor was taken away."))

    @admin.action(description=_("Sign out everywhere"))
    def sign_out_everywhere(self, request: HttpRequest, queryset: Any) -> None:
        self._each(request, queryset, end_all_sessions, _("Signed out everywhere."))

    def _each(self, request: HttpRequest, queryset: Any, service: Callable[..., int], told: Any) -> None:
        for person in queryset:
            service(username=person.username, by=actor_of(request))
        self.message_user(request, told)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        store_person(person=obj, by=actor_of(request), created=not change, changed=form.changed_data)
