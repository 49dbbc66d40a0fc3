"""Finds statements of different guidelines that contradict each other; precision first.

Two statements are compared only when they are about the same thing: after the words that merely frame a sentence
are left out, hardly a term may stand on one side alone, and none that narrows it or says for whom. Then they clash when
one is turned (negation, advice against, an opposed judgement) and the other is not, or when one quantity of the
same role and unit differs and everything else agrees. What may be so never clashes with what may not be so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from apps.safety.rules.conflict_text import Quantity, Reading, read, terms_of
from apps.safety.rules.conflict_words import PREFIXES
from apps.safety.schemas import Conflict, ConflictKind, Statement

MOST_RESIDUE = 1
FEWEST_WORDS = 3
SAME_TIME = 0.04
APPROXIMATELY = 0.25

_SENTENCE = re.compile(r"[^\W_\d].*[.!;][\"')\]]*", re.DOTALL)
_Compared = Literal["same", "near", "differ", "unlike"]


def find_conflicts(statements: Sequence[Statement]) -> tuple[Conflict, ...]:
    """Every pair of statements of different origin that contradict each other, in the order of the statements."""
    told = [item for item in statements if _tells(item.text)]
    readings = {item.id: read(item.text) for item in told}
    pairs = (pair for pair in combinations(told, 2) if pair[0].origin != pair[1].origin)
    return tuple(_clashes(pairs, readings))


def _clashes(pairs: Iterator[tuple[Statement, Statement]], readings: dict[str, Reading]) -> Iterator[Conflict]:
    for one, other in pairs:
        first, second = readings[one.id], readings[other.id]
        # Most pairs share nothing; what follows is many times as slow.
        if first.terms.isdisjoint(second.terms):
            continue
        kind = clash(first, second, terms_of(one.topic), terms_of(other.topic))
        if kind is not None:
            yield Conflict(kind=kind, sides=(one.id, other.id))


def _tells(text: str) -> bool:
    """A whole sentence, no heading, question or entry of a list."""
    return len(text.split()) >= FEWEST_WORDS and bool(_SENTENCE.fullmatch(text.strip()))


def clash(
    one: Reading, other: Reading, topic: frozenset[str] = frozenset(), other_topic: frozenset[str] = frozenset()
) -> ConflictKind | None:
    """How two readings contradict each other; None when they do not, or are about different things."""
    compared, role = _quantities(one, other)
    match = None if compared == "unlike" else _same_subject(one, other, topic, other_topic)
    if match is None:
        return None
    turned = one.sign * match.flips != other.sign
    if compared == "differ" and not turned and one.opposed == other.opposed:
        return _KINDS.get(role, "number")
    if compared != "same" or not turned or not _comparable(one, other):
        return None
    if _both_may_hold(one, other):
        return None
    if (match.left and one.sign < 0) or (match.right and other.sign < 0):
        # What is denied is a part of the statement that the other does not speak of.
        return None
    if one.advises and other.advises:
        return "advice"
    if one.opposed or match.flips < 0:
        return "opposite"
    return None if match.left or match.right else "negation"


_KINDS: dict[str, ConflictKind] = {"age": "age", "every": "interval", "time": "time"}


def _both_may_hold(one: Reading, other: Reading) -> bool:
    """What may or may not be so, what holds for some and not for others; advice does not hedge, unless for some."""
    if one.partial or other.partial:
        return True
    if one.advises or other.advises:
        return False
    denying = one if one.sign < 0 else other
    if denying.hedged:
        return True
    # A thing may well raise one time and lower another; of a plain denial only one can be right.
    return bool(one.opposed) and (one.hedged or other.hedged or one.possible or other.possible)


def _comparable(one: Reading, other: Reading) -> bool:
    """Both advise or both assert, of the same judgement; or one judges what the other advises on."""
    if one.advises == other.advises and one.opposed == other.opposed:
        # "A more than B" is "B less than A".
        return "comparison" not in one.opposed or one.first == other.first
    if {one.opposed, other.opposed} == {("effect",), ("safety",)}:
        return True
    for judging, advising in ((one, other), (other, one)):
        if advising.advises and not advising.opposed and not judging.advises:
            if judging.opposed == ("safety",):
                return True
            if judging.opposed == ("effect",):
                # What works may still be advised against.
                return judging.sign < 0
    return False


@dataclass(frozen=True)
class _Match:
    """Two readings about the same thing: -1 in `flips` when they are but for one pair of opposites ("contagious",
    "noncontagious"), and the terms that only one of them has."""

    flips: int
    left: frozenset[str]
    right: frozenset[str]


def _same_subject(
    one: Reading, other: Reading, topic: frozenset[str], other_topic: frozenset[str]
) -> _Match | None:  # fmt: skip
    if not (_is_covered(topic, other.terms | other_topic) and _is_covered(other_topic, one.terms | topic)):
        return None
    left = {term for term in one.terms - other.terms if not _has(term, other.terms | other_topic)}
    right = {term for term in other.terms - one.terms if not _has(term, one.terms | topic)}
    flips = 1
    for term in sorted(left):
        opposite = next((item for item in sorted(right) if _is_opposite(term, item)), None)
        if opposite is not None:
            left.remove(term)
            right.remove(opposite)
            flips = -flips
    shared = len(one.terms - left) + (flips < 0)
    if shared < (1 if topic and other_topic else 2) or (left and right):
        return None
    for residue, reading in ((left, one), (right, other)):
        if len(residue) > MOST_RESIDUE or residue & (reading.scoped | reading.narrowing):
            return None
    return _Match(flips, frozenset(left), frozenset(right))


def _is_covered(topic: frozenset[str], terms: frozenset[str]) -> bool:
    return not topic or 2 * sum(_has(term, terms) for term in topic) > len(topic)


def _has(term: str, terms: frozenset[str]) -> bool:
    return term in terms or any(len(term) >= 6 and len(item) >= 6 and term[:6] == item[:6] for item in terms)


def _is_opposite(one: str, other: str) -> bool:
    return any(one == prefix + other or other == prefix + one for prefix in PREFIXES)


def _quantities(one: Reading, other: Reading) -> tuple[_Compared, str]:
    """Whether all quantities agree, exactly one of them differs (with its role), or they cannot be compared."""
    if [(item.role, item.unit) for item in one.quantities] != [(item.role, item.unit) for item in other.quantities]:
        return "unlike", ""
    approximate = one.approximate or other.approximate
    differing = []
    for first, second in zip(one.quantities, other.quantities, strict=True):
        verdict = _compare(first, second, approximate)
        if verdict in {"unlike", "near"}:
            return "unlike", ""
        if verdict == "differ":
            differing.append(first.role)
    if not differing:
        return "same", ""
    return ("differ", differing[0]) if len(differing) == 1 else ("unlike", "")


def _compare(one: Quantity, other: Quantity, approximate: bool) -> _Compared:
    near = APPROXIMATELY if approximate else SAME_TIME if one.unit == "day" else 1e-9
    if _near(one.low, other.low, near) and _near(one.high, other.high, near):
        return "same" if one.direction == other.direction or not (one.direction and other.direction) else "unlike"
    if one.direction and other.direction and one.direction != other.direction:
        return "unlike"
    apart = one.high < other.low * (1 - near) or other.high < one.low * (1 - near)
    if one.role == "age" and one.low < one.high and other.low < other.high:
        # Two age groups side by side are two groups; those that overlap draw the same line elsewhere.
        return "unlike" if apart else "differ"
    return "differ" if apart else "near"


def _near(one: float, other: float, share: float) -> bool:
    return abs(one - other) <= share * max(abs(one), abs(other))
