"""What every answer of the API carries: its version, what is on its way out, the caller's rate, an ETag."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags

from medassist.web import versions
from medassist.web.limits import carry_over

_ROOT = "/api/v1/"
_TAGGED = ("application/json", "application/fhir+json")


class ApiEdge:
    """The innermost middleware, for `/api/v1/` only.

    A view has run, checked rights and written its audit row before an answer is compared with `If-None-Match`: who reads
    a record again leaves a trace again, whether or not its bytes travel.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_ROOT):
            return self.get_response(request)
        response = self.get_response(request)
        response["API-Version"] = versions.API_VERSION
        for name, value in _told(request).items():
            response[name] = value
        if due := getattr(request, "key_use_due", ""):
            carry_over(due)
        return _tagged(request, response)


def _told(request: HttpRequest) -> dict[str, str]:
    rate = getattr(request, "rate", None)
    found: dict[str, str] = rate.headers() if rate is not None else {}
    match = request.resolver_match
    if match is not None and (ending := versions.deprecation_of(request.method or "", match.url_name or "")):
        found.update(ending.headers())
    return found


def _tagged(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """With an ETag, or 304 when the caller has these very bytes. Streams, tickets and errors are left alone."""
    match = request.resolver_match
    named = match is not None and bool(match.url_name)
    if (
        request.method not in {"GET", "HEAD"} or response.status_code != 200 or response.streaming or not named
        or response.get("Content-Type", "").split(";")[0] not in _TAGGED
    ):  # fmt: skip
        return response
    tag = f'"{urlsafe_b64encode(hashlib.sha256(response.content).digest()[:18]).decode()}"'
    known = parse_etags(request.headers.get("If-None-Match", ""))
    if "*" in known or any(one.removeprefix("W/") == tag for one in known):
        answer: HttpResponse = HttpResponseNotModified()
        for name, value in response.headers.items():
            if name not in {"Content-Type", "Content-Length", "Content-Disposition"}:
                answer[name] = value
        answer.cookies = response.cookies
        response = answer
    response["ETag"] = tag
    if "Authorization" in request.headers:
        # A system may keep what it read, asks again before it uses it, and shares it with nobody. A browser on a ward
        # keeps nothing: for a session the outer layer says no-store.
        response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Authorization", "Accept"])
    return response
