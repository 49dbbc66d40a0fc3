"""Text measures of the grounding check: literal places, numbers with units, negation, opposites, overlap."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from functools import lru_cache

from apps.safety.rules.guard.quantities import number
from apps.safety.rules.guard.units import WORD_NUMBERS
from apps.safety.rules.words import words

_TYPOGRAPHY = {
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2010": "-",
    "\u2011": "-",
    "\u2012": "-",
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u00d7": "x",
    "\u2026": "...",
    "\u00b5": "u",
    "\u03bc": "u",
}
_STOP = frozenset(
    words(
        """
        a an and are as at be been being but by can could did do does for from had has have having he her hers him his
        i if in into is it its may might more most of on or our out over own patient patients pt she should so some
        such than that the their them then there these they this those to too under up was we were what when where
        which while who will with would you your also however due about after before during since within between both
        each other per via the current currently presents presented presenting presentation reports reported report
        recorded record records documented noted described describes state states stated show shows showed shown
        include includes including has year years old aged known found suggest suggests consistent case history
        symptom symptoms condition
        """
    )
)


def _normal(text: str) -> tuple[str, list[int]]:
    """Lower case, plain typography, single spaces; with the original index of every character."""
    out: list[str] = []
    origin: list[int] = []
    for index, char in enumerate(text):
        plain = _TYPOGRAPHY.get(char) or unicodedata.normalize("NFKC", char)
        for piece in plain.lower():
            space = piece.isspace()
            if space and (not out or out[-1] == " "):
                continue
            out.append(" " if space else piece)
            origin.append(index)
    return "".join(out), origin


@lru_cache(maxsize=512)
def _normal_source(text: str) -> tuple[str, list[int]]:
    return _normal(text)


def locate(quote: str, source: str) -> tuple[int, int] | None:
    """Offsets in `source` of the quote, equal up to space, case and typography; None when it is not there."""
    wanted = _normal(quote)[0].strip().strip("\"'").strip(".…").strip()
    if not wanted:
        return None
    text, origin = _normal_source(source)
    position = text.find(wanted)
    while position >= 0:
        end = position + len(wanted)
        # A quote may not begin or end inside a number or a word: "5 mg" is no quote from "25 mg".
        if not _inside_word(text, position, wanted[0]) and not _inside_word_end(text, end, wanted[-1]):
            return origin[position], origin[end - 1] + 1
        position = text.find(wanted, position + 1)
    return None


def _inside_word(text: str, at: int, first: str) -> bool:
    before = text[at - 1] if at else " "
    return first.isalnum() and (
        before.isalnum() or (first.isdigit() and before in ".," and at > 1 and text[at - 2].isdigit())
    )


def _inside_word_end(text: str, at: int, last: str) -> bool:
    after = text[at] if at < len(text) else " "
    return last.isalnum() and (
        after.isalnum() or (last.isdigit() and after in ".," and at + 1 < len(text) and text[at + 1].isdigit())
    )


@lru_cache(maxsize=512)
def sentence_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Offsets of sentences and lines in the original text."""
    spans, start = [], 0
    for match in re.finditer(r"(?<=[.!?;])\s+(?=[A-Z0-9\"'(\[-])|\n+", text):
        spans.append((start, match.start()))
        start = match.end()
    spans.append((start, len(text)))
    return tuple((s, e) for s, e in spans if text[s:e].strip())


