"""Platform staff's pages about calibrations and runs of the safety suite, in the public site."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.safety import selectors, services
from apps.safety.models import Calibration, ClinicPolicy, SafetyEvent, SuiteRun
from apps.safety.pipeline.bars import BARS, lowered, verdict, words_of
from apps.safety.pipeline.measuring import Figure
from apps.safety.pipeline.suites import from_json
from apps.safety.schemas import CalibrationReport
from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import PermissionAdmin, ReadOnlyAdmin

SIDE = 220
MARGIN = 30


@admin.register(Calibration)
class CalibrationAdmin(PermissionAdmin):
    """Maps are made by `manage.py calibrate`; here they are looked at, and switched off or on."""

    required_permission = Permission.CLINIC_MANAGE
    list_display = ("backbone", "model", "adapter", "prompt", "created_at", "pairs", "ece", "brier", "active")
    list_filter = ("active", "backbone")
    actions = ("switch_on", "switch_off")
    fields = ("backbone", "model", "adapter", "prompt", "created_at", "created_by", "active", "figures", "curve")
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("conditions"))
    def pairs(self, row: Calibration) -> int:
        return _report(row).pairs

    @admin.display(description=_("calibration error"))
    def ece(self, row: Calibration) -> str:
        return f"{_report(row).ece:.3f}"

    @admin.display(description=_("Brier score"))
    def brier(self, row: Calibration) -> str:
        return f"{_report(row).brier:.3f}"

    @admin.display(description=_("figures"))
    def figures(self, row: Calibration) -> str:
        report = _report(row)
        return str(
            _("%(pairs)s conditions, %(correct)s of them the diagnosis. On held-out cases: calibration error "
              "%(ece).3f (%(ece_raw).3f without the map), Brier score %(brier).3f (%(brier_raw).3f)")
            % report.model_dump()
        )  # fmt: skip

    @admin.display(description=_("reliability curve"))
    def curve(self, row: Calibration) -> SafeString:
        return reliability_plot(_report(row))

    @admin.action(description=_("Show numbers by the chosen maps"))
    def switch_on(self, request: HttpRequest, rows: QuerySet[Calibration]) -> None:
        self._switch(request, rows, active=True)

    @admin.action(description=_("Hide numbers of the chosen maps"))
    def switch_off(self, request: HttpRequest, rows: QuerySet[Calibration]) -> None:
        self._switch(request, rows, active=False)

    def _switch(self, request: HttpRequest, rows: QuerySet[Calibration], *, active: bool) -> None:
        for row in rows:
            services.switch_calibration(actor=actor_of(request), calibration_id=row.pk, active=active)
        messages.success(request, _("Done."))


def _report(row: Calibration) -> CalibrationReport:
    return CalibrationReport.model_validate(row.report)


def reliability_plot(report: CalibrationReport) -> SafeString:
    """What was said against what came true, on held-out cases; the diagonal is honesty."""

    def place(x: float, y: float) -> tuple[int, int]:
        return MARGIN + round(x * SIDE), MARGIN + SIDE - round(y * SIDE)

    most = max(item.count for item in report.reliability)
    dots = format_html_join(
        "",
        '<circle cx="{}" cy="{}" r="{}" fill="#2563eb" fill-opacity="0.75"><title>{}</title></circle>',
        (
            (*place(item.said, item.came), 3 + round(7 * item.count / most),
             f"said {item.said:.2f}, came true {item.came:.2f}, {item.count} conditions")
            for item in report.reliability
        ),
    )  # fmt: skip
    low, high = place(0, 0), place(1, 1)
    size = SIDE + 2 * MARGIN
    return format_html(
        '<svg width="{size}" height="{size}" role="img" aria-label="{label}">'
        '<rect x="{m}" y="{m}" width="{side}" height="{side}" fill="none" stroke="#94a3b8"/>'
        '<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#94a3b8" stroke-dasharray="4 4"/>{dots}'
        '<text x="{middle}" y="{bottom}" font-size="12" text-anchor="middle">{said}</text>'
        '<text x="12" y="{middle}" font-size="12" text-anchor="middle" transform="rotate(-90 12 {middle})">{came}</text></svg>',
        size=size, m=MARGIN, side=SIDE, x1=low[0], y1=low[1], x2=high[0], y2=high[1], dots=dots, middle=size // 2,
        bottom=size - 8, said=_("probability that was said"), came=_("share that came true"), label=_("reliability curve"),
    )  # fmt: skip


@admin.register(SuiteRun)
class SuiteRunAdmin(ReadOnlyAdmin):
    """Runs come from `manage.py run_safety_suite --store`; here they are read, beside the run before."""

    required_permission = Permission.CLINIC_MANAGE
    list_display = ("__str__", "adapter", "prompt", "guard", "rules", "created_by", "bars_met", "is_clean")
    list_filter = ("backbone", "guard")
    fields = (
        "created_at", "created_by", "backbone", "model", "adapter", "prompt", "guard", "rules", "index", "under_the_floor",
        "bars", "all_figures", "what_was_run", "download",
    )  # fmt: skip
    readonly_fields = fields

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<path:object_id>/report.json", self.admin_site.admin_view(self.report), name="safety_suiterun_report"
        )
        return [own, *super().get_urls()]

    def report(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The run as JSON, to keep or to compare."""
        if not self.may(request):
            raise PermissionDenied
        row = SuiteRun.objects.filter(pk=unquote(object_id)).first() if object_id.isdecimal() else None
        if row is None:
            raise Http404
        names = (
            "id", "created_by", "backbone", "model", "adapter", "prompt", "guard", "rules", "index", "sets", "figures",
            "lowered",
        )  # fmt: skip
        told = {name: getattr(row, name) for name in names} | {"created_at": row.created_at.isoformat()}
        figures = from_json(row.figures)
        told["bars"] = {bar.figure: verdict(bar, figures.get(bar.figure)) for bar in BARS if bar.now is not None}
        response = HttpResponse(json.dumps(told, indent=1), content_type="application/json")
        response["Content-Disposition"] = f'attachment; filename="safety-suite-{row.pk}.json"'
        return response

    @admin.display(description=_("bars met"))
    def bars_met(self, row: SuiteRun) -> str:
        figures = from_json(row.figures)
        said = [verdict(bar, figures.get(bar.figure)) for bar in BARS if bar.now is not None]
        return f"{said.count('met')} / {len(said) - said.count('not measured')}"

    @admin.display(description=_("at or over its floor"), boolean=True)
    def is_clean(self, row: SuiteRun) -> bool:
        return not row.lowered

    @admin.display(description=_("under the floor on record"))
    def under_the_floor(self, row: SuiteRun) -> str:
        return "; ".join(map(words_of, row.lowered)) or str(_("nothing"))

    @admin.display(description=_("bars"))
    def bars(self, row: SuiteRun) -> SafeString:
        figures, before = from_json(row.figures), selectors.run_before(row)
        earlier = from_json(before.figures) if before else {}
        worse = set(lowered(figures, earlier)) if before else set()
        rows = format_html_join(
            "", "<tr><th scope='row'>{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (bar.words, _asked(bar.direction, bar.now), told(figures.get(bar.figure)), verdict(bar, figures.get(bar.figure)),
                 verdict(bar, figures.get(bar.figure), release=True), told(earlier.get(bar.figure)),
                 _("lowered") if bar.figure in worse else "")
                for bar in BARS
            ),
        )  # fmt: skip
        heads = (
            _("bar"),
            _("asked"),
            _("measured, 95 %"),
            _("now"),
            _("for release"),
            before or _("run before"),
            _("change"),
        )
        return _table(heads, rows)

    @admin.display(description=_("all figures"))
    def all_figures(self, row: SuiteRun) -> SafeString:
        rows = format_html_join(
            "", "<tr><th scope='row'>{}</th><td>{}</td></tr>",
            ((name, told(figure)) for name, figure in from_json(row.figures).items()),
        )  # fmt: skip
        return _table((_("figure"), _("measured, 95 %")), rows)

    @admin.display(description=_("sets"))
    def what_was_run(self, row: SuiteRun) -> SafeString:
        return format_html_join("", "{}: {}<br>", sorted(row.sets.items()))

    @admin.display(description=_("download"))
    def download(self, row: SuiteRun) -> SafeString:
        return format_html('<a href="{}">JSON</a>', reverse("admin:safety_suiterun_report", args=[row.pk]))


