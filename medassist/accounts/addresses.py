"""Where a request comes from, and which addresses of identity providers may be asked."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def client_ip(request: Any) -> str | None:
    """The address of who asks. X-Forwarded-For is read from its end, and only as far as trusted proxies wrote it:
    what stands before the first stranger may have been made up."""
    address = _plain(request.META.get("REMOTE_ADDR", ""))
    if address is None:
        return None
    written = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    while written and _is_trusted(address):
        said = _plain(written.pop())
        if said is None:
            break
        address = said
    return address


def _plain(text: str) -> str | None:
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _is_trusted(address: str) -> bool:
    return any(ip_address(address) in network for network in settings.TRUSTED_PROXIES)


def issuer_problem(url: str) -> str:
    """Why this address of an identity provider may not be asked; empty when it may.

    Whoever edits the row of a provider must not be able to make the server ask any address they like: the operator
    lists the hosts (OIDC_HOSTS). Plain http is for a provider on this machine.
    """
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
    except ValueError:
        return _("This is no address.")
    if not host or host not in settings.OIDC_HOSTS:
        return _("The operator has not listed this host as an identity provider (OIDC_HOSTS).")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in _LOOPBACK):
        return _("An identity provider needs https.")
    if parts.username or parts.password or parts.query or parts.fragment:
        return _("The address has parts that do not belong there.")
    return ""
