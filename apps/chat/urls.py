"""Addresses of the chat's pages. No patient text is ever part of one."""

from __future__ import annotations

from django.urls import path

from apps.chat.views import chat

app_name = "chat"

urlpatterns = [
    path("cases/<uuid:case_id>/chat/", chat.about_case, name="case"),
    path("cases/<uuid:case_id>/chat/ask/", chat.ask, name="ask"),
    path("chat/<uuid:conversation_id>/", chat.conversation, name="conversation"),
    path("chat/<uuid:conversation_id>/progress/", chat.progress, name="progress"),
    path("chat/<uuid:conversation_id>/stop/", chat.stop, name="stop"),
    path("chat/<uuid:conversation_id>/export/", chat.export, name="export"),
]
