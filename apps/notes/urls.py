"""Addresses of the notes' pages. No patient text is ever part of one."""

from __future__ import annotations

from django.urls import path

from apps.notes.views import handouts, notes, templates

app_name = "notes"

urlpatterns = [
    path("notes/", notes.all_notes, name="list"),
    path("notes/new/", notes.new_note, name="new"),
    path("notes/templates/", templates.all_templates, name="templates"),
    path("notes/templates/<slug:name>/delete/", templates.delete, name="template-delete"),
    path("notes/<uuid:note_id>/", notes.one_note, name="detail"),
    path("notes/<uuid:note_id>/progress/", notes.progress, name="progress"),
    path("notes/<uuid:note_id>/handout/", handouts.handout, name="handout"),
    path("notes/<uuid:note_id>/handout/withdraw/", handouts.withdraw, name="handout-withdraw"),
]
