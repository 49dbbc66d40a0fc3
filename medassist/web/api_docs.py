"""The API's description for people: Swagger UI and ReDoc, served from here, under the site's content security policy."""

from __future__ import annotations

from csp.constants import NONCE
from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

_REDOC_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
    "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
)
"""Of the sheet that ReDoc's scroll bar brings, and of an empty one; it gives neither the page's nonce."""


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    """Swagger UI; a call made on the page is the signed-in person's, or of a key given there."""
    return render(request, "api/swagger.html")


@require_safe
@csp_update({"style-src": [NONCE, *_REDOC_STYLES]})
def redoc(request: HttpRequest) -> HttpResponse:
    """ReDoc; it writes its styles itself, for which this page alone gives it a nonce.

    The picture beside its name would come from elsewhere: the policy refuses it, and nothing is asked.
    """
    return render(request, "api/redoc.html", {"nonce": str(request.csp_nonce)})  # type: ignore[attr-defined]
