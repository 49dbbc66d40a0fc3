"""The addresses of signing in and of a person's own page, the same in a clinic and on the platform's host.

The names are the house's (`login`, `logout`, `account`) and, where allauth looks addresses up, allauth's.
"""

from __future__ import annotations

from allauth.account import views as allauth_views
from django.urls import URLPattern, URLResolver, include, path, re_path

from medassist.accounts import views

urlpatterns: list[URLPattern | URLResolver] = [
    path("login/", views.login, name="login"),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="logout"),
    path("logout/", views.logout, name="account_logout"),
    path("account/", views.account, name="account"),
    path("account/sessions/end/", views.end, name="account_end_session"),
    path("account/sessions/stay/", views.stay, name="session-stay"),
    path("account/sessions/left/", views.left, name="session-left"),
    path("account/second-factor/required/", views.second_factor_required, name="second-factor-required"),
    path("account/second-factor/", include("allauth.mfa.urls")),
    path("account/reauthenticate/", allauth_views.reauthenticate, name="account_reauthenticate"),
    path("account/password/", views.PasswordChange.as_view(), name="account_change_password"),
    path("account/password/reset/", views.PasswordReset.as_view(), name="account_reset_password"),
    path("account/password/reset/sent/", allauth_views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^account/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.PasswordResetFromKey.as_view(),
        name="account_reset_password_from_key",
    ),
    path(
        "account/password/reset/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
]

provider_patterns = [
    path("sso/<slug:provider_id>/", views.provider_login, name="openid_connect_login"),
    path("sso/<slug:provider_id>/callback/", views.provider_callback, name="openid_connect_callback"),
]
"""For clinics alone: the platform's own staff have no identity provider."""
