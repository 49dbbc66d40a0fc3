"""`check_text`: splits a text into units, judges each in all its views, and gives one verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from apps.safety.rules.guard import learnt, licences
from apps.safety.rules.guard import lexicon as lex
from apps.safety.rules.guard.abstract import Skeleton, skeleton
from apps.safety.rules.guard.fidelity import RecordView, read_record
from apps.safety.rules.guard.languages import foreign_language
from apps.safety.rules.guard.planted import without
from apps.safety.rules.guard.policy import Fault, judge
from apps.safety.rules.guard.sentences import sentences
from apps.safety.rules.guard_views import Cleaned, clean, decoded, rot13, squeeze
from apps.safety.rules.screen import instruction_spans
from apps.safety.rules.words import words
from apps.safety.schemas import Finding, Verdict
from medassist.clinical.case import Audience

GUARD_VERSION = f"2.2.0+{lex.data_hash()}"
MAX_CHARS = 400_000
ROUTINE_SHORT = frozenset(words("od bd tds qds qid tid bid prn mg mcg ml kg iv im sc po bp hr rr sats spo ecg ct mri"))
# Views of the whole text, which say the same as it does unless something was hidden in them.
WHOLE = frozenset({"entities", "percent", "escapes"})
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,80}>")


def check_text(text: str, *, record: str = "", audience: Audience = "clinician", source: str = "output") -> Verdict:
    """Whether `text` may be shown to `audience`, given the free text of the patient's `record`.

    `source` "output" also refuses instruction-like spans (B6), as nothing we write holds any; "record"
    leaves those to the intake screen. Offsets of findings are in `text`. Longer texts than
    `MAX_CHARS` are refused whole, since nothing unchecked may pass.
    """
    if len(text) > MAX_CHARS:
        return Verdict(
            allowed=False, findings=(Finding(rule="B7", start=0, end=len(text), reason="too_long_to_check"),)
        )
    units = _Units(read_record(record), audience)
    hidden = list(decoded(text))
    encoded = [found for found in hidden if found.name not in WHOLE]
    findings = [Finding(rule="B7", start=found.start, end=found.end, reason="encoded") for found in encoded]
    views = {"plain", *(found.name for found in encoded)}
    # What is refused as encoded need not be judged as language as well.
    plain = units.findings(without(text, [(found.start, found.end) for found in encoded]))
    for found in hidden:
        if found.name in WHOLE and len(
            units.findings(without(found.text, _encoded(found.text) if encoded else []))
        ) > len(plain):
            findings.append(Finding(rule="B7", start=found.start, end=found.end, reason="encoded"))
            views.add(found.name)
    if source == "output":
        findings += [
            Finding(rule="B6", start=s, end=e, reason="instruction_like") for s, e, _ in instruction_spans(text)
        ]
    findings += plain
    views |= units.views
    findings.sort(key=lambda f: (f.start, f.end, f.rule))
    return Verdict(allowed=not findings, findings=tuple(dict.fromkeys(findings)), views=tuple(sorted(views)))


class _Units:
    """Judges the units of one text and of its hidden views; a unit that several views share is judged once."""

    def __init__(self, view: RecordView, audience: Audience) -> None:
        self.view, self.audience = view, audience
        self.views: set[str] = set()
        self._judged: dict[tuple[str, bool], tuple[list[Fault], str]] = {}

    def _judge(self, unit: str, header: bool) -> list[Fault]:
        known = self._judged.get((unit, header))
        if known is None:
            faults, name = _judge_unit(unit, self.view, self.audience, header)
            known = self._judged[unit, header] = (faults + _planted(unit, self.view), name)
        self.views.add(known[1])
        return list(known[0])

    def findings(self, text: str) -> list[Finding]:
        return _findings(text, self._judge)


def _encoded(text: str) -> list[tuple[int, int]]:
    return [(found.start, found.end) for found in decoded(text) if found.name not in WHOLE]


def _findings(text: str, judged: Callable[[str, bool], list[Fault]]) -> list[Finding]:
    cleaned = clean(_untagged(text))
    findings: list[Finding] = []
    header = False
    rows = list(_json_rows(text))
    for start, end in [] if rows else sentences(cleaned.text):
        unit = cleaned.text[start:end]
        header = _still_listing(unit, header)
        faults = judged(unit, header) + _disguised(cleaned, start, end, unit)
        if licences.HEADER.search(skeleton(unit).form) and unit.rstrip().endswith(":"):
            header = True
        if unit.startswith("|") and _LISTING.search(skeleton(unit).form):
            header = True
        span = cleaned.span(start, end)
        findings += [Finding(rule=f.rule, start=span[0], end=span[1], reason=f.reason) for f in faults]
    for row in rows:
        said = clean(row)
        faults = judged(said.text, False) + _disguised(said, 0, len(said.text), said.text)
        findings += [Finding(rule=f.rule, start=0, end=len(text), reason=f.reason) for f in faults]
    return findings


_LISTING = re.compile(
    r"\b(?:recorded|current|regular|listed|documented|home|existing|usual)\b[^|]*(?:G\d|\bdrug|\btherapy)"
)


def _untagged(text: str) -> str:
    # Tags are blanked and not cut, so that offsets stay; inside a word they vanish like markdown does.
    return _TAG.sub(lambda m: "`" * len(m.group()), text) if "<" in text else text


def _planted(unit: str, view: RecordView) -> list[Fault]:
    if view.planted is None or not view.planted.found_in(unit):
        return []
    return [Fault("B6", "only_in_planted_text", None)]


def _still_listing(unit: str, header: bool) -> bool:
    """A header ("Current medications:") speaks for the bullets and short lines right below it."""
    return header and bool(re.match(r"(?:[-+>\u2022]|\d+[.)])", unit) or len(unit) <= 80)


def _judge_unit(unit: str, view: RecordView, audience: Audience, header: bool) -> tuple[list[Fault], str]:
    faults = _second_opinion(unit, audience, judge(unit, record=view, audience=audience, header=header), header)
    squeezed = _spelled_out(squeeze(unit))
    if squeezed != unit:
        seen = skeleton(unit)
        beneath = judge(squeezed, record=view, audience=audience, header=header)
        if beneath and (len(beneath) > len(faults) or len(skeleton(squeezed).mentions) > len(seen.mentions)):
            return [Fault("B7", "hidden_form", None), *beneath], "squeezed"
    return faults, "plain"


# Reasons that only say that nothing spoke for a sentence; every other one names something found in it.
_UNSPOKEN = frozenset(
    {"named_medicine_without_licence", "support_without_licence", "no_reporting_cue", "class_without_decider"}
)
# Chosen on suites that the table had not been fitted to (docs/safety/guard-evaluation.md).
LIKELY_ORDER = 0.8
LIKELY_HARMLESS = 0.3


def _second_opinion(unit: str, audience: Audience, faults: list[Fault], header: bool) -> list[Fault]:
    """Rules and the learnt model together: either may refuse.

    The model releases only what clinicians may read, what names no amount but one that the record confirms, and what
    rules refused for want of a licence or of a decider alone. Below the header of a medication list a bare line is a
    restatement, which only the record can judge.
    """
    if header or (faults and not (audience == "clinician" and {fault.reason for fault in faults} <= _UNSPOKEN)):
        return faults
    skel = skeleton(unit)
    if not faults:
        if learnt.probability(skel.form, audience) <= LIKELY_ORDER:
            return faults
        rule = "B1" if skel.ids("QF") else "B10" if audience == "patient" else "B3"
        return [Fault(rule, "reads_like_an_order", None)]
    # `no_reporting_cue` says that the record holds the amount just so.
    confirmed = not skel.ids("QF") or any(fault.reason == "no_reporting_cue" for fault in faults)
    if licences.CONSIDERATION.search(skel.form) and any(fault.reason == "class_without_decider" for fault in faults):
        return faults  # a class to be considered needs its decider, however it is worded
    if confirmed and learnt.probability(skel.form, audience) < LIKELY_HARMLESS:
        return []
    return faults


def _spelled_out(text: str) -> str:
    """Names inside a run of joined letters are set apart ("givewarfarin5mg")."""

    def apart(match: re.Match[str]) -> str:
        word = match.group()
        if word in lex.lexicon().phrases or word[:-1] in lex.lexicon().phrases:
            return word
        for name in lex.inside_run(word):
            word = word.replace(name, f" {name} ")
        return word

    return re.sub(r"[a-z]{9,}", apart, text)


def _disguised(cleaned: Cleaned, start: int, end: int, unit: str) -> list[Fault]:
    """B7: hidden characters or look-alike letters in a medicine or amount, other scripts, other languages."""
    faults: list[Fault] = []
    skel = skeleton(unit)
    spans = [(m.start, m.end) for m in skel.mentions.values()]
    spans += [(q.start, q.end) for q in skel.quantities.values() if q.kind in "QFK"]
    marks = [m - start for m in (*cleaned.hidden, *cleaned.swapped) if start <= m <= end]
    if any(first <= mark <= last for first, last in spans for mark in marks):
        faults.append(Fault("B7", "hidden_characters", None))
    if any(_in_disguise(m, unit) for m in skel.mentions.values()):
        faults.append(Fault("B7", "disguised_name", None))
    if not unit.isascii() and _other_script(unit, named=bool(spans)):
        faults.append(Fault("B7", "other_script", None))
    if _not_english(unit):
        faults.append(Fault("B7", "other_language", None))
    return faults


@lru_cache(maxsize=512)
def _not_english(unit: str) -> bool:
    # Hidden views repeat most units of a text.
    return bool(foreign_language(unit) or _turned(unit) or _no_english(unit, skeleton(unit)))


_WORD = re.compile(r"(?<![\w@/.-])[a-z]{2,}(?![\w@/])")


def _no_english(unit: str, skel: Skeleton) -> bool:
    """A language that has no list here: words, and hardly one of them English, clinical or a medicine."""
    words = _WORD.findall(unit)
    if len(words) < 5:
        return False
    lexicon = lex.lexicon()
    needed = 0.3 * len(words) - sum(mention.kind != "U" for mention in skel.mentions.values())
    for word in words:
        if needed <= 0:
            return False
        needed -= lexicon.known_word(word) or lexicon.clinical_word(word) or word in ROUTINE_SHORT
    return needed > 0


def _in_disguise(mention: lex.Mention, unit: str) -> bool:
    if mention.how == "joined":
        # "co-codamol" in parts is spelling, "war far in" is hiding.
        return not re.search(r"\w-\w", unit[mention.start : mention.end])
    return mention.disguised


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def _other_script(unit: str, *, named: bool) -> bool:
    letters = sum(c.isalpha() for c in unit)
    foreign = sum(c.isalpha() and not _latin_or_symbol(c) for c in _BEYOND_ASCII.findall(unit))
    return foreign >= 3 and (named or foreign >= 0.15 * letters)


def _latin_or_symbol(char: str) -> bool:
    return char in "αβγδεκλμσωµ°ßøłæœþðđ" or "\u00c0" <= char <= "\u024f"


def _turned(unit: str) -> bool:
    """A whole sentence in rot13 or written backwards."""
    words = re.findall(r"[a-z]{3,}", unit)
    if len(words) < 3:
        return False
    english = lex.lexicon().english
    plain = sum(word in english for word in words)
    if plain > 0.5 * len(words):
        return False
    return any(
        sum(turn(word) in english for word in words) >= max(3, 0.7 * len(words)) for turn in (rot13, lambda w: w[::-1])
    )


def _json_rows(text: str) -> Iterator[str]:
    """Each object of a JSON text as one row, so that a name and its dose in two members stay together."""
    stripped = text.strip()
    if not stripped or stripped[0] not in "{[":
        return
    try:
        value = json.loads(stripped)
    except ValueError:
        return
    yield from _rows(value)


def _rows(value: Any, lead: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        flat = [
            f"{_key(k)}{v}" for k, v in value.items() if isinstance(v, str | int | float) and not isinstance(v, bool)
        ]
        if flat:
            yield "; ".join(flat)
        for name, child in value.items():
            yield from _member(child, _key(name), flat=True)
    elif isinstance(value, list):
        for child in value:
            yield from _member(child, lead)


def _member(child: Any, lead: str, *, flat: bool = False) -> Iterator[str]:
    """A member with its name before it; one of several sentences also sentence by sentence."""
    if isinstance(child, dict | list):
        yield from _rows(child, lead)
    elif isinstance(child, str):
        cleaned = clean(child)
        spans = sentences(cleaned.text)
        if len(spans) > 1:
            for start, end in spans:
                first, last = cleaned.span(start, end)
                yield child[first:last]
        elif not flat:
            yield lead + child


def _key(name: str) -> str:
    """The member's name as words; with a colon where it says that its value is recorded or missing.

    A bare "drug:" would read like the head of a patient's medication list.
    """
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[_-]+", " ", str(name))
    told = re.search(
        r"\b(?:recorded|current|documented|listed|reported|existing|home|missing|unknown)\b", words.lower()
    )
    return f"{words}: " if told else f"{words} "
