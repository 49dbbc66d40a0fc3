"""A sentence as the grounding check reads it: words that count, numbers with unit and comparator, clauses, denials."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from apps.safety.rules.grounding_text import plain, stem
from apps.safety.rules.grounding_words import AFTER, HEDGE, NEGATORS, PARTIAL, RELATIVES, SOFT, TELLS, TOTAL, canonical
from apps.safety.rules.words import words

SIDES = frozenset(words("left right bilateral upper lower anterior posterior proximal distal medial lateral"))
_AGAINST = (
    {"left", "right", "bilateral"}, {"upper", "lower"}, {"anterior", "posterior"}, {"proximal", "distal"},
    {"medial", "lateral"},
)  # fmt: skip

_MASS = {"kg": 1e6, "g": 1e3, "mg": 1.0, "mcg": 1e-3, "ug": 1e-3, "ng": 1e-6, "pg": 1e-9}
_FACTORS: dict[str, tuple[str, float]] = {
    **{name: ("mass", factor) for name, factor in _MASS.items()},
    **{f"{name}mol": ("mole", f) for name, f in {"m": 1.0, "u": 1e-3, "micro": 1e-3, "n": 1e-6, "p": 1e-9, "": 1e3}.items()},
    **{name: ("length", f) for name, f in {"mm": 1.0, "cm": 10.0, "m": 1000.0, "km": 1e6}.items()},
    **{name: ("volume", f) for name, f in {"ml": 1.0, "dl": 100.0, "l": 1000.0}.items()},
    **{name: ("time", f) for name, f in {"second": 1 / 60, "minute": 1.0, "hour": 60.0, "day": 1440.0, "week": 10080.0}.items()},
    **{name: ("months", f) for name, f in {"month": 1.0, "year": 12.0}.items()},
    **{name: (name, 1.0) for name in ("%", "mmhg", "kpa", "degree", "times", "iu", "pack-year", "bpm", "pint", "point")},
}  # fmt: skip
_NAMES = {
    "gram": "g", "milligram": "mg", "microgram": "mcg", "litre": "l", "liter": "l", "millilitre": "ml", "metre": "m",
    "meter": "m", "centimetre": "cm", "millimetre": "mm", "yr": "year", "y": "year", "wk": "week", "hr": "hour",
    "h": "hour", "min": "minute", "sec": "second", "s": "second", "unit": "iu", "mm hg": "mmhg", "d": "day",
}  # fmt: skip
_UNIT = (
    r"(?:micrograms?|milligrams?|grams?|mcg|ug|mg|ng|pg|kg|g|micromol|mmol|umol|nmol|pmol|mol|iu|units?|"
    r"millilitres?|mls?|dl|litres?|liters?|l|millimetres?|centimetres?|metres?|meters?|km|cm|mm\s?hg|mm|m|%|kpa|bpm|"
    r"degrees?|pack-years?|years?|yrs?|y|months?|weeks?|wks?|days?|hours?|hrs?|h|minutes?|mins?|seconds?|secs?|s|"
    r"times|pints?|points?)"
)
_PER = r"(?:\s?(?:/|per\s)\s?(?:kg|g|mmol|ml|dl|l|litre|min|minute|h|hour|day|week|1\.73\s?m2|m2))*"
_COMPARED = (
    (">=", r">=|≥|at least|minimum of|from|reach(?:es)?|no downward than|not downward than"),
    ("<=", r"<=|≤|at most|maximum of|up to|within|inside|no upward than|not upward than"),
    (">", r">|upward than|over|above|older than|longer than|exceed(?:s|ing)?|beyond"),
    ("<", r"<|downward than|lower than|under|below|younger than|shorter than|short of"),
)
_BEFORE = "|".join(pattern for _, pattern in _COMPARED)
_BEHIND = (
    (
        ">=",
        r"or (?:upward|more|above|over|older|longer|beyond)|and (?:over|above|upward|older)|upwards?|upward|onwards?|\+(?!\d)",
    ),
    ("<=", r"or (?:downward|below|under|lower|fewer|younger|shorter)|and (?:under|below|younger)"),
)
_NUM = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_TOKEN = re.compile(
    rf"(?P<code>\d{{1,2}}:\d{{2}}|\d+(?:\.\d+)?/\d+(?:\.\d+)?(?![\w/])|\d+\+\d+|(?:19|20)\d\d\b|[a-z]+-?\d[\w/]*|\d+(?:st|nd|rd|th)\b)"
    rf"|(?:(?P<before>{_BEFORE})\s?)?(?P<low>{_NUM})(?:\s?(?:-|to)\s?(?P<high>{_NUM})(?![\d/:]))?"
    rf"(?:\s?-?(?P<unit>{_UNIT}{_PER})(?![a-z0-9]))?(?:\s?(?P<behind>{'|'.join(p for _, p in _BEHIND)}))?"
    rf"|(?P<word>[a-z_]+(?:['-][a-z_]+)*)|(?P<mark>[,;:()?.\[\]])",
)


@dataclass(frozen=True, slots=True)
class Number:
    """Amounts in base units; `dimension` is "" without a unit; `compared` is "", "<", "<=", ">", ">=" or "-" for a range."""

    low: float
    high: float
    bare: float
    dimension: str
    compared: str
    clause: int
    high_bare: float = 0.0
    word: str = ""
    """The comparator's own word."""


