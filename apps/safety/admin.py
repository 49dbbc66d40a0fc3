"""Platform staff's page about calibrations, in the public site."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.safety import services
from apps.safety.models import Calibration
from apps.safety.schemas import CalibrationReport
from medassist.accounts.access import Permission, actor_of
from medassist.accounts.admin import PermissionAdmin

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
