"""Decoded views of a text: what a reader, a browser or a decoder would see behind what was written.

The guard judges the plain view and every hidden one; what is only visible in a hidden one is a
finding of its own (B7), so that hiding is never rewarded.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from apps.safety.rules.words import words

INVISIBLE = frozenset(
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\ufeff\ufff9\ufffa"
    "\ufffb"
)
_TYPOGRAPHY = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'", "\u02bc": "'", "\u2032": "'", "\u201c": '"', "\u201d": '"', "\u201e": '"',
    "\u2033": '"', "\u00ab": '"', "\u00bb": '"', "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u2015": "-",
    "\u2212": "-", "\u2044": "/", "\u2215": "/", "\u2022": "-", "\u25cf": "-", "\u25aa": "-", "\u00d7": "x", "\u03bc": "u", "\u00b5": "u",
    "\U0001f48a": " pill ", "\U0001f489": " injection ",
})  # fmt: skip
# Letters of other scripts (or small capitals) that look like Latin ones, after lower-casing.
_PAIRS = (
    "аa вb сc ԁd еe ёe ɡg һh іi їi јj кk ӏl мm нh оo рp ԛq гr ѕs тt ѵv ѡw хx уy ьb пn иu зz "
    "αa βb εe ηn ιi κk νv οo ρp τt υu χx ωw ɑa ıi ɩi ɪi ɴn ʀr ʏy օo ոn սu հh ցg յj ƒf "
    "ɓb ɗd ɛe ɔo ʟl ᴍm ᴏo ᴘp ᴛt ᴜu ᴠv ᴡw ᴢz ᴄc ᴅd ᴇe ᴊj ᴋk ᴀa ʙb ɢg ʜh ꜰf ꜱs "
    "øo łl đd ħh ŧt æa"
)
HOMOGLYPHS = {pair[0]: pair[1] for pair in _PAIRS.split()}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """`text` is lower-case ASCII where that is possible; `origin[i]` is the index in the raw text."""

    text: str
    origin: tuple[int, ...]
    hidden: tuple[int, ...]
    """Positions in `text` after which invisible characters were removed inside a word."""
    swapped: tuple[int, ...]
    """Positions in `text` of letters that were look-alikes of another script."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in the raw text of a span of the cleaned one."""
        if not self.origin:
            return 0, 0
        last = len(self.origin) - 1
        return self.origin[min(start, last)], self.origin[min(max(end - 1, start), last)] + 1


# "20 mg ON" is "omne nocte"; in lower case it would read like the preposition.
_AT_NIGHT = re.compile(
    r"(?<=\d|g|l|s|t|U)( ?)ON(?=\s*(?:[.,;|)\]/+\n]|$|and\b|x\s?\d|for\b))|(?<=\d|g)( ?)on(?=\s*(?:[.,;)]|$))"
)


@lru_cache(maxsize=8)
def clean(raw: str) -> Cleaned:
    """NFKC, lower case, no invisible characters, look-alikes folded, accents and markdown removed."""
    raw = _AT_NIGHT.sub(lambda m: m.group()[:-2] + "qn", raw) if "ON" in raw or "on" in raw else raw
    if raw.isascii():
        return _clean_ascii(raw)
    out: list[str] = []
    origin: list[int] = []
    hidden: list[int] = []
    swapped: list[int] = []
    for index, char in enumerate(raw):
        if char > "\x7f" and (
            char in INVISIBLE or "\ufe00" <= char <= "\ufe0f" or "\U000e0000" <= char <= "\U000e01ef"
        ):
            if out and out[-1].isalnum() and index + 1 < len(raw) and not raw[index + 1].isspace():
                hidden.append(len(out))
            if "\U000e0020" <= char <= "\U000e007e":  # tag characters spell ASCII that no reader sees
                out.append(chr(ord(char) - 0xE0000).lower())
                origin.append(index)
                hidden.append(len(out))
            continue
        if char < "\x80":
            out.append(char.lower())
            origin.append(index)
            continue
        for piece in _fold(char):
            if piece in HOMOGLYPHS:
                swapped.append(len(out))
            out.append(piece)
            origin.append(index)
    letters = _resolve_lookalikes(out, swapped)
    text = "".join(letters)
    if not _MARKUP.search(text) and len(text) == len(letters):
        marks = tuple(i for i in swapped if letters[i].isascii())
        return Cleaned(text, tuple(origin), tuple(hidden), marks)
    kept = [i for i, piece in enumerate(letters) if piece not in "*`~"]
    place = {old: new for new, old in enumerate(kept)}
    return Cleaned(
        "".join(letters[i] for i in kept),
        tuple(origin[i] for i in kept),
        tuple(place[i] for i in hidden if i in place),
        tuple(place[i] for i in swapped if i in place and letters[i].isascii()),
    )


_MARKUP = re.compile(r"[*`~]")


