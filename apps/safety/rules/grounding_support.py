"""Whether one sentence of a source says what a claim, or a part of it, says.

Every word of the claim that carries meaning must be there, in the source's words or in ones known to mean the same; then
the two must agree in denial, numbers with unit and comparator, side, person, certainty and quantity. Each check can
only refuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from apps.safety.rules.grounding_reading import SIDES, Number, Reading, Word, against
from apps.safety.rules.grounding_text import opposed
from apps.safety.rules.grounding_words import NOT_DONE, OVER, PAST_TENSE, general, is_operation

_PART_EDGE = re.compile(
    r"\s*[,;]\s+(?:and\s+|but\s+)?|\s+(?:and|but|with|while|which|who|after|where|although)\s+", re.IGNORECASE
)
_NEAR = 4


@lru_cache(maxsize=16384)
def covers(wanted: str, given: str) -> bool:
    """The same word, or one that differs in its ending only."""
    if wanted == given:
        return True
    if given in general().get(wanted, ()) or (wanted == "oper" and is_operation(given)):
        return True
    if not (wanted.isalpha() and given.isalpha()) or min(len(wanted), len(given)) < 4:
        return False
    if _root(wanted) == _root(given):
        return True
    shared = 0
    for one, other in zip(wanted, given, strict=False):
        if one != other:
            break
        shared += 1
    return shared >= 5 and shared >= 0.8 * max(len(wanted), len(given))


_ENDING = re.compile(r"(?:ement|ness|nes|ment|ity|it|ical|ial|al|ic|ous|ou|ive|ion|ent|ant|enc|anc|ful|y|i|o|a|u|e)$")


@lru_cache(maxsize=16384)
def _root(stem_: str) -> str:
    shorter = _ENDING.sub("", stem_)
    return shorter if len(shorter) >= 4 else stem_


def uncovered(claim: Reading, given: Reading, heading: frozenset[str] = frozenset()) -> list[Word]:
    """The claim's words that stand neither in the sentence nor in what the source says it is about."""
    missing = [
        word
        for word in claim.words
        if not (word.stem in given.stems or word.stem in heading or _in_other_form(word.stem, given, heading))
    ]
    return [word for word in missing if not _told_by_the_clock(word.stem, given)]


def _in_other_form(wanted: str, given: Reading, heading: frozenset[str]) -> bool:
    wide = wanted in general() or wanted == "oper"
    near = given.stems if wide else given.starts.get(wanted[:4], ())
    return any(covers(wanted, other) for other in near) or any(covers(wanted, other) for other in heading)


_HOURS = {
    "morn": range(0, 12),
    "afternoon": range(12, 18),
    "even": range(17, 24),
    "at_night": (*range(20, 24), *range(0, 6)),
}


def _told_by_the_clock(wanted: str, given: Reading) -> bool:
    """ "in the evening" of "18:30", "previously" of "2014", "began" of "since Monday"."""
    if wanted in _HOURS:
        return any(int(code.split(":")[0]) in _HOURS[wanted] for code in given.codes if ":" in code)
    if wanted == "previou":
        return any(re.fullmatch(r"(?:19|20)\d\d", code) for code in given.codes)
    return wanted == "start" and bool(given.stems & {"sinc", "new", "sudden", "gradu"})


def turned_round(missing: Sequence[Word], given: Reading) -> bool:
    """What is missing is there as its opposite."""
    return bool(missing) and all(any(opposed(word.stem, other) for other in given.stems) for word in missing)


def parts(claim: str) -> list[str]:
    """The claim cut where one statement ends and the next begins."""
    return [part for part in _PART_EDGE.split(claim) if part and part.strip(" .")]


def disagreement(claim: Reading, given: Reading, whole: Reading, *, about_people: bool, guess: bool = False) -> str:
    """Why a sentence that holds the claim's words does not say the same; empty when it does.

    `claim` is a part of `whole`; `about_people` for records; `guess` for inferences, which may go beyond certainty.
    """
    matched = _matches(claim, given)
    return (
        _denial(matched)
        or _number(claim, given, matched)
        or _side(claim, given, whole, matched)
        or ((_person(claim, given, whole, matched) or _time(whole, given, matched)) if about_people else "")
        or ("" if guess else _certainty(whole, given))
    )


