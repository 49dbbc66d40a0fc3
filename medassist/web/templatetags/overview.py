"""What the admin site's first page shows: tiles and plots of the clinic, or of the platform."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext

from apps.safety.selectors import event_totals, events_by_day
from medassist.accounts.access import Actor, Permission, actor_of, is_allowed
from medassist.audit.services import entries_by_day
from medassist.common.errors import NotAuthenticated
from medassist.jobs.overview import ended_by_day, overview
from medassist.jobs.usage import usage_of
from medassist.tenancy.context import current_schema
from medassist.tenancy.schemas import PUBLIC_SCHEMA
from medassist.tenancy.selectors import open_clinics

register = template.Library()
DAYS = 30
WIDTH, HEIGHT, GAP = 600.0, 100.0, 2.0


@dataclass(frozen=True)
class Tile:
    figure: str
    what: str
    tone: str = ""
    href: str = ""


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    label: str
    value: int


@dataclass(frozen=True)
class Plot:
    title: str
    note: str
    bars: tuple[Bar, ...]
    most: int
    first: str
    last: str
    spoken: str
    width: int = int(WIDTH)
    height: int = int(HEIGHT)


@dataclass(frozen=True)
class View:
    tiles: tuple[Tile, ...]
    plots: tuple[Plot, ...]


@register.simple_tag
def admin_overview(request: HttpRequest) -> View | None:
    """None for who may read neither usage nor the audit trail."""
    try:
        actor = actor_of(request)
    except NotAuthenticated:
        return None
    if current_schema() == PUBLIC_SCHEMA:
        return _platform() if is_allowed(actor, Permission.CLINIC_MANAGE) else None
    return _clinic(actor) if is_allowed(actor, Permission.USAGE_READ) else None


def _platform() -> View:
    found = overview()
    waiting, dead = sum(row.waiting for row in found.backlog), sum(found.dead.values())
    oldest = max((row.oldest_s for row in found.backlog), default=0.0)
    tiles = (
        Tile(str(len(list(open_clinics()))), gettext("open clinics"), href=_link("admin:tenancy_clinic_changelist")),
        Tile(str(waiting), gettext("jobs waiting"), "warn" if waiting > 100 else "good",
             _link("admin:jobs_job_changelist", "?state__exact=queued")),
        Tile(f"{oldest:.0f} s", gettext("oldest has waited"), "warn" if oldest > 60 else "good"),
        Tile(str(sum(found.running.values())), gettext("jobs running")),
        Tile(str(dead), gettext("dead letters"), "alarm" if dead else "good", _link("admin:jobs_job_changelist", "?state__exact=dead")),
        Tile(str(sum(event_totals().values())), gettext("safety events, all clinics")),
    )  # fmt: skip
    return View(tiles, (_plot(gettext("Jobs ended a day"), gettext("all clinics"), ended_by_day(DAYS)),))


def _clinic(actor: Actor) -> View:
    used = usage_of(actor=actor, days=DAYS)
    jobs, tokens = (
        {row.day: row.jobs for row in used.days},
        {row.day: row.prompt_tokens + row.completion_tokens for row in used.days},
    )
    days = _days()
    left = next((one.jobs_left for one in used.quotas if not one.person), None)
    tiles = [
        Tile(str(sum(jobs.values())), gettext("jobs in 30 days")),
        Tile(f"{sum(tokens.values()):,}", gettext("tokens in 30 days")),
        Tile(str(len(used.people)), gettext("people and keys that used it")),
    ]
    if left is not None:
        tiles.append(Tile(str(left), gettext("jobs left today"), "alarm" if left <= 0 else "good"))
    plots = [
        _plot(gettext("Jobs a day"), "", [(day, jobs.get(day, 0)) for day in days]),
        _plot(gettext("Tokens a day"), "", [(day, tokens.get(day, 0)) for day in days]),
    ]
    if is_allowed(actor, Permission.AUDIT_READ):
        events = events_by_day(DAYS)
        many = sum(count for _day, count in events)
        tiles.append(
            Tile(str(many), gettext("safety events in 30 days"), "", _link("admin:safety_safetyevent_changelist"))
        )
        plots.append(_plot(gettext("Safety events a day"), gettext("what the checks removed or withheld"), events))
        plots.append(_plot(gettext("Audit entries a day"), "", entries_by_day(DAYS)))
    return View(tuple(tiles), tuple(plots))


def _days() -> list[date]:
    today = timezone.now().date()
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


def _plot(title: str, note: str, counts: Sequence[tuple[date, int]]) -> Plot:
    by_day = dict(counts)
    values = [(day, by_day.get(day, 0)) for day in _days()]
    most = max(value for _day, value in values)
    each = WIDTH / len(values)
    bars = tuple(
        Bar(
            f"{at * each:.1f}", f"{HEIGHT - value / most * (HEIGHT - 4):.1f}", f"{each - GAP:.1f}",
            f"{value / most * (HEIGHT - 4):.1f}", date_format(day, "j M"), value,
        )
        for at, (day, value) in enumerate(values)
        if value
    ) if most else ()  # fmt: skip
    total = sum(value for _day, value in values)
    spoken = gettext("%(title)s in the last 30 days: %(total)s in all, at most %(most)s on one day") % {
        "title": title, "total": total, "most": most,
    }  # fmt: skip
    return Plot(
        title, note, bars, most, date_format(values[0][0], "j M"), date_format(values[-1][0], "j M"), spoken
    )  # fmt: skip


def _link(name: str, query: str = "") -> str:
    try:
        return reverse(name) + query
    except NoReverseMatch:
        return ""
