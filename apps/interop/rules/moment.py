"""The moment that a case is about, and what counts as recent then.

A record spans years, a case is now: a pressure of last year must not become today's early-warning score.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from apps.interop.rules.entries import Bundle, Entry, Refused
from apps.interop.rules.values import When, period, thing, when

VITALS = timedelta(hours=24)
"""Vital signs and other bedside observations; the interval within which an early-warning score is one score."""
ENCOUNTER = timedelta(days=7)
"""An encounter that ended is still the one that the case is about."""
TEXTS = timedelta(days=30)
"""Documents, reports, findings of examinations and images."""
LABS = timedelta(days=90)
"""Laboratory results: rules take each value as the present one."""
WEIGHT = timedelta(days=365)
PREGNANCY = timedelta(days=300)
_SLIP = timedelta(hours=24)
"""Clocks differ, zones are forgotten: a day ahead is no future."""


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    source: Literal["given", "bundle", "newest_entry", "now"]

    def is_old(self, found: When | None, window: timedelta) -> bool:
        """Whether it was over longer ago than that; without a date nobody can say so."""
        return found is not None and found.end < self.at - window

    def is_future(self, found: When | None) -> bool:
        return found is not None and found.start > self.at + _SLIP


def effective(entry: Entry) -> When | None:
    """When an observation, report or document speaks of; the end of a period."""
    resource = entry.resource
    span = period(resource.get("effectivePeriod"))
    for found in (
        when(resource.get("effectiveDateTime")), when(resource.get("effectiveInstant")), span[1], span[0],
        when(resource.get("date")), when(resource.get("issued")),
    ):  # fmt: skip
        if found:
            return found
    return None


def moment_of(bundle: Bundle, now: datetime) -> Moment:
    """Given, else the bundle's own time, else the newest dated entry, else now. Raises `Refused` for a future one."""
    for source, text in (("given", bundle.beside.get("as_of", "")), ("bundle", bundle.timestamp)):
        if found := when(text):
            if found.start > now + _SLIP:
                raise Refused("in_the_future", "The moment that the record is of lies in the future.")
            return Moment(min(found.end, now) if not found.exact else found.start, source)  # type: ignore[arg-type]
    dated = [found for found in _dates(bundle) if found.start <= now + _SLIP]
    if dated:
        newest = max(dated, key=lambda found: found.start)
        return Moment(newest.start if newest.exact else min(newest.end, now), "newest_entry")
    return Moment(now, "now")


def _dates(bundle: Bundle) -> Iterator[When]:
    for entry in bundle.of("Observation", "DiagnosticReport", "DocumentReference", "Composition"):
        if found := effective(entry):
            yield found
    for entry in bundle.of("Encounter"):
        if entry.resource.get("status") not in {"planned", "cancelled", "entered-in-error"} and (
            found := period(thing(entry.resource.get("period")))[0]
        ):
            yield found
    for entry in bundle.of("Condition"):
        if found := when(entry.resource.get("recordedDate")):
            yield found