_UNITS = (
    r"mm\s?hg|bpm|%|per ?cent|mmol/l|umol/l|mg/dl|g/dl|g/l|mg/l|ng/l|ng/ml|pg/ml|iu/l|"
    r"u/l|mg|mcg|micrograms?|ug|g|grams?|kg|ml|mls|l|litres?|units?|iu|cm|mm|m|degrees(?:\s+(?:c|"
    r"celsius))?|c|f|/min|breaths|beats|"
    r"years?|yrs?|months?|weeks?|days?|hours?|hrs?|h|minutes?|mins?|seconds?|times|pints?|tablets?|puffs?|kpa|pack"
)
_SAME_UNIT = (
    ("mmhg", r"mm\s?hg"),
    ("%", r"%|per ?cent"),
    ("year", r"years?|yrs?"),
    ("month", r"months?"),
    ("week", r"weeks?"),
    ("day", r"days?"),
    ("hour", r"hours?|hrs?|h"),
    ("minute", r"minutes?|mins?"),
    ("second", r"seconds?"),
    ("mcg", r"mcg|micrograms?|ug"),
    ("g", r"g|grams?"),
    ("l", r"l|litres?"),
    ("ml", r"mls?"),
    ("unit", r"units?|iu"),
    ("/min", r"/min|bpm|breaths|beats"),
    ("c", r"degrees.*|c"),
)
_NUMBER = re.compile(
    rf"(?P<cmp>[<>≤≥]=?\s*|\b(?:at least|at most|more than|less than|over|under|above|"
    rf"below|up to|fewer than|greater than)\s+)?(?<![\w.])"
    rf"(?P<num>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?|\b(?:{'|'.join(w for w in WORD_NUMBERS if w != 'one')}"
    rf"|hundred|thousand|half)\b)(?:st|nd|rd|th)?(?:\s*-?\s*(?P<unit>{_UNITS})(?![a-z]))?",
)


def numbers_of(text: str) -> frozenset[float]:
    """The numbers in a text, in digits or words, without units ("one" is left out: it is mostly a pronoun)."""
    return frozenset(value for value, _, _ in measured(text))


@lru_cache(maxsize=2048)
def measured(text: str) -> tuple[tuple[float, str, str], ...]:
    """(value, unit or "", direction of comparison "<", ">" or "") of every number."""
    return tuple((value, unit, direction) for value, unit, direction, _, _ in placed_numbers(plain(text)))


def plain(text: str) -> str:
    """Lower case, plain typography, single spaces."""
    return _normal(text)[0]


def placed_numbers(text: str) -> Iterator[tuple[float, str, str, int, int]]:
    """What `measured` gives, with the place of each in a text that is `plain` already."""
    for match in _NUMBER.finditer(text):
        value = number(match["num"])
        if value is None:
            continue
        unit = match["unit"] or ""
        unit = next((name for name, pattern in _SAME_UNIT if re.fullmatch(pattern, unit)), unit.replace(" ", ""))
        yield value, unit, _direction(match["cmp"] or ""), match.start(), match.end()


def _direction(words: str) -> str:
    if re.search(r"[>≥]|more|over|above|least|greater", words):
        return ">"
    return "<" if re.search(r"[<≤]|less|under|below|most|up to|fewer", words) else ""


def known_numbers(texts: Iterable[str]) -> frozenset[float]:
    """All numbers that stand in the sources."""
    return frozenset(value for text in texts for value in numbers_of(text))


@lru_cache(maxsize=4096)
def content_words(text: str) -> frozenset[str]:
    """Stems of the words that carry meaning."""
    found = re.findall(r"[a-z]+(?:'[a-z]+)?", _normal(text)[0])
    return frozenset(stem(word) for word in found if word not in _STOP and len(word) > 1)


