"""The clinic's pictures for its administrator: who asked for what, and where each came from."""

from __future__ import annotations

from django.contrib import admin

from apps.media.models import Media
from medassist.accounts.access import Permission
from medassist.accounts.admin import ReadOnlyAdmin


@admin.register(Media)
class MediaAdmin(ReadOnlyAdmin):
    required_permission = Permission.MEDIA_READ
    list_display = ("created_at", "created_by", "topic", "style", "size", "sha256")
    list_filter = ("topic", "style")
    fields = (
        "id",
        "created_at",
        "created_by",
        "topic",
        "style",
        "shape",
        "seed",
        "job_id",
        "size",
        "sha256",
        "provenance",
    )
    show_full_result_count = False
