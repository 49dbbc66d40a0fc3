"""Platform staff's pages about guidelines, in the public site. In a clinic's site nobody has rights here."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import quote
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.rag.models import Guideline, Passage
from apps.rag.selectors import is_overdue
from apps.rag.services import withdraw_guideline
from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import ReadOnlyAdmin
from medassist.common.errors import MedAssistError

SOON = timedelta(days=90)


class ReviewFilter(admin.SimpleListFilter):
    title = _("review")
    parameter_name = "review"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("overdue", _("overdue")), ("soon", _("due within 90 days")), ("none", _("no date"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Guideline]) -> QuerySet[Guideline]:
        today = timezone.localdate()
        match self.value():
            case "overdue":
                return queryset.filter(review_due__lt=today)
            case "soon":
                return queryset.filter(review_due__gte=today, review_due__lte=today + SOON)
            case "none":
                return queryset.filter(review_due=None)
        return queryset


class PassageInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Passage
    fields = readonly_fields = ("ordinal", "id", "start", "end", "text")
    ordering = ("ordinal",)
    extra = 0
    can_delete = False
    verbose_name_plural = _("passages")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Passage]:
        return super().get_queryset(request).defer("vector")


class WithReason(ActionForm):
    reason = forms.CharField(label=_("Reason of a withdrawal:"), required=False, max_length=300)


@admin.register(Guideline)
class GuidelineAdmin(ReadOnlyAdmin):
    """Texts come in by `ingest_guidelines`; here they are read, and withdrawn through the service."""

    required_permission = Permission.GUIDELINE_MANAGE
    action_form = WithReason
    actions = ("withdraw",)
    list_display = ("title", "version", "state", "published", "review", "grade", "collection", "heading")
    list_filter = ("state", ReviewFilter, "collection", "grade", "jurisdiction", "language")
    search_fields = ("id", "work", "title", "heading", "publisher")
    ordering = ("title", "work", "published")
    show_full_result_count = False
    list_per_page = 50
    inlines = (PassageInline,)
    fieldsets = (
        (None, {"fields": ("title", "heading", "publisher", "collection", "version", "published", "grade")}),
        (_("Version"), {"fields": ("id", "state", "ended", "review", "versions", "recall")}),
        (
            _("About it"),
            {"fields": ("specialty", "language", "jurisdiction", "url", "licence", "attribution", "added_at")},
        ),
        (_("Text"), {"fields": ("text",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Guideline]:
        return super().get_queryset(request).select_related("superseded_by")

    @admin.display(description=_("review"), ordering="review_due")
    def review(self, row: Guideline) -> str | SafeString:
        if row.review_due is None:
            return "-"
        if is_overdue(row) and row.state == "current":
            return format_html("<strong>{} {}</strong>", row.review_due.isoformat(), _("overdue"))
        return row.review_due.isoformat()

    @admin.display(description=_("ended"))
    def ended(self, row: Guideline) -> str | SafeString:
        if row.state == "current" or row.superseded_at is None:
            return "-"
        by = _link(row.superseded_by) if row.superseded_by else ""
        return format_html("{} {} {}", f"{row.superseded_at:%Y-%m-%d %H:%M}", by, row.superseded_reason)

    @admin.display(description=_("versions of the work"))
    def versions(self, row: Guideline) -> SafeString:
        rows = Guideline.objects.filter(work=row.work).defer("text").order_by("added_at", "pk")
        return format_html_join("", "{} ({})<br>", ((_link(item), item.state) for item in rows))

    @admin.display(description=_("assessments that cite it"))
    def recall(self, row: Guideline) -> str | SafeString:
        if row.state == "current":
            return "-"
        return format_html('<a href="{}">{}</a>', reverse("guideline-recall", args=[row.pk]), _("recall"))

    @admin.action(description=_("Withdraw, for the reason given"), permissions=["view"])
    def withdraw(self, request: HttpRequest, chosen: QuerySet[Guideline]) -> None:
        done = 0
        for row in chosen:
            try:
                withdraw_guideline(
                    actor=actor_of(request), guideline_id=row.pk, reason=request.POST.get("reason", "")
                )  # fmt: skip
                done += 1
            except MedAssistError as error:
                said = "; ".join(f"{name}: {text}" for name, text in error.fields.items()) or error.detail
                self.message_user(request, f"{row.pk}: {said}", messages.WARNING)
        self.message_user(request, _("%(count)d versions were withdrawn") % {"count": done})


def _link(row: Guideline) -> SafeString:
    return format_html(
        '<a href="{}">{}, {}</a>', reverse("admin:rag_guideline_change", args=[quote(row.pk)]), row.title, row.version
    )
