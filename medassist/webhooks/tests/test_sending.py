"""Where a message may go, and what a receiver can do to us: nothing."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest

from medassist.common import outside
from medassist.common.errors import InvalidInput
from medassist.webhooks import signing
from medassist.webhooks.tests.conftest import Receiver


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.org/x", "ftp://hooks.example.org", "https://", "hooks.example.org", "https://user:word@example.org/",
        "https://example.org/#part", "https://10.0.0.1/", "https://169.254.169.254/latest/meta-data", "https://[::1]/",
        "https://[::ffff:10.0.0.1]/", "https://[64:ff9b::a00:1]/", "https://[2002:a00:1::]/", "https://localhost/",
        "https://db.internal/", "https://example.org:0/", "https://example.org:99999/", "https://exa mple.org/",
        "https://example.org/\n", "https://0.0.0.0/", "https://224.0.0.1/", "https://100.64.0.1/", "https://" + "a" * 2_000,
    ],
)  # fmt: skip
def test_addresses_that_nobody_may_be_told_at(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        outside.check_url(url)
    assert set(refused.value.fields) == {"url"}


def test_public_addresses_and_named_hosts_are_fine(settings: Any) -> None:
    settings.OUTSIDE_PRIVATE_HOSTS = ["n8n.internal"]
    assert outside.check_url("https://hooks.example.org/a?b=c").hostname == "hooks.example.org"
    assert outside.check_url("http://N8N.internal:5678/webhook/1").port == 5678


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "192.168.0.9", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch, settings: Any, address: str) -> None:
    settings.OUTSIDE_PRIVATE_HOSTS = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    inside = (family, socket.SOCK_STREAM, 6, "", (address, 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [public, inside])
    assert outside.post("https://rebinding.example.org/", b"{}", {}) == outside.Answer(None, "private_address")


def test_redirects_are_not_followed(receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [302], {"Location": receiver.url}
    assert outside.post(receiver.url, b"{}", {}) == outside.Answer(302, "redirect")
    assert len(receiver.got) == 1


def test_a_receiver_that_drips_bytes_is_cut_off(receiver: Receiver, settings: Any) -> None:
    settings.OUTSIDE_TIMEOUT_SECONDS, receiver.drip = 0.6, True
    begun = time.monotonic()
    assert outside.post(receiver.url, b"{}", {}).problem == "timeout"
    assert time.monotonic() - begun < 3


def test_nobody_there(settings: Any) -> None:
    assert outside.post("http://127.0.0.1:9/", b"{}", {}).problem == "connection"
    settings.OUTSIDE_PRIVATE_HOSTS = ["nowhere.invalid"]
    assert outside.post("http://nowhere.invalid/", b"{}", {}).problem == "name_not_found"


def test_the_signature_is_that_of_the_specification() -> None:
    # The example of Standard Webhooks' own libraries (https://github.com/standard-webhooks/standard-webhooks, MIT).
    made = signing.signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}'
    )
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
