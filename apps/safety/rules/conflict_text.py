"""Reads one statement of a guideline: what it is about, for whom, which way it points, and its quantities."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from apps.safety.rules.conflict_words import (
    ADVICE,
    AUXILIARIES,
    CLAUSES,
    FRAME,
    HEDGES,
    IMPERATIVES,
    MODALS,
    NEGATIVE_SCOPES,
    NEGATORS,
    OPPOSED,
    POSSIBLE,
    PREPOSITIONS,
    SAME_TERMS,
    SHARES,
    SPEAKER,
    root,
)
from apps.safety.rules.grounding_text import content_words, placed_numbers, plain

_TERMS = tuple((re.compile(rf"\b(?:{pattern})\b"), term) for pattern, term in SAME_TERMS)
_ADVICE = tuple((sign, re.compile(pattern)) for sign, pattern in ADVICE)
_OPPOSED = tuple((name, re.compile(one), re.compile(other)) for name, one, other in OPPOSED)
_SPEAKER = re.compile(SPEAKER)
_NAMED_NUMBER = re.compile(
    r"\b(type|stage|grade|phase|class|category|factor|step|hepatitis|vitamin|influenza|group|omega) ?(\d+|[a-eg-k])\b"
)
_TOKEN = re.compile(r"[a-z][a-z0-9]*(?:'[a-z]+)?|[,;:()]")
_TIMES = {
    "year": 365.0,
    "month": 365.0 / 12,
    "week": 7.0,
    "day": 1.0,
    "hour": 1 / 24,
    "minute": 1 / 1440,
    "second": 1 / 86400,
}
_EVERY = re.compile(r"\b(?:every|each|per|a|an)\s+(other\s+|second\s+)?(year|month|week|day|hour)s?\b")
_OFTEN = re.compile(r"\b(once|twice|(?:(\w+) times))\s+(?:a|per|every|each)\s+(\w+\s+)?(year|month|week|day|hour)s?\b")
_ADVERBS = {
    "annually": 365.0, "annual": 365.0, "yearly": 365.0, "biennially": 730.0, "biennial": 730.0, "monthly": 365.0 / 12,
    "weekly": 7.0, "daily": 1.0, "hourly": 1 / 24, "fortnightly": 14.0, "quarterly": 365.0 / 4,
}  # fmt: skip
_AGE_BEFORE = re.compile(
    r"(?:\bages?d?(?: of| range| group)?|\bolder than|\byounger than|\bage (?:over|under|above|below))[\s:]*$"
)
_AGE_AFTER = re.compile(r"^[\s-]*(?:years?[\s-]*)?(?:of age|old|or older|and older|or younger|and younger)")
_OF_AGE = r"(?: age| the age of| aged)?\s*$"
_UP = re.compile(
    r"(?:\b(?:older|higher|greater|more|longer|later) than|\bfrom|\bexceed(?:s|ing)?|\bbeyond|\bafter|\bat least|"
    rf"\bminimum of|\bstart(?:s|ing)? at){_OF_AGE}"
)
_DOWN = re.compile(
    r"(?:\b(?:younger|lower|less|fewer|shorter|earlier) than|\bno (?:more|longer|later) than|\bwithin|\bbefore|"
    rf"\bup to|\bmaximum of|\buntil){_OF_AGE}"
)
_UP_AFTER = re.compile(r"^\s*(?:or|and) (?:more|higher|above|older|greater|over|longer)\b")
_DOWN_AFTER = re.compile(r"^\s*(?:or|and) (?:less|lower|below|younger|fewer|under|shorter)\b")
_APPROXIMATE = re.compile(r"\b(?:about|approximately|around|roughly|nearly|almost|estimated)\b")
_JOINED = re.compile(r"\s*(?:-|to|and|through)\s*")
_YEAR_OF_CALENDAR = (1900, 2100)


@dataclass(frozen=True)
class Quantity:
    """`role` tells an age from an interval, a length of time and any other amount; the first three in one unit each
    (years, days, days)."""

    role: str
    unit: str
    low: float
    high: float
    direction: str


@dataclass(frozen=True)
class Reading:
    """`terms` are the stems that a statement is about; what a scope denies carries "not_". `sign` is -1 when an odd
    number of words in its main clause turn it."""

    terms: frozenset[str]
    scoped: frozenset[str]
    """Terms that say for whom or for what."""
    narrowing: frozenset[str]
    """Terms that stand right before another one: "severe asthma"."""
    first: str
    """The term that comes first: who is compared with whom."""
    sign: int
    advises: bool
    opposed: tuple[str, ...]
    hedged: bool
    """It may be so."""
    partial: bool
    """It is so of some."""
    possible: bool
    """It can be so."""
    approximate: bool
    quantities: tuple[Quantity, ...]


@lru_cache(maxsize=4096)
def read(text: str) -> Reading:
    """One sentence; a question or a fragment is read like any other and left to the caller."""
    unified = _unified(text)
    quantities, rest = _quantities(unified)
    scan = _Scan(_TOKEN.findall(rest))
    return Reading(
        terms=frozenset(scan.terms), scoped=frozenset(scan.scoped), narrowing=frozenset(scan.narrowing), first=scan.first, sign=scan.sign,
        advises=scan.advises, opposed=tuple(sorted(scan.opposed)), hedged=scan.hedged, partial=scan.partial, possible=scan.possible,
        approximate=bool(_APPROXIMATE.search(unified)), quantities=quantities,
    )  # fmt: skip


@lru_cache(maxsize=1024)
def terms_of(text: str) -> frozenset[str]:
    """The terms of a title or heading."""
    return frozenset(root(word) for word in _TOKEN.findall(_unified(text)) if _is_term(word))


def _unified(text: str) -> str:
    text = plain(text).replace("\u00b0", " ").replace("n't", " not").replace("cannot", "can not").replace("non-", "non")
    text = _SPEAKER.sub("", text)
    for pattern, term in _TERMS:
        text = pattern.sub(term, text)
    return _NAMED_NUMBER.sub(r"n\2\1", text)


def _is_term(word: str) -> bool:
    if any(char.isdigit() for char in word):
        return True
    return bool(content_words(word)) and root(word) not in FRAME and len(word) > 1


class _Scan:
    """One pass over the words: the main clause turns a statement, scopes only say where it holds."""

    def __init__(self, tokens: list[str]) -> None:
        self.terms: set[str] = set()
        self.scoped: set[str] = set()
        self.narrowing: set[str] = set()
        self.opposed: list[str] = []
        self.first = ""
        self.sign = 1
        self.hedged = self.partial = self.possible = False
        self.advises = bool(tokens) and tokens[0] in IMPERATIVES
        self._scope = ""
        self._denied = False
        self._last = ""
        for token in tokens:
            self._take(token)

    def _take(self, token: str) -> None:
        if not token[0].isalpha():
            self._leave()
            return
        if token in CLAUSES or token in PREPOSITIONS:
            if self._scope != "clause" or token in CLAUSES:
                self._scope = "clause" if token in CLAUSES else "phrase"
                self._denied = token in NEGATIVE_SCOPES
            self._last = ""
            return
        if (self._scope == "phrase" and token in AUXILIARIES) or (self._scope == "clause" and token in MODALS):
            self._leave()
        self.hedged |= token in HEDGES
        self.partial |= token in SHARES
        self.possible |= token in POSSIBLE
        if token in NEGATORS:
            if self._scope:
                self._denied = True
            else:
                self.sign = -self.sign
            self._last = ""
        elif not self._turn(token):
            self._name(token)

    def _leave(self) -> None:
        self._scope, self._denied, self._last = "", False, ""

    def _turn(self, token: str) -> bool:
        if self._scope != "clause":
            for sign, pattern in _ADVICE:
                if pattern.fullmatch(token):
                    self.advises = True
                    self.sign *= sign
                    return True
        for name, one, other in _OPPOSED:
            if one.fullmatch(token) or other.fullmatch(token):
                self.opposed.append(name)
                if other.fullmatch(token):
                    self.sign = -self.sign
                return True
        return False

    def _name(self, token: str) -> None:
        if not _is_term(token):
            self._last = ""
            return
        term = f"not_{root(token)}" if self._denied else root(token)
        self.terms.add(term)
        self.first = self.first or term
        if self._scope:
            self.scoped.add(term)
        if self._last:
            self.narrowing.add(self._last)
        self._last = term


def _quantities(text: str) -> tuple[tuple[Quantity, ...], str]:
    """The quantities of a text, and the text without them."""
    found: list[Quantity] = []
    for pattern, days in ((_OFTEN, _days_of_often), (_EVERY, _days_of_every)):
        for match in pattern.finditer(text):
            if (value := days(match)) is not None:
                found.append(Quantity("every", "day", value, value, ""))
                text = text[: match.start()] + " " * (match.end() - match.start()) + text[match.end() :]
    for word, value in _ADVERBS.items():
        if re.search(rf"\b{word}\b", text):
            found.append(Quantity("every", "day", value, value, ""))
            text = re.sub(rf"\b{word}\b", " ", text)
    spans = []
    for quantity, start, end in _numbers(text):
        found.append(quantity)
        spans.append((start, end))
    for start, end in reversed(spans):
        text = text[:start] + " " + text[end:]
    return tuple(sorted(found, key=lambda item: (item.role, item.unit, item.low, item.high))), text


def _days_of_often(match: re.Match[str]) -> float | None:
    times = {"once": 1.0, "twice": 2.0}.get(match[1]) or _number(match[2])
    span = _number(match[3].strip()) if match[3] else 1.0
    return _TIMES[match[4]] * span / times if times and span else None


def _days_of_every(match: re.Match[str]) -> float | None:
    if not match[0].startswith(("every", "each")):
        return None
    return _TIMES[match[2]] * (2 if match[1] else 1)


def _number(word: str) -> float | None:
    return next((value for value, *_ in placed_numbers(word)), None)


def _numbers(text: str) -> Iterator[tuple[Quantity, int, int]]:
    items = list(placed_numbers(text))
    index = 0
    while index < len(items):
        value, unit, direction, start, end = items[index]
        low = high = value
        if index + 1 < len(items) and _JOINED.fullmatch(text[end : items[index + 1][3]]):
            following = items[index + 1]
            if (following[1] and unit in {"", following[1]}) or following[1] == unit:
                low, high, unit, end = value, following[0], following[1], following[4]
                index += 1
        index += 1
        if not unit and low == high and _YEAR_OF_CALENDAR[0] <= low <= _YEAR_OF_CALENDAR[1]:
            continue
        yield _quantity(text, unit, min(low, high), max(low, high), direction, start, end), start, end


def _quantity(text: str, unit: str, low: float, high: float, direction: str, start: int, end: int) -> Quantity:
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    if not direction:
        up = _UP.search(before) or _UP_AFTER.search(after)
        down = _DOWN.search(before) or _DOWN_AFTER.search(after)
        direction = ">" if up else "<" if down else ""
    is_age = _AGE_BEFORE.search(before) or _AGE_AFTER.search(after)
    if is_age and unit in {"", "year", "month", "week", "day"}:
        share = _TIMES[unit] / _TIMES["year"] if unit else 1.0
        return Quantity("age", "year", low * share, high * share, direction)
    if unit in _TIMES:
        share = _TIMES[unit]
        role = "every" if re.search(r"\bevery\s*$", before) else "time"
        return Quantity(role, "day", low * share, high * share, direction)
    return Quantity("amount", unit, low, high, direction)
