"""The public site: platform staff's admin. Clinics have their own addresses (`medassist.urls`)."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from apps.cases.admin import recall
from medassist.web import health
from medassist.web.metrics import metrics

urlpatterns = [
    path("admin/guideline-recall/<path:guideline>/", recall, name="guideline-recall"),
    path("admin/", admin.site.urls),
    path("", include("medassist.accounts.urls")),
    path("language/", set_language, name="language"),
    path("", RedirectView.as_view(pattern_name="admin:index"), name="home"),
    # A prober knows the machine's address, not a clinic's name.
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", metrics),
]

handler400 = "medassist.web.views.bad_request"
handler403 = "medassist.web.views.forbidden"
handler404 = "medassist.web.views.not_found"
handler500 = "medassist.web.views.server_error"
