"""One call to an address that somebody else chose: resolved once, private networks refused, no redirect, short and bounded."""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from medassist.common.errors import InvalidInput

LONGEST_URL = 2_000
_LITTLE = 2_048
_OWN_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Answer:
    """`status` of the receiver, or None with a stable code of what went wrong instead."""

    status: int | None
    problem: str = ""
    body: bytes = b""
    retry_after_s: int | None = None

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check_url(url: str) -> SplitResult:
    """The parts of an address that may be told events; raises `InvalidInput` naming `url`. Asks no name server."""

    def refuse(why: str) -> InvalidInput:
        return InvalidInput(fields={"url": why})

    if len(url) > LONGEST_URL or any(ord(letter) < 33 or ord(letter) == 127 for letter in url):
        raise refuse(f"an address of at most {LONGEST_URL} characters without blanks")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        host.encode("idna" if not _literal(host) else "ascii")
    except (ValueError, UnicodeError):
        raise refuse("not an address") from None
    if parts.scheme not in _OWN_PORTS or not host or port == 0:
        raise refuse("an address that begins with https://")
    if parts.username is not None or parts.password is not None:
        raise refuse("no name or password; the signature tells who sends")
    if parts.fragment:
        raise refuse("no fragment")
    if _is_named(host):
        return parts
    if parts.scheme != "https":
        raise refuse("https; plain http only for hosts that the operator has named")
    literal = _literal(host)
    if (
        (literal is not None and not _is_public(literal))
        or host == "localhost"
        or host.endswith((".localhost", ".internal", ".local"))
    ):
        raise refuse("an address of the public internet, or a host that the operator has named")
    return parts


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Sends `body` once; of the answer only the status counts."""
    return _call("POST", url, body, headers, _LITTLE)


def get(url: str, *, most_bytes: int) -> Answer:
    """Fetches a document of at most `most_bytes`; a longer one is the problem `too_large`."""
    answer = _call("GET", url, None, {"Accept": "application/json"}, most_bytes + 1)
    return Answer(answer.status, "too_large") if len(answer.body) > most_bytes else answer


def _call(method: str, url: str, body: bytes | None, headers: Mapping[str, str], most_bytes: int) -> Answer:
    """Within OUTSIDE_TIMEOUT_SECONDS altogether; never raises for what a receiver or a network does."""
    try:
        parts = check_url(url)
    except InvalidInput:
        return Answer(None, "address_refused")
    end = time.monotonic() + settings.OUTSIDE_TIMEOUT_SECONDS
    host, port = parts.hostname or "", parts.port or _OWN_PORTS[parts.scheme]
    try:
        address = _resolve(host, port)
    except OSError:
        return Answer(None, "name_not_found")
    if address is None:
        return Answer(None, "private_address")
    connection = _connection(parts.scheme, host, port, address, max(0.001, end - time.monotonic()))
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    alarm = threading.Timer(max(0.001, end - time.monotonic()), _cut, [connection, late := threading.Event()])
    alarm.daemon = True
    alarm.start()
    try:
        connection.request(method, target, body=body, headers={**headers, "Connection": "close"})
        response = connection.getresponse()
        status, wait = response.status, response.headers.get("Retry-After", "")
        got = response.read(most_bytes)
        if late.is_set():
            # A connection that was cut in its headers reads like one that ended.
            raise TimeoutError
    except (OSError, http.client.HTTPException, ValueError) as error:
        timed_out = isinstance(error, TimeoutError) or late.is_set()
        return Answer(None, "timeout" if timed_out else "tls" if isinstance(error, ssl.SSLError) else "connection")
    finally:
        alarm.cancel()
        connection.close()
    problem = "redirect" if 300 <= status < 400 else "" if 200 <= status < 300 else "refused"
    return Answer(status, problem, got, int(wait) if wait.isdecimal() and len(wait) < 6 else None)


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_named(host: str) -> bool:
    return host.lower().rstrip(".") in {name.lower() for name in settings.OUTSIDE_PRIVATE_HOSTS}


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether it is a machine out there. An IPv4 address in an IPv6 one (mapped, 6to4, NAT64, Teredo) counts as itself."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and address in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner is not None:
            return _is_public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


def _resolve(host: str, port: int) -> str | None:
    """The one address that will be spoken to, so that a name cannot change its mind; None when any of a name's addresses is
    private and the operator has not named the host."""
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    if not found:
        raise OSError
    if not _is_named(host) and not all(_is_public(ipaddress.ip_address(one.partition("%")[0])) for one in found):
        return None
    return found[0]


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _connection(scheme: str, host: str, port: int, address: str, left_s: float) -> http.client.HTTPConnection:
    """A connection that speaks to `address` and names `host`, in the request as in TLS."""
    connection = http.client.HTTPConnection(host, port, timeout=left_s)
    connection.default_port = _OWN_PORTS[scheme]

    def connect() -> None:
        plain = socket.create_connection((address, port), timeout=left_s)
        try:
            connection.sock = _tls().wrap_socket(plain, server_hostname=host) if scheme == "https" else plain
        except BaseException:
            plain.close()
            raise

    connection.connect = connect  # type: ignore[method-assign]
    return connection


def _cut(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    # A timeout on the socket counts from byte to byte: a receiver that drips them would hold a place for hours.
    with contextlib.suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)
