"""Addresses of the pictures' pages."""

from __future__ import annotations

from django.urls import path

from apps.media.views import pictures

app_name = "media"

urlpatterns = [
    path("media/", pictures.pictures, name="list"),
    path("media/<uuid:media_id>/", pictures.picture, name="detail"),
    path("media/<uuid:media_id>/file/", pictures.file, name="file"),
    path("media/<uuid:media_id>/progress/", pictures.progress, name="progress"),
    path("media/<uuid:media_id>/cancel/", pictures.cancel, name="cancel"),
]
