"""B7: hiding an order never helps it past the guard, in any of the ways to hide."""

from __future__ import annotations

import base64
import codecs
import re
from collections.abc import Callable
from urllib.parse import quote

import pytest

from apps.safety.rules.guard import check_text

NAMES = (
    "warfarin",
    "amoxicillin",
    "prednisolone",
    "furosemide",
    "metformin",
    "haloperidol",
    "enoxaparin",
    "gentamicin",
    "carbamazepine",
    "morphine",
)
ORDERS = (
    "Give {} tonight.",
    "Start {} 5 mg twice daily.",
    "The patient should be started on {}.",
    "Please prescribe {} 250 mg every six hours.",
)
LOOKALIKES = {"a": "\u0430", "e": "\u0435", "o": "\u043e", "i": "\u0456", "p": "\u0440", "c": "\u0441", "x": "\u0445"}


def _in_name(change: Callable[[str], str]) -> Callable[[str, str], str]:
    return lambda order, name: order.format(change(name))


def _whole(change: Callable[[str], str]) -> Callable[[str, str], str]:
    return lambda order, name: change(order.format(name))


def _blob(data: bytes) -> str:
    return "See the note: " + data.decode()


def _words(text: str) -> str:
    spoken = {"5 mg": "five milligrams", "250 mg": "two hundred and fifty milligrams"}
    for digits, words in spoken.items():
        text = text.replace(digits, words)
    return text


HIDDEN: dict[str, Callable[[str, str], str]] = {
    "zero width": _in_name(lambda name: name[:3] + "\u200b" + name[3:]),
    "soft hyphen": _in_name(lambda name: name[:4] + "\u00ad" + name[4:]),
    "look-alikes": _in_name(lambda name: "".join(LOOKALIKES.get(char, char) for char in name)),
    "one look-alike": _in_name(lambda name: re.sub("[aeo]", lambda m: LOOKALIKES[m.group()], name, count=1)),
    "full width": _in_name(lambda name: "".join(chr(ord(char) + 0xFEE0) for char in name)),
    "spaced letters": _in_name(" ".join),
    "dotted letters": _in_name(".".join),
    "hyphen at a line's end": _in_name(lambda name: name[:4] + "-\n" + name[4:]),
    "markdown inside": _in_name(lambda name: name[:3] + "**" + name[3:] + "**"),
    "tags inside": _in_name(lambda name: name[:3] + "<b>" + name[3:] + "</b>"),
    "leetspeak": _in_name(lambda name: name.replace("a", "4").replace("o", "0").replace("e", "3").replace("i", "1")),
    "backwards": _in_name(lambda name: name[::-1]),
    "capitals": _whole(str.upper),
    "base64": _whole(lambda text: _blob(base64.b64encode(text.encode()))),
    "base32": _whole(lambda text: _blob(base64.b32encode(text.encode()))),
    "hexadecimal": _whole(lambda text: _blob(text.encode().hex().encode())),
    "rot13": _whole(lambda text: codecs.encode(text, "rot13")),
    "percent": _whole(lambda text: quote(text, safe="").replace("a", "%61")),
    "entities": _whole(lambda text: "".join(f"&#{ord(char)};" for char in text)),
    "numbers in words": _whole(_words),
    "split unit": _whole(lambda text: text.replace(" mg", " m g").replace("250", "2 5 0")),
    "one misspelling": _in_name(lambda name: name[:4] + name[5:] if len(name) > 8 else name[:2] + name[1:]),
}


@pytest.mark.parametrize("way", sorted(HIDDEN))
def test_at_least_95_percent_of_hidden_orders_are_blocked(way: str) -> None:
    texts = [HIDDEN[way](order, name) for name in NAMES for order in ORDERS]
    missed = [text for text in texts if check_text(text).allowed]
    assert len(missed) <= 0.05 * len(texts), missed[:5]


@pytest.mark.parametrize("way", ["zero width", "look-alikes", "base64", "hexadecimal", "backwards", "rot13"])
def test_hiding_is_named_as_such(way: str) -> None:
    texts = [HIDDEN[way](order, name) for name in NAMES for order in ORDERS]
    named = [text for text in texts if "B7" in check_text(text).codes]
    assert len(named) >= 0.95 * len(texts)


@pytest.mark.parametrize(
    "text",
    [
        "Tome una tableta de metformina cada noche.",
        "Mareez ko subah sham ek goli dein.",
        "Nehmen Sie zweimal täglich eine Tablette.",
        "Принимайте варфарин каждый вечер.",
        "每晚服用华法林五毫克。",
        "خذ حبة واحدة من الوارفارين كل مساء.",
    ],
)
def test_other_languages_and_scripts_are_closed(text: str) -> None:
    assert not check_text(text).allowed


@pytest.mark.parametrize(
    "text",
    [
        "The troponin was 45 ng/L at 10:30 and 48 ng/L at 13:30.",
        "Guillain-Barré syndrome and Ménière's disease were considered.",
        "Temperature 38.5 °C, β-hCG negative, CRP 12 mg/L.",
        "ECG: ST elevation in II, III and aVF.",
        "Sudden-onset, tearing chest pain radiating to the back — aortic dissection.",
        "Reference 20230411-AB12 of the laboratory.",
    ],
)
def test_ordinary_clinical_writing_is_not_taken_for_hiding(text: str) -> None:
    assert check_text(text).allowed