def _clean_ascii(raw: str) -> Cleaned:
    if not re.search(r"[*`~\x00]", raw):
        return Cleaned(raw.lower(), tuple(range(len(raw))), (), ())
    kept = [i for i, char in enumerate(raw) if char not in "*`~\x00"]
    return Cleaned("".join(raw[i] for i in kept).lower(), tuple(kept), (), ())


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    if char.isascii():
        return char.lower()
    folded = unicodedata.normalize("NFKC", char).translate(_TYPOGRAPHY)
    stripped = "".join(c for c in unicodedata.normalize("NFD", folded) if not unicodedata.combining(c))
    lowered = stripped.lower().translate(_TYPOGRAPHY)
    return " " if lowered.isspace() and lowered != "\n" else lowered


def _resolve_lookalikes(pieces: list[str], swapped: list[int]) -> list[str]:
    """Look-alikes become Latin inside a word that holds a Latin letter or is made of look-alikes only."""
    result = list(pieces)
    todo = set(swapped)
    while todo:
        position = min(todo)
        left = position
        while left > 0 and pieces[left - 1].isalnum():
            left -= 1
        right = position
        while right + 1 < len(pieces) and pieces[right + 1].isalnum():
            right += 1
        word = pieces[left : right + 1]
        alone = len([p for p in word if p.isalpha()]) <= 1
        if not alone and all(p.isascii() or p in HOMOGLYPHS for p in word):
            for i in range(left, right + 1):
                result[i] = HOMOGLYPHS.get(pieces[i], pieces[i])
        todo -= set(range(left, right + 1))
    return result


_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_](?:[ \t.\-_/\\|,+'\u00b7:]{1,2}|[ ]{2,3})){3,}[^\W_](?![^\W_])")
_NUMBER_WORDS = words(
    "hundred thousand million one two three four five six seven eight nine ten fifteen twenty thirty forty fifty sixty half"
)
_AFTER_NUMBER = r"(?:(?<=\d)|" + "|".join(f"(?<={word})" for word in _NUMBER_WORDS) + ")"
_SPLIT_UNIT = (
    (re.compile(_AFTER_NUMBER + r"(\s*-?\s*)m[ .\-_]{1,2}c[ .\-_]{0,2}g\b"), r"\1mcg"),
    (re.compile(_AFTER_NUMBER + r"(\s*-?\s*)m[ \t.\-_/]{1,3}g\b\.?"), r"\1mg"),
    (re.compile(_AFTER_NUMBER + r"(\s*-?\s*)m[ \t.\-_/]{1,3}l\b\.?"), r"\1ml"),
    (re.compile(_AFTER_NUMBER + r"(\s*-?\s*)u[ \t.\-_]{1,2}g\b\.?"), r"\1ug"),
    (re.compile(_AFTER_NUMBER + r"(\s*-?\s*)i[ \t.\-_]{1,2}u\b\.?"), r"\1iu"),
    (re.compile(r"\b(milli|micro|mili|kilo|nano)[\s\-_.]{1,3}(gram(?:me)?s?|lit(?:re|er)s?)\b"), r"\1\2"),
    (re.compile(r"\b(mill?i?)[\s\-_.]{1,2}(?:i)?(grams?|grammes?|lit(?:re|er)s?)\b"), r"milli\2"),
    (re.compile(r"\b(tab)[\s\-_.]{1,2}(lets?)\b"), r"\1\2"),
    (re.compile(r"\b(cap)[\s\-_.]{1,2}(sules?)\b"), r"\1\2"),
    (re.compile(r"\bun[\s\-_.]{1,2}(its?)\b"), r"un\1"),
)
# Most texts hold nothing that any of these mends.
_TORN = re.compile(
    r"(?<![a-z])[mui][ \t.\-_/]{1,3}[cglu](?![a-z])|(?:milli|micro|mili|kilo|nano|mill?)[\s\-_.]{1,3}i?[gl]"
    r"|\b(?:tab|cap|un)[\s\-_.]{1,2}[lsi]"
)
_DIGIT_LOOKALIKE = re.compile(
    r"\b(?=[\dol|]*\d)[\dol|]*[ol|][\dol|]*(?=\s*(?:mg|mcg|ug|g|ml|mls|units?|iu|tabs?|"
    r"tablets?|milligrams?|micrograms?)\b)"
)
_SPACED_DIGITS = re.compile(r"\b\d(?: \d){1,4}(?=\s*(?:mg|mcg|ug|g|ml|mls|units?|iu|milligrams?|micrograms?)\b)")


def squeeze(text: str) -> str:
    """The text with letter-spacing joined, split units mended and letters inside numbers turned into digits."""
    joined = _SPACED.sub(_join_spaced, text) if _SPACED.search(text) else text
    joined = _DIGIT_LOOKALIKE.sub(lambda m: m.group().replace("o", "0").replace("l", "1").replace("|", "1"), joined)
    joined = _SPACED_DIGITS.sub(lambda m: m.group().replace(" ", ""), joined)
    if _TORN.search(joined):
        for pattern, replacement in _SPLIT_UNIT:
            joined = pattern.sub(replacement, joined)
    return joined


def _join_spaced(match: re.Match[str]) -> str:
    run = match.group()
    chunks = run.split()
    # "p.o. b.d." is written that way by clinicians, "0.5 g 8-hourly" holds single characters by chance.
    if len(re.findall(r"[a-z]", run)) < 3 or all(
        re.fullmatch(r"(?:[a-z]\.){1,4}[a-z]?", chunk) and len(chunk) > 2 for chunk in chunks
    ):
        return run
    words = re.split(r"[ ]{2,}", run)
    joined = " ".join(re.sub(r"[\W_]+", "", word) for word in words)
    return re.sub(r"(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", " ", joined)


_LEET = str.maketrans("0134578@$!|", "oieastbasil")
_LEET_ONE_L = str.maketrans("0134578@$!|", "oleastbasll")


def leet(token: str) -> tuple[str, ...]:
    """Readings of a word written with digits or symbols for letters."""
    return token.translate(_LEET), token.translate(_LEET_ONE_L)


_ROT13 = str.maketrans("abcdefghijklmnopqrstuvwxyz", "nopqrstuvwxyzabcdefghijklm")


def rot13(text: str) -> str:
    return text.translate(_ROT13)


_BLOB = re.compile(r"(?<![A-Za-z0-9+/=_-])[A-Za-z0-9+/_-]{12,}={0,2}(?![A-Za-z0-9+/_-])")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[\s,:;-]?){6,}(?![0-9A-Za-z])")
_BINARY = re.compile(r"(?:\b[01]{7,8}\b[\s,]*){4,}")
_CODES = re.compile(r"(?:\b\d{2,3}\b[\s,;]+){7,}\d{2,3}\b")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}[^\s%]{0,12}){2,}")
_ENTITY = re.compile(r"&(?:#\d{2,7}|#x[0-9A-Fa-f]{2,6}|[A-Za-z]{2,12});")
_ESCAPE = re.compile(r"\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2}){3,}")
_BASE32 = re.compile(r"(?<![A-Z2-7])(?=[A-Z2-7]*[2-7])[A-Z2-7]{16,}={0,6}(?![A-Za-z0-9])")


