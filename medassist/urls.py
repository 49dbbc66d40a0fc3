"""Addresses of a clinic's host: the API, the pages, the admin."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language
from drf_spectacular.views import SpectacularAPIView

from apps.cases.api.analyze import AnalyzeCase
from apps.cases.api.bulk import CasesBulk
from apps.cases.api.cases import CaseAssessments, CasesItem, CasesList
from apps.cases.api.reviews import AssessmentRelease, AssessmentReview, CaseOutcome
from apps.chat.api.chat import ChatAsk, ChatCancel, ChatEvents, ChatExport, ChatItem
from apps.documents.api.documents import (
    DocumentsCancel,
    DocumentsIngest,
    DocumentsItem,
    DocumentsList,
    DocumentsResume,
)
from apps.documents.api.search import DocumentsSearch, SearchesItem
from apps.interop.api.fhir import FhirAssessment, FhirCases
from apps.interop.api.hooks import CdsService, CdsServiceFeedback, CdsServices
from apps.media.api.media import MediaCancel, MediaCatalogue, MediaFileItem, MediaGenerate, MediaItem, MediaItems
from apps.notes.api.notes import NotesItem, SummarizeNote
from medassist.accounts.urls import provider_patterns
from medassist.jobs.api import JobCancel, JobEvents, JobItem, UsageRead
from medassist.web import api_docs, api_keys, health, views
from medassist.webhooks import api as webhooks

api = [
    path("cases/analyze", AnalyzeCase.as_view(), name="cases-analyze"),
    path("cases/bulk", CasesBulk.as_view(), name="cases-bulk"),
    path("cases", CasesList.as_view(), name="cases-list"),
    path("cases/<uuid:case_id>", CasesItem.as_view(), name="cases-item"),
    path("cases/<uuid:case_id>/assessments", CaseAssessments.as_view(), name="cases-assessments"),
    path("cases/<uuid:case_id>/outcome", CaseOutcome.as_view(), name="cases-outcome"),
    path("assessments/<uuid:assessment_id>/review", AssessmentReview.as_view(), name="assessments-review"),
    path("assessments/<uuid:assessment_id>/release", AssessmentRelease.as_view(), name="assessments-release"),
    path("notes/summarize", SummarizeNote.as_view(), name="notes-summarize"),
    path("notes/<uuid:note_id>", NotesItem.as_view(), name="notes-item"),
    path("chat", ChatAsk.as_view(), name="chat-ask"),
    path("chat/<uuid:conversation_id>", ChatItem.as_view(), name="chat-item"),
    path("chat/<uuid:conversation_id>/events", ChatEvents.as_view(), name="chat-events"),
    path("chat/<uuid:conversation_id>/cancel", ChatCancel.as_view(), name="chat-cancel"),
    path("chat/<uuid:conversation_id>/export", ChatExport.as_view(), name="chat-export"),
    path("documents", DocumentsList.as_view(), name="documents-list"),
    path("documents/ingest", DocumentsIngest.as_view(), name="documents-ingest"),
    path("documents/search", DocumentsSearch.as_view(), name="documents-search"),
    path("documents/searches/<uuid:search_id>", SearchesItem.as_view(), name="documents-searches"),
    path("documents/<uuid:document_id>", DocumentsItem.as_view(), name="documents-item"),
    path("documents/<uuid:document_id>/resume", DocumentsResume.as_view(), name="documents-resume"),
    path("documents/<uuid:document_id>/cancel", DocumentsCancel.as_view(), name="documents-cancel"),
    path("media", MediaItems.as_view(), name="media-list"),
    path("media/generate", MediaGenerate.as_view(), name="media-generate"),
    path("media/catalogue", MediaCatalogue.as_view(), name="media-catalogue"),
    path("media/<uuid:media_id>", MediaItem.as_view(), name="media-item"),
    path("media/<uuid:media_id>/file", MediaFileItem.as_view(), name="media-file"),
    path("media/<uuid:media_id>/cancel", MediaCancel.as_view(), name="media-cancel"),
    path("fhir/cases", FhirCases.as_view(), name="fhir-cases"),
    path("fhir/assessments/<uuid:assessment_id>", FhirAssessment.as_view(), name="fhir-assessments"),
    path("cds-services", CdsServices.as_view(), name="cds-services"),
    path("cds-services/<slug:service>", CdsService.as_view(), name="cds-service"),
    path("cds-services/<slug:service>/feedback", CdsServiceFeedback.as_view(), name="cds-feedback"),
    path("jobs/<uuid:job_id>", JobItem.as_view(), name="jobs-item"),
    path("jobs/<uuid:job_id>/events", JobEvents.as_view(), name="jobs-events"),
    path("jobs/<uuid:job_id>/cancel", JobCancel.as_view(), name="jobs-cancel"),
    path("usage", UsageRead.as_view(), name="usage"),
    path("keys", api_keys.KeysList.as_view(), name="keys"),
    path("keys/current", api_keys.KeysCurrent.as_view(), name="keys-current"),
    path("keys/current/rotate", api_keys.KeysCurrentRotate.as_view(), name="keys-current-rotate"),
    path("keys/<slug:prefix>", api_keys.KeysItem.as_view(), name="keys-item"),
    path("keys/<slug:prefix>/rotate", api_keys.KeysRotate.as_view(), name="keys-rotate"),
    path("keys/<slug:prefix>/usage", api_keys.KeysUsage.as_view(), name="keys-usage"),
    path("webhooks", webhooks.WebhooksList.as_view(), name="webhooks"),
    path("webhooks/events", webhooks.WebhooksEvents.as_view(), name="webhooks-events"),
    path("webhooks/deliveries", webhooks.WebhooksDeliveries.as_view(), name="webhooks-deliveries"),
    path("webhooks/deliveries/<uuid:delivery_id>", webhooks.WebhooksDelivery.as_view(), name="webhooks-delivery"),
    path(
        "webhooks/deliveries/<uuid:delivery_id>/redeliver",
        webhooks.WebhooksRedeliver.as_view(),
        name="webhooks-redeliver",
    ),
    path("webhooks/<uuid:webhook_id>", webhooks.WebhooksItem.as_view(), name="webhooks-item"),
    path("webhooks/<uuid:webhook_id>/rotate", webhooks.WebhooksRotate.as_view(), name="webhooks-rotate"),
    path("webhooks/<uuid:webhook_id>/test", webhooks.WebhooksTest.as_view(), name="webhooks-test"),
    path("schema/", SpectacularAPIView.as_view(permission_classes=[], authentication_classes=[]), name="schema"),
    path("docs/", api_docs.swagger, name="docs"),
    path("redoc/", api_docs.redoc, name="redoc"),
    path("health/live", health.live),
    path("health/ready", health.ready),
]

urlpatterns = [
    path("api/v1/", include(api)),
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("admin/", admin.site.urls),
    path("", include("medassist.accounts.urls")),
    path("", include(provider_patterns)),
    path("", views.home, name="home"),
    path("language/", set_language, name="language"),
    path("", include("apps.cases.urls")),
    path("", include("apps.documents.urls")),
    path("", include("apps.notes.urls")),
    path("", include("apps.chat.urls")),
    path("", include("apps.media.urls")),
    path("", include("apps.interop.urls")),
    path("", include("apps.safety.urls")),
]

handler400 = "medassist.web.views.bad_request"
handler403 = "medassist.web.views.forbidden"
handler404 = "medassist.web.views.not_found"
handler500 = "medassist.web.views.server_error"