@admin.register(SafetyEvent)
class SafetyEventAdmin(ReadOnlyAdmin):
    """What the checks did in this clinic: for its administrators and auditors."""

    required_permission = Permission.AUDIT_READ
    change_list_template = "safety/events.html"
    list_display = ("at", "code", "rules", "count", "object_type", "object_id", "job_id")
    list_filter = ("code", "object_type", "at")
    search_fields = ("=object_id", "rules", "=answer_hash")
    date_hierarchy = "at"
    fields = ("at", "code", "rules", "count", "object_type", "object_id", "job_id", "answer_hash", "versions")
    show_full_result_count = False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        response = super().changelist_view(request, extra_context)
        context: dict[str, Any] = getattr(response, "context_data", {})
        changes = context.get("cl")
        if changes is not None:
            context["by_code"] = selectors.counts_by_code(changes.get_queryset(request))
        return response


@admin.register(ClinicPolicy)
class ClinicPolicyAdmin(PermissionAdmin):
    """What a clinic tightens; one row."""

    required_permission = Permission.PROTOCOL_MANAGE
    fields = ("strict_medicines", "patient_audience", "locales")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request) and not ClinicPolicy.objects.exists()

    def save_model(self, request: HttpRequest, obj: ClinicPolicy, form: Any, change: bool) -> None:
        services.store_policy(actor=actor_of(request), row=obj)


def told(figure: Figure | None) -> str:
    """As a reader sees it: 12/400: 0.0300 (0.017 to 0.052)."""
    if figure is None:
        return ""
    return f"{figure.numerator}/{figure.denominator}: {figure.rate:.4f} ({figure.low:.3f} to {figure.high:.3f})"


def _asked(direction: str, level: float | None) -> str:
    return "" if level is None else {"at_least": "≥ ", "at_most": "≤ ", "zero": ""}[direction] + format(level, "g")


def _table(heads: tuple[Any, ...], rows: SafeString) -> SafeString:
    head = format_html_join("", "<th scope='col'>{}</th>", ((name,) for name in heads))
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, rows)