Matches = list[tuple[Word, list[Word]]]


def _matches(claim: Reading, given: Reading) -> Matches:
    found = [(word, [other for other in given.words if covers(word.stem, other.stem)]) for word in claim.words]
    return [(word, places) for word, places in found if places]


def _denial(matched: Matches) -> str:
    for word, places in matched:
        if word.denied == 2 and all(place.denied == 0 for place in places):
            return "negation"
        if word.denied == 0 and all(place.denied == 2 for place in places):
            return "negation"
    return ""


def _number(claim: Reading, given: Reading, matched: Matches) -> str:
    clauses = {place.clause for _, places in matched for place in places}
    reason = ""
    for number in claim.numbers:
        same = [other for other in given.numbers if _equal(number, other)]
        if not same and number.compared == "-" and _both_ends(number, given):
            continue
        if not same:
            return "number"
        told = [other for other in same if _units_agree(number, other, given)]
        if not told:
            return "unit"
        agreed = [other for other in told if _comparators_agree(number, other)]
        if not agreed:
            return "comparator"
        if not any(_belongs(other, clauses, given) for other in agreed):
            reason = "other_number"
    return reason


def holds_number(number: Number, whole: Reading, given: Reading) -> bool:
    """The sentence gives the number of something that the claim speaks of."""
    alone = replace(whole, numbers=(number,))
    matched = _matches(alone, given)
    return bool(matched) and _number(alone, given, matched) == ""


def _equal(one: Number, other: Number) -> bool:
    if one.dimension and other.dimension and one.dimension == other.dimension:
        if other.compared == "-" and one.compared != "-":
            return _close(one.low, other.low) or _close(one.low, other.high)
        return _close(one.low, other.low) and _close(one.high, other.high)
    if other.compared == "-" and one.compared != "-":
        return one.bare in {other.bare, other.high}
    return one.bare == other.bare and (one.compared == "-") == (other.compared == "-")


def _close(one: float, other: float) -> bool:
    return abs(one - other) <= 0.005 * max(abs(one), abs(other))


def _both_ends(number: Number, given: Reading) -> bool:
    """ "from 88 to 171" of "88 before, 171 now"."""
    bare = {other.bare for other in given.numbers if other.compared == ""}
    return number.bare in bare and number.high_bare in bare


def _units_agree(one: Number, other: Number, given: Reading) -> bool:
    if one.dimension and other.dimension:
        if one.dimension != other.dimension:
            return {one.dimension, other.dimension} <= {"bpm", "times/time", "times"}
        return True
    # A unit that only one of them names may be left out, but not one of mass, in which a factor hides.
    return "mass" not in one.dimension or any(n.dimension == one.dimension for n in given.numbers)


def _comparators_agree(one: Number, other: Number) -> bool:
    if other.compared == "-" and one.compared in {"<=", ">=", ""}:
        # "up to 36" and "from 20" of "20 to 36"; a single value is not the range.
        end = other.high if one.compared == "<=" else other.low
        return one.compared != "" and (_close(one.low, end) or one.bare in {other.bare, other.high})
    if other.dimension == "time" and {one.compared, other.compared} == {"", ">"} and "over" in (one.word, other.word):
        return True  # "over five weeks" is how long it took
    if one.compared == ">=" and one.word in {"from", "reach", "reaches"} and other.compared == "":
        return True
    if other.compared == ">=" and other.word in {"from", "reach", "reaches"} and one.compared == "":
        return True
    return other.compared == one.compared


def _belongs(number: Number, clauses: set[int], given: Reading) -> bool:
    """The number stands in a clause with a word of the claim, or in one that has no words of its own."""
    if number.clause in clauses:
        return True
    for clause in range(number.clause, -1, -1):
        if any(word.clause == clause for word in given.words):
            return clause in clauses
    return True