@dataclass(frozen=True, slots=True)
class Word:
    stem: str
    clause: int
    denied: int
    """0: not, 1: perhaps (behind a preposition), 2: yes."""
    at: int


@dataclass(frozen=True)
class Reading:
    words: tuple[Word, ...]
    numbers: tuple[Number, ...]
    codes: frozenset[str]
    relatives: frozenset[str]
    text: str
    hedged: bool
    partial: bool
    total: bool
    told: bool

    @cached_property
    def starts(self) -> dict[str, list[str]]:
        """The stems by their first four letters: other forms of a word share them."""
        found: dict[str, list[str]] = {}
        for one in self.stems:
            found.setdefault(one[:4], []).append(one)
        return found

    @cached_property
    def stems(self) -> frozenset[str]:
        return frozenset(word.stem for word in self.words)


WEIGHTY = frozenset({"family", "early", "only", "openly", "daily", "weekly", "monthly", "yearly", "elderly", "rarely"})
"""Words in -ly that are more than a manner of speaking."""
_SIDE_LETTER = re.compile(r"(?<![\w/.'])(?<!\d )([RL])(?=[ ](?:[a-z]{3,}|\d+/\d|VA\b))")
_SEX_LETTER = re.compile(r"\b(\d{1,3})\s?(?:y(?:o|rs?)?\s?)?([MF])\b(?![/-])")
_BREAKS = frozenset({"but", "however", "although", "though", "whereas", "while"})
_PREPOSITIONS = frozenset(words("in on at of by with since for during after before when despite to from under until"))
_COPULA = frozenset({"is", "was", "are", "were", "been", "be", "being", "remains", "remained", "came", "back"})


@lru_cache(maxsize=8192)
def read(raw: str) -> Reading:
    """The sentence, read. Pure and cached: a source's sentence is met by every claim."""
    text = _SIDE_LETTER.sub(lambda m: "right" if m[1] == "R" else "left", raw)
    text = _SEX_LETTER.sub(lambda m: f"{m[1]} year old {'male' if m[2] == 'M' else 'female'}", text)
    lower = plain(text)
    said = canonical(lower)
    tokens = list(_TOKEN.finditer(said))
    found, numbers, codes = _taken(tokens)
    return Reading(
        words=tuple(found), numbers=tuple(numbers), codes=frozenset(codes),
        relatives=frozenset(m["word"] for m in tokens if m["word"] in RELATIVES), text=said,
        hedged=bool(HEDGE.search(lower)), partial=bool(PARTIAL.search(lower)), total=bool(TOTAL.search(lower)),
        told=bool(TELLS.search(lower)),
    )  # fmt: skip


def _taken(tokens: list[re.Match[str]]) -> tuple[list[Word], list[Number], list[str]]:
    found: list[Word] = []
    numbers: list[Number] = []
    codes: list[str] = []
    denied = _denials(tokens)
    clause = 0
    for at, token in enumerate(tokens):
        if token["mark"]:
            clause += 1
        elif token["code"]:
            codes.append(token["code"])
            numbers += [
                _plain_number(part, clause)
                for part in re.findall(r"\d+(?:\.\d+)?", token["code"])
                if "/" in token["code"]
            ]
            found.append(Word(token["code"], clause, denied[at], at))
        elif token["low"]:
            numbers.append(_number(token, clause))
        else:
            if token["word"] in _BREAKS or token["word"] == "and":
                clause += 1
            found.extend(Word(part, clause, denied[at], at) for part in _parts(token["word"]))
    return found, numbers, codes


