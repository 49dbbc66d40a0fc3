"""Addresses of the documents' pages. No patient text is ever part of one."""

from __future__ import annotations

from django.urls import path

from apps.documents.views import documents, search

app_name = "documents"

urlpatterns = [
    path("documents/", documents.documents, name="list"),
    path("documents/<uuid:document_id>/", documents.document, name="detail"),
    path("documents/<uuid:document_id>/file/", documents.file, name="file"),
    path("documents/<uuid:document_id>/progress/", documents.progress, name="progress"),
    path("documents/<uuid:document_id>/<str:action>/", documents.act, name="act"),
    path("search/", search.search, name="search"),
    path("search/<uuid:search_id>/", search.found, name="found"),
]