@dataclass(frozen=True, slots=True)
class Hidden:
    """A decoded stretch: where it stood in the raw text and what it says."""

    name: str
    start: int
    end: int
    text: str


def decoded(raw: str) -> Iterator[Hidden]:
    """Every stretch of the raw text that decodes to readable words."""
    for name, pattern, decode in _DECODERS:
        for match in pattern.finditer(raw):
            # What stands before it may have been taken for its beginning.
            tail = match.group().partition(" ")[2]
            for blob in (match.group(), tail) if tail else (match.group(),):
                said = decode(blob)
                if said is not None and _readable(said):
                    yield Hidden(name, match.start(), match.end(), said)
                    break
    # One after the other, so that an entity inside a percent code is read too.
    said, names = raw, []
    for name, pattern, whole in (
        ("entities", _ENTITY, html.unescape),
        ("percent", _PERCENT, unquote),
        ("escapes", _ESCAPE, _unescape),
    ):
        if pattern.search(said) and (read := whole(said)) != said:
            said = read
            names.append(name)
    if names:
        yield Hidden(names[0], 0, len(raw), said)


def _unescape(raw: str) -> str:
    return _ESCAPE.sub(lambda m: chr(int(m.group()[2:], 16)), raw)


def _readable(text: str) -> bool:
    letters = sum(char.isalpha() or char == " " for char in text)
    plain = all(char.isprintable() or char in "\n\t\r" for char in text)
    return (
        len(text) >= 4
        and plain
        and letters >= 0.55 * len(text)
        and text.isascii()
        and bool(re.search(r"[aeiouAEIOU]", text))
    )


def _text(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _base64(blob: str) -> str | None:
    core = blob.rstrip("=").replace("-", "+").replace("_", "/")
    if re.fullmatch(r"[a-z]+|[A-Z]+|[A-Z][a-z]+|\d+|[a-z]+(?:[/+][a-z]+)+", core):
        return None
    try:
        return _text(base64.b64decode(core + "=" * (-len(core) % 4)))
    except (binascii.Error, ValueError):
        return None


def _base32(blob: str) -> str | None:
    core = blob.rstrip("=")
    try:
        return _text(base64.b32decode(core + "=" * (-len(core) % 8)))
    except (binascii.Error, ValueError):
        return None


def _hex(blob: str) -> str | None:
    digits = re.sub(r"0x|\\x|[^0-9A-Fa-f]", "", blob)
    return _text(bytes.fromhex(digits)) if len(digits) % 2 == 0 else None


def _binary(blob: str) -> str | None:
    return _text(bytes(int(group, 2) for group in re.findall(r"[01]{7,8}", blob)))


def _codes(blob: str) -> str | None:
    numbers = [int(n) for n in re.findall(r"\d+", blob)]
    return "".join(map(chr, numbers)) if all(32 <= n < 127 for n in numbers) else None


def _quoted(blob: str) -> str | None:
    return _hex(blob.replace("=", ""))


_DECODERS: tuple[tuple[str, re.Pattern[str], Callable[[str], str | None]], ...] = (
    ("base64", _BLOB, _base64),
    ("base32", _BASE32, _base32),
    ("hex", _HEX, _hex),
    ("binary", _BINARY, _binary),
    ("codes", _CODES, _codes),
    ("quoted-printable", _QUOTED, _quoted),
)