def _parts(word: str) -> Iterator[str]:
    if word in SOFT or word in NEGATORS or len(word) < 2:
        return
    for part in word.split("-"):
        if part not in SOFT and len(part) > 1 and not (part.endswith("ly") and part not in WEIGHTY):
            yield stem(part)


def _plain_number(text: str, clause: int) -> Number:
    return Number(float(text), float(text), float(text), "", "", clause)


def _number(token: re.Match[str], clause: int) -> Number:
    low = float(token["low"].replace(",", ""))
    high = float(token["high"].replace(",", "")) if token["high"] else low
    dimension, factor = unit_of(token["unit"] or "")
    compared = "-" if token["high"] else ""
    if token["high"]:
        pass
    elif token["before"]:
        compared = next(sign for sign, pattern in _COMPARED if re.fullmatch(pattern, token["before"]))
    elif token["behind"]:
        compared = next(sign for sign, pattern in _BEHIND if re.fullmatch(pattern, token["behind"]))
    return Number(low * factor, high * factor, low, dimension, compared, clause, high, token["before"] or "")


def unit_of(unit: str) -> tuple[str, float]:
    """Dimension and factor to its base unit: "mcg" is ("mass", 0.001), "g/l" ("mass/volume", 1.0)."""
    if not unit:
        return "", 1.0
    dimensions, factor = [], 1.0
    for index, piece in enumerate(re.split(r"\s?(?:/|per\s)\s?", unit)):
        name = piece.strip()
        name = (
            _NAMES.get(name)
            or _NAMES.get(name.removesuffix("s"))
            or (name if name in _FACTORS else name.removesuffix("s"))
        )
        dimension, size = _FACTORS.get(name, (name, 1.0))
        dimensions.append(dimension)
        factor = factor * size if index == 0 else factor / size
    return "/".join(dimensions), factor


def _denials(tokens: list[re.Match[str]]) -> list[int]:
    """For every token, whether it is denied: 2 close to its negator, 1 behind a preposition."""
    result = [0] * len(tokens)
    state, wide, only_next = 0, False, False
    for at, token in enumerate(tokens):
        word, mark = token["word"], token["mark"]
        if mark == "," or word == "and":
            if state and not (wide or _list_goes_on(tokens, at)):
                state = 0
        elif (mark and mark != ",") or word in _BREAKS:
            state = 0
        elif word in NEGATORS or (word is not None and word.endswith("n't")):
            if word in AFTER and _stands_behind(tokens, at):
                _deny_back(tokens, at, result)
                continue
            state, wide, only_next = 2, word in {"denies", "denied", "deny", "denying", "neither"}, word == "non"
        elif word in _PREPOSITIONS and state:
            state = 1
        else:
            result[at] = state
            if only_next and word:
                state, only_next = 0, False
    return result


def _list_goes_on(tokens: list[re.Match[str]], at: int) -> bool:
    """ "no fever, rash or headache": the denial goes on; "no fever, rash since Monday": it does not."""
    rest = tokens[at + 1 :]
    for index, token in enumerate(rest):
        if token["mark"] in {".", ";", ":", "("} or token["low"] or token["word"] in _BREAKS | NEGATORS | {"and"}:
            return False
        if token["word"] in {"or", "nor"}:
            return index <= 8
    return False


def _stands_behind(tokens: list[re.Match[str]], at: int) -> bool:
    before = tokens[at - 1]["word"] if at else None
    if before in _COPULA:
        return True
    follows = tokens[at + 1] if at + 1 < len(tokens) else None
    return bool(at) and (follows is None or bool(follows["mark"]) or follows["word"] in _PREPOSITIONS | {"and"})


def _deny_back(tokens: list[re.Match[str]], at: int, result: list[int]) -> None:
    colon = at > 0 and tokens[at - 1]["mark"] == ":"
    for index in range(at - (2 if colon else 1), -1, -1):
        if tokens[index]["mark"] or tokens[index]["word"] in _BREAKS | {"and"}:
            break
        result[index] = 2


def against(side: str) -> frozenset[str]:
    """The sides that rule this one out."""
    group = next((sides for sides in _AGAINST if side in sides), set())
    return frozenset(group - {side})
