"""Event tickets: what they open, for how long, and what they refuse."""

from __future__ import annotations

import base64

import pytest

from medassist.common.errors import ConfigurationError
from medassist.common.tickets import Channel, TicketExpired, TicketInvalid, read, sign

KEY = base64.b64encode(b"k" * 32).decode()
OTHER_KEY = base64.b64encode(b"o" * 32).decode()
CHANNEL = Channel("st_mary", "job:0a1b")


def test_a_ticket_opens_its_channel_until_it_expires() -> None:
    ticket = sign(CHANNEL, KEY, 60, now=1_000)
    assert read(ticket, KEY, now=1_059.9) == CHANNEL
    with pytest.raises(TicketExpired):
        read(ticket, KEY, now=1_060)


def test_the_channel_names_the_redis_stream_of_its_clinic() -> None:
    assert CHANNEL.stream == "events:st_mary:job:0a1b"


def test_a_ticket_of_another_key_is_refused() -> None:
    with pytest.raises(TicketInvalid):
        read(sign(CHANNEL, OTHER_KEY, 60, now=1_000), KEY, now=1_000)


def test_every_changed_character_is_noticed() -> None:
    ticket = sign(CHANNEL, KEY, 60, now=1_000)
    for place, character in enumerate(ticket):
        changed = ticket[:place] + ("A" if character != "A" else "B") + ticket[place + 1 :]
        # The last character of base64 may carry unused bits, but the signature is compared as text.
        with pytest.raises(TicketInvalid):
            read(changed, KEY, now=1_000)


@pytest.mark.parametrize(
    "ticket", ["", ".", "a.b", "ä.ö", "x" * 5_000, sign(CHANNEL, KEY, 60, now=1_000).split(".")[0]]
)
def test_garbage_is_refused(ticket: str) -> None:
    with pytest.raises(TicketInvalid):
        read(ticket, KEY)


@pytest.mark.parametrize(
    ("clinic", "name"), [("a:b", "job:1"), ("", "job:1"), ("demo", ""), ("demo", "job 1"), ("demo", "job:1\n")]
)
def test_a_channel_cannot_spell_another_clinics_stream(clinic: str, name: str) -> None:
    with pytest.raises(ValueError, match="channel"):
        Channel(clinic, name)


@pytest.mark.parametrize("key", ["not base64!", base64.b64encode(b"short").decode()])
def test_a_weak_key_is_a_configuration_error(key: str) -> None:
    with pytest.raises(ConfigurationError):
        sign(CHANNEL, key, 60)
