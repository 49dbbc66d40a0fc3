"""Which operations of the API are on their way out, as a table that headers, description and tests read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.utils.http import http_date

API_VERSION = "1.0.0"
"""Of `/api/v1/`; the same as the description's. It grows with what is added; nothing is taken away from 1."""


@dataclass(frozen=True)
class Deprecation:
    """Since when an operation is deprecated, when it ends (null: not decided), and what to use and read instead."""

    since: datetime
    sunset: datetime | None
    successor: str
    """Address of what to use instead, empty when there is nothing."""
    reading: str
    """Address of the page that explains it."""

    def headers(self) -> dict[str, str]:
        """`Deprecation` (RFC 9745), `Sunset` (RFC 8594) and `Link`."""
        links = [f'<{self.reading}>; rel="deprecation"; type="text/html"']
        if self.successor:
            links.append(f'<{self.successor}>; rel="successor-version"')
        found = {"Deprecation": f"@{int(self.since.timestamp())}", "Link": ", ".join(links)}
        if self.sunset is not None:
            found["Sunset"] = http_date(self.sunset.timestamp())
        return found


DEPRECATIONS: Mapping[tuple[str, str], Deprecation] = {}
"""(method, name of the route) -> its end. Empty: nothing of version 1 is on its way out. A line here sets the headers and
marks the operation in the description; docs/integrators/versions.md says how long a line must stand."""


def deprecation_of(method: str, route: str) -> Deprecation | None:
    return DEPRECATIONS.get((method.upper(), route))