def _side(claim: Reading, given: Reading, whole: Reading, matched: Matches) -> str:
    for index, word in enumerate(claim.words):
        if word.stem not in SIDES:
            continue
        partner = _partner(claim.words, index)
        places = next((found for other, found in matched if other is partner), [])
        for place in places:
            near = [
                w.stem
                for w in given.words
                if w.stem in SIDES and w.clause == place.clause and abs(w.at - place.at) <= _NEAR + 2
            ]
            if word.stem in near or not (set(near) & against(word.stem)):
                break
        else:
            if places:
                return "opposite"
    sides = {word.stem for word in whole.words if word.stem in SIDES}
    if len(sides) == 1:
        (only,) = sides
        clauses = {place.clause for word, places in matched if word.stem not in SIDES for place in places}
        there = {word.stem for word in given.words if word.stem in SIDES and word.clause in clauses}
        if there & against(only) and only not in there:
            return "opposite"
    return ""


def _partner(words: tuple[Word, ...], index: int) -> Word | None:
    behind = [w for w in words[index + 1 :] if w.stem not in SIDES and w.at - words[index].at <= _NEAR]
    before = [w for w in words[:index] if w.stem not in SIDES and words[index].at - w.at <= _NEAR]
    return behind[0] if behind else before[-1] if before else None


_SUBJECT = re.compile(r"^\W*(?:she|he|they|i|(?:the\s+)?patient|pt|her|his)\b")


def _subject_goes_on(claim: Reading, whole: Reading) -> bool:
    """ "Her sister is coeliac and has a rash": the second part is about the sister; "…, and she has a rash" is not."""
    if _SUBJECT.search(claim.text) and claim is not whole:
        return False
    at = whole.text.find(claim.text.strip())
    named = min((whole.text.find(name) for name in whole.relatives), default=-1)
    return at < 0 or named < at


_HEADED = re.compile(r"^[^.;:]*\b(family|fh|fhx)\b[^.;:]*:")


def _person(claim: Reading, given: Reading, whole: Reading, matched: Matches) -> str:
    """About whom: a relative in the source's clause is who it is about, unless they only tell."""
    clauses = {place.clause for word, places in matched if word.stem not in given.relatives for place in places}
    there = _relatives_of(given, clauses)
    said = claim.relatives or (whole.relatives if _subject_goes_on(claim, whole) else frozenset())
    if there and not said and not given.told:
        return "person"
    if _HEADED.search(given.text) and not (said or "family" in whole.text or "relative" in whole.text):
        return "person"
    if said and given.relatives & said and given.told and not whole.told:
        return "person"
    if said and not (given.relatives & said) and claim.words:
        return "person"
    return ""


def _relatives_of(given: Reading, clauses: Iterable[int]) -> set[str]:
    """The relatives that stand in these clauses, or before a colon that governs them."""
    head = given.text.split(":")[0] if ":" in given.text else ""
    of_all = {name for name in given.relatives if re.search(rf"\b{name}\b", head)}
    wanted = set(clauses)
    here = {word.stem for word in given.words if word.clause in wanted}
    return of_all | {name for name in given.relatives if any(covers(stem_, name) for stem_ in here)}


def _time(whole: Reading, given: Reading, matched: Matches) -> str:
    clauses = {place.clause for _, places in matched for place in places}
    there = {word.stem for word in given.words if word.clause in clauses}
    if there & OVER and not (whole.stems & OVER or PAST_TENSE.search(whole.text)):
        return "past"
    return _not_done(whole, given, matched)


def _not_done(whole: Reading, given: Reading, matched: Matches) -> str:
    """What was put off, is awaited or planned has not happened."""
    if whole.stems & NOT_DONE or whole.hedged or any(word.denied for word in whole.words):
        return ""
    clauses = {place.clause for _, places in matched for place in places}
    return "not_done" if any(word.stem in NOT_DONE and word.clause in clauses for word in given.words) else ""


def _certainty(whole: Reading, given: Reading) -> str:
    if given.hedged and not (whole.hedged or whole.partial or re.search(r"\bcan\b|\?", whole.text)):
        return "certainty"
    if given.partial and not (whole.partial or whole.hedged or re.search(r"\bcan\b", whole.text)):
        return "quantifier"
    if whole.total and not given.total:
        return "quantifier"
    return ""
