"""Which findings of the rule file a case asserts, and the words that assert them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from importlib import resources

from apps.safety.rules.assertion import RELATIVE, Status, normalise, statements, status_of
from apps.safety.rules.words import words
from medassist.clinical.case import CaseInput

EVIDENCE_LENGTH = 120


@dataclass(frozen=True, slots=True)
class Concept:
    name: str
    background: bool
    diagnosis: bool
    patterns: tuple[tuple[tuple[frozenset[str], ...], str], ...]
    """Regular expressions with sets of word beginnings, one of each of which must occur, so that most patterns are never run."""


@lru_cache(maxsize=1)
def lexicon() -> tuple[Concept, ...]:
    """The concepts of `data/concepts.txt`; raises ValueError naming the line that cannot be read."""
    text = resources.files("apps.safety.rules").joinpath("data/concepts.txt").read_text(encoding="utf-8")
    return parse_lexicon(text)


@lru_cache(maxsize=1)
def as_written() -> dict[str, str]:
    """The phrases of each concept, and the members of each word class ("@pain"), as a reviewer reads them in the file."""
    text = resources.files("apps.safety.rules").joinpath("data/concepts.txt").read_text(encoding="utf-8")
    found: dict[str, list[str]] = defaultdict(list)
    for line in text.splitlines():
        if line.startswith("@"):
            name, _, members = line.partition("=")
            found[name.strip()].append(members.strip())
        elif line.strip() and not line.startswith("#"):
            name, _, phrases = line.split(" | ", 2)
            found[name.strip()].append(phrases.strip())
    return {name: "; ".join(phrases) for name, phrases in found.items()}


def parse_lexicon(text: str) -> tuple[Concept, ...]:
    """Word classes (`@pain = ache*|sore*`) first, then concepts; lines of one name add up."""
    classes: dict[str, str] = {}
    kinds: dict[str, str] = {}
    phrases: dict[str, list[str]] = defaultdict(list)
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("@"):
            name, _, members = line.partition("=")
            classes[name.strip()] = members.strip()
            continue
        fields = [field.strip() for field in line.split(" | ", 2)]
        if len(fields) != 3 or fields[1] not in {"f", "b", "d"}:
            raise ValueError(f"concepts.txt line {number}: expected name | f, b or d | phrases")
        if kinds.setdefault(fields[0], fields[1]) != fields[1]:
            raise ValueError(f"concepts.txt line {number}: {fields[0]} is of two kinds")
        for phrase in filter(None, map(str.strip, fields[2].split(";"))):
            try:
                phrases[fields[0]] += _orders(_CLASS.sub(partial(_members, classes), phrase))
            except KeyError as error:
                raise ValueError(f"concepts.txt line {number}: unknown class {error.args[0]}") from None
    return tuple(
        Concept(name, kinds[name] == "b", kinds[name] == "d", tuple(map(_pattern, said)))
        for name, said in phrases.items()
    )


_CLASS = re.compile(r"(?<![\w@])@\w+")


def _members(classes: Mapping[str, str], found: re.Match[str]) -> str:
    inside = found.start() > 0 and found.string[found.start() - 1] in "(|"
    members = classes[found.group()]
    return members if inside else f"({members})"


def _orders(phrase: str) -> list[str]:
    """`a ~ b` is said in either order."""
    one, near, other = phrase.partition(" ~ ")
    return [f"{one} .. {other}", f"{other} .. {one}"] if near else [phrase]


@lru_cache(maxsize=1)
def _index() -> dict[str, tuple[tuple[int, int], ...]]:
    """Word beginning -> the patterns (concept, phrase) that need it; "" holds those that need none for certain."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, concept in enumerate(lexicon()):
        for at, (anchors, _) in enumerate(concept.patterns):
            for beginning in min(anchors, key=len) if anchors else ("",):
                found[beginning].append((number, at))
    return {beginning: tuple(patterns) for beginning, patterns in found.items()}


def names() -> frozenset[str]:
    return frozenset(concept.name for concept in lexicon())