def stem(word: str) -> str:
    """A light stem: enough for plurals and verb endings and for British and American spelling."""
    word = (
        word.removesuffix("'s")
        .replace("aemi", "emi")
        .replace("oedem", "edem")
        .replace("haem", "hem")
        .replace("rrhoea", "rrhea")
        .replace("our", "or")
    )
    for ending in ("ations", "ation", "ingly", "ings", "ing", "edly", "ied", "ies", "ed", "es", "ly", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            break
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


_OPPOSITES = (
    ("upward", "downward"),
    ("bett", "wors"),
    ("increas", "decreas"),
    ("increas", "reduc"),
    ("rais", "lower"),
    ("elevat", "low"),
    ("high", "low"),
    ("left", "right"),
    ("upper", "lower"),
    ("acut", "chronic"),
    ("hyper", "hypo"),
    ("tachy", "brady"),
    ("improv", "wors"),
    ("present", "absent"),
    ("positive", "negative"),
    ("normal", "abnormal"),
    ("male", "female"),
    ("benign", "malignant"),
    ("before", "after"),
    ("proximal", "distal"),
    ("anterior", "posterior"),
    ("inferior", "superior"),
    ("medial", "lateral"),
    ("unilateral", "bilateral"),
    ("sudden", "gradual"),
    ("mild", "severe"),
    ("younger", "older"),
    ("common", "rare"),
    ("with", "without"),
    ("stable", "unstable"),
    ("more", "less"),
    ("mother", "father"),
    ("arterial", "venous"),
    ("systolic", "diastolic"),
    ("likely", "unlikely"),
    ("constant", "intermittent"),
    ("relieved", "worsened"),
    ("rise", "fall"),
    ("gain", "loss"),
    ("wet", "dry"),
    ("early", "late"),
    ("always", "never"),
    ("brother", "sister"),
    ("son", "daughter"),
    ("shortened", "prolonged"),
    ("dilat", "constrict"),
    ("productive", "dry"),
    ("ipsilateral", "contralateral"),
    ("internal", "external"),
    ("viral", "bacterial"),
    ("son", "mother"),
    ("type one", "type two"),
)


def swapped(claim: str, quote: str) -> str:
    """ "negation", "opposite" or "changed_number" when the claim restates the quote but for a word that turns it round."""
    said, given = plain(claim), plain(quote)
    if SequenceMatcher(None, said.split(), given.split(), autojunk=False).ratio() < _RESTATES:
        return ""
    return _aligned_clash(said, given)


_RESTATES = 0.7
_TURN = frozenset({"no", "not", "never", "without", "cannot", "neither", "nor", "nil", "denies", "denied"})
_MOST_SWAPPED = 3


def _aligned_clash(claim: str, quote: str) -> str:
    """A word swapped or slipped in where the two otherwise run alike; the text may hold both words elsewhere."""
    said, given = (re.findall(r"[a-z]+(?:'[a-z]+)?|\d+(?:\.\d+)?", text) for text in (claim, quote))
    steps = SequenceMatcher(None, said, given, autojunk=False).get_opcodes()
    for index, (step, a, b, c, d) in enumerate(steps):
        framed = 0 < index < len(steps) - 1
        if step == "equal" or max(b - a, d - c) > _MOST_SWAPPED:
            continue
        ours, theirs = said[a:b], given[c:d]
        if framed and any(map(_turns, ours)) != any(map(_turns, theirs)):
            return "negation"
        if step == "replace" and any(opposed(one, other) for one in ours for other in theirs):
            return "opposite"
        if step == "replace" and framed and {w for w in ours if w[0].isdigit()} - {w for w in theirs if w[0].isdigit()}:
            return "changed_number"
    return ""


def _turns(word: str) -> bool:
    return word in _TURN or word.endswith("n't")


@lru_cache(maxsize=8192)
def opposed(one: str, other: str) -> bool:
    """Two words of which one turns the other round."""
    return any(
        (_starts(first, one) and _starts(second, other)) or (_starts(second, one) and _starts(first, other))
        for first, second in _OPPOSITES
    )


_WHOLE_WORDS = frozenset(
    words(
        "upper lower right before after common severe male female normal younger older proximal "
        "distal early always never"
    )
)


@lru_cache(maxsize=1024)
def _stem_pattern(stem_: str) -> re.Pattern[str]:
    whole = len(stem_) <= 4 or stem_ in _WHOLE_WORDS
    return re.compile(rf"\b{stem_}" + (r"(?:er|est|ly)?\b" if whole else ""))


def _starts(stem_: str, text: str) -> bool:
    return bool(_stem_pattern(stem_).search(text))
