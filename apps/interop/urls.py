"""Addresses of this room's pages."""

from __future__ import annotations

from django.urls import path

from apps.interop.views import file

app_name = "interop"

urlpatterns = [path("cases/new/fhir/", file.from_file, name="file")]