_GAP = r"(?:[\s\-/]+[\w'%+/]+){0,5}?"
_AFTER_DENIAL = r"(?:[\s\-/]+(?!(?:and|or|but|nor|with|is|are|was|has|he|she)\b)[\w'%+/]+){0,3}?"
"""A phrase that begins with a denial ("not .. feeding") may not reach into the next statement ("no fever and feeding")."""
_DENIALS = frozenset(
    words("no not n't isn't hasn't doesn't won't haven't hardly barely nothing never without less can't cannot 0")
)
_APART = r"[\s\-]+"
_GROUP = r"\([^()]*\)"
for _ in range(4):
    _GROUP = rf"\((?:[^()]|{_GROUP})*\)"
_TOKEN = re.compile(rf"(?:{_GROUP}|[^\s()])+")


def _pattern(phrase: str) -> tuple[tuple[frozenset[str], ...], str]:
    phrase = normalise(phrase).text
    first = next(iter(_TOKEN.findall(phrase)), "")
    denies = not _DENIALS.isdisjoint(_alternatives(first) if re.fullmatch(_GROUP, first) else (first,))
    source = _source(phrase, _AFTER_DENIAL if denies else _GAP)
    return tuple(_anchors(phrase)), rf"(?<!\w){source}(?!\w)"


@cache
def _compiled(source: str) -> re.Pattern[str]:
    # Two thousand patterns take a second to compile; a case needs some dozens.
    return re.compile(source)


def _source(phrase: str, gap: str) -> str:
    """A phrase as a regular expression: `..` a gap of up to five words, `*` any ending, `(a|b)?` left out or not."""
    source = joint = ""
    for token in _TOKEN.findall(phrase):
        if token == "..":  # noqa: S105 - a gap between words
            joint = gap + _APART if source else ""
            continue
        optional = token.endswith(")?") and re.fullmatch(_GROUP, token[:-1]) is not None
        body = token[:-1] if optional else token
        words = (
            f"(?:{'|'.join(_source(part, gap) for part in _alternatives(body))})"
            if re.fullmatch(_GROUP, body)
            else _word(body)
        )
        source += f"(?:{joint}{words})?" if optional else joint + words
        joint = _APART
    return source


def _word(token: str) -> str:
    return re.sub(r"\s+", r"[\\s\\-]+", token.replace("(", "(?:").replace("*", r"\w*").replace("(?:?", "(?"))


def _alternatives(group: str) -> list[str]:
    parts, depth, start = [], 0, 1
    for at, letter in enumerate(group[1:-1], start=1):
        depth += (letter == "(") - (letter == ")")
        if letter == "|" and not depth:
            parts.append(group[start:at])
            start = at + 1
    return [*parts, group[start:-1]]


def _anchors(phrase: str) -> Iterator[frozenset[str]]:
    """Sets of word beginnings; a text that holds none of one set cannot match. Doubtful tokens give no set."""
    for token in _TOKEN.findall(phrase):
        if re.fullmatch(_GROUP, token):
            firsts = [next(_anchors(part), frozenset[str]()) for part in _alternatives(token)]
            if all(firsts):
                yield frozenset[str]().union(*firsts)
        elif (found := re.fullmatch(r"([a-z0-9]+)[a-z0-9'*/-]*", token)) is not None:
            yield frozenset({found.group(1)})


def asserted(case: CaseInput) -> dict[str, tuple[str, ...]]:
    """Concept name -> the record's own words for it, for everything the case asserts of this patient."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    age_years = case.patient.age.years if case.patient.age else None
    for text, status in _texts(case):
        for name, quote in mentions(text, status, age_years=age_years):
            found[name].setdefault(quote)
    return {name: tuple(quotes)[:3] for name, quotes in found.items()}


def _texts(case: CaseInput) -> Iterator[tuple[str, Status | None]]:
    """Each text with the status that its place in the record gives it; None leaves it to the words."""
    for free in (
        case.presenting_complaint,
        case.history,
        case.examination,
        case.social_history,
        case.own_impression,
        case.question,
    ):
        yield free, None
    for symptom in case.symptoms:
        text = " ".join(
            part
            for part in (
                symptom.severity,
                symptom.name,
                symptom.onset,
                f"for {symptom.duration}" if symptom.duration else "",
            )
            if part
        )
        yield text, None if symptom.present else "absent"
    for item in (*case.past_history, *case.medications):
        yield item, "past"
    for item in case.family_history:
        yield item, "family"
    for lab in case.labs:
        if isinstance(lab.value, str):
            yield f"{lab.name} {lab.value}", None


def mentions(
    original: str, status: Status | None = None, *, age_years: float | None = None
) -> Iterator[tuple[str, str]]:
    """(concept, quote) of every mention in `original` that counts as this patient's, now (or ever, for background)."""
    if not original.strip():
        return
    normal = normalise(original)
    for start, end in statements(normal.text):
        statement = normal.text[start:end]
        vocabulary = _vocabulary(statement)
        done: set[int] = set()
        for number, at in sorted({pattern for word in vocabulary for pattern in _index().get(word, ())}):
            concept = lexicon()[number]
            anchors, source = concept.patterns[at]
            if number in done or any(map(vocabulary.isdisjoint, anchors)):
                continue
            match = _first_counting(concept, _compiled(source), statement, status, age_years)
            if match is not None:
                done.add(number)
                low, high = normal.original_span(start + match.start(), start + match.end())
                yield concept.name, " ".join(original[low:high].split())[:EVIDENCE_LENGTH]


_WORD = re.compile(r"[a-z0-9]+")


def _vocabulary(statement: str) -> frozenset[str]:
    """Every beginning of every word, so that an anchor is looked up in one step."""
    words = set(_WORD.findall(statement))
    return frozenset(word[:length] for word in words for length in range(min(len(word), 20) + 1)) | {""}


def _first_counting(
    concept: Concept, pattern: re.Pattern[str], statement: str, given: Status | None, age_years: float | None
) -> re.Match[str] | None:
    accepted = {"present", "past"} if concept.background else {"present"}
    for match in pattern.finditer(statement):
        status = (
            given
            if given in {"absent", "family"}
            else status_of(statement, match.start(), match.end(), age_years=age_years)
        )
        if concept.diagnosis and status == "present":
            status = _diagnosis_status(statement[: match.start()], statement[match.end() :])
        if given == "past" and status == "present":
            status = "past"
        if status in accepted or (status == "family" and concept.name == "sudden_death_family"):
            return match
    return None


def union(texts: Iterable[str]) -> frozenset[str]:
    """The concepts that any of the texts asserts."""
    return frozenset(name for text in texts for name, _ in mentions(text))


def _diagnosis_status(before: str, after: str) -> Status:
    """A disease's name stands for the time after it, for a relative's disease or for an appointment where a symptom would not."""
    if _RELATIVES.search(before):
        return "family"
    return "past" if _HAD_IT.search(before) or _APPOINTMENT.match(after) else "present"


_RELATIVES = re.compile(rf"\b{RELATIVE}(?:'s)?[\s:,-]+(?:an?\s+|had\s+)?$")
_APPOINTMENT = re.compile(
    r"^[\s-]+(?:f/?u\b|follow[\s-]?up|(?:annual\s+)?(?:review|check|clinic)|monitoring|nurse|rehab\w*|survivor)"
)
_HAD_IT = re.compile(
    r"\b(?:since|after|following|post)[\s-]+(?:(?:his|her|my|their|the|an?|last|first|previous)\s+){0,2}$"
)
"""Before the name of a disease: the time after it. (A symptom may come after another one, and both count.)"""

_WEEKS = re.compile(
    r"(\d{1,2})(?:\s*\+\s*\d)?[\s-]*(?:weeks?|wks?|w)\b(?:\s*(?:\+\s*\d\s*(?:days?)?)?)[^.;]{0,25}?\b(?:pregnan\w*|gestation|gravid|gestational)|"
    r"\b(?:pregnan\w*|gestation(?:al\s+age)?|gravid)\b[^.;]{0,25}?(\d{1,2})(?:\s*\+\s*\d)?\s*(?:weeks?|wks?|w|/40)|\b(\d{1,2})(?:\s*\+\s*\d)?\s*/\s*40\b"
)
_TRIMESTER = re.compile(r"\b(first|1st|second|2nd|third|3rd)\s+trimester")


def gestation_weeks(text: str) -> float | None:
    """Completed weeks of pregnancy as the text gives them; a trimester counts as its first week."""
    plain = normalise(text).text
    match = _WEEKS.search(plain)
    if match:
        weeks = float(next(group for group in match.groups() if group))
        return weeks if weeks <= 45 else None
    trimester = _TRIMESTER.search(plain)
    return (
        {"f": 4.0, "1": 4.0, "s": 14.0, "2": 14.0, "t": 28.0, "3": 28.0}[trimester.group(1)[0]] if trimester else None
    )
