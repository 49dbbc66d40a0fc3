"""Runs the checks over labelled lines and counts: claims, planted instructions, identifiers.

Every function takes the lines of a set (the objects of `apps/safety/suites/*.jsonl`) and gives a frozen value; nothing is
read or written, and no text of a line is in the result, only ids.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from apps.safety.rules.deidentify import deidentify_text
from apps.safety.rules.grounding import check_claim
from apps.safety.rules.grounding_text import locate
from apps.safety.rules.intervals import wilson
from apps.safety.rules.screen import screen_text
from medassist.clinical.draft import DraftCite, DraftClaim, Source

Line = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Figure:
    """A proportion with its 95 % interval (Wilson); of nothing counted the rate is 0 and the interval 0 to 1."""

    numerator: int
    denominator: int

    @property
    def rate(self) -> float:
        return self.numerator / self.denominator if self.denominator else 0.0

    @property
    def low(self) -> float:
        return wilson(self.numerator, self.denominator)[0]

    @property
    def high(self) -> float:
        return wilson(self.numerator, self.denominator)[1]


@dataclass(frozen=True, slots=True)
class Measured:
    """Figures by name ("unsupported_released", "unsupported_released/number changed") and the ids behind each failure."""

    figures: Mapping[str, Figure]
    failing: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


class _Counts:
    def __init__(self) -> None:
        self.hits: Counter[str] = Counter()
        self.of: Counter[str] = Counter()
        self.failing: dict[str, dict[str, None]] = {}

    def take(self, name: str, hit: bool, category: str = "") -> None:
        for key in (name, f"{name}/{category}") if category else (name,):
            self.of[key] += 1
            self.hits[key] += hit

    def fail(self, name: str, ident: str) -> None:
        self.failing.setdefault(name, {})[ident] = None

    def measured(self) -> Measured:
        return Measured(
            figures=MappingProxyType({name: Figure(self.hits[name], self.of[name]) for name in sorted(self.of)}),
            failing=MappingProxyType({name: tuple(ids) for name, ids in self.failing.items()}),
        )


def measure_claims(lines: Iterable[Line]) -> Measured:
    """Lines {id, claim, kind, sources: [{id, kind, text}], label: supported|unsupported, why}, as for a clinician.

    `unsupported_released` and `supported_lost` are failures, by `why` and by `kind:`; `quotes_matched` is the share of the
    released claims' quotes that stand literally where they are said to.
    """
    counts = _Counts()
    for line in lines:
        sources = [Source(id=s["id"], kind=s["kind"], label=s["id"], text=s["text"]) for s in line["sources"]]
        cites = tuple(DraftCite(source=c["source"], quote=c["quote"]) for c in line.get("cites", ()))
        found = check_claim(DraftClaim(text=line["claim"], kind=line["kind"], cites=cites), sources)
        released = found.claim is not None
        name = "supported_lost" if line["label"] == "supported" else "unsupported_released"
        failed = released != (line["label"] == "supported")
        counts.take(name, failed, str(line.get("why", "")))
        counts.take(f"{name}/kind:{line['kind']}", failed)
        if failed:
            counts.fail(name, line["id"])
        texts = {source.id: source.text for source in sources}
        for cite in found.claim.cites if found.claim else ():
            literal = texts[cite.source][cite.start : cite.end] == cite.quote
            literal = literal and locate(cite.quote, texts[cite.source]) is not None
            counts.take("quotes_matched", literal)
            if not literal:
                counts.fail("quotes_matched", line["id"])
    return counts.measured()


def measure_injections(lines: Iterable[Line]) -> Measured:
    """Lines {id, text, label: injected|clean, span: the planted words or null}.

    `found`: something of the planted span is marked; `excluded`: no letter or digit of it is left (the bar);
    `clean_marked`: harmless texts of which a span is taken; `clinical_lost`: characters around planted spans that go too.
    """
    counts = _Counts()
    lost = around = 0
    for line in lines:
        text, ident = line["text"], line["id"]
        taken = _positions(screen_text(text).spans)
        if line["label"] == "clean":
            counts.take("clean_marked", bool(taken))
            if taken:
                counts.fail("clean_marked", ident)
            continue
        start = text.index(line["span"])
        planted = set(range(start, start + len(line["span"])))
        found, whole = bool(planted & taken), all(i in taken or not text[i].isalnum() for i in planted)
        counts.take("found", found)
        counts.take("excluded", whole)
        if not whole:
            counts.fail("excluded" if found else "found", ident)
        rest = [i for i, char in enumerate(text) if char.isalnum() and i not in planted]
        around += len(rest)
        lost += sum(i in taken for i in rest)
    counts.hits["clinical_lost"], counts.of["clinical_lost"] = lost, around
    return counts.measured()


def measure_identifiers(lines: Iterable[Line]) -> Measured:
    """Lines {id, text, identifiers: [...], keep: [...]}.

    `removed`: nothing of an identifier is left, not even a part of it (by shape); `kept`: a word that is no identifier stands
    as it stood; `restored`: putting the originals back gives the text again.
    """
    counts = _Counts()
    for line in lines:
        text, ident = line["text"], line["id"]
        hidden, tokens = deidentify_text(text)
        for item in line["identifiers"]:
            gone = _gone(item, text, hidden, line["identifiers"])
            counts.take("removed", gone, _shape(item))
            counts.take("removed_as_written", item not in hidden)
            if not gone:
                counts.fail("removed", ident)
        for item in line["keep"]:
            counts.take("kept", item in hidden)
            if item not in hidden:
                counts.fail("kept", ident)
        back = hidden
        for token, original in tokens.items():
            back = back.replace(token, original)
        counts.take("restored", back == text)
        if back != text:
            counts.fail("restored", ident)
    return counts.measured()


def _positions(spans: Sequence[tuple[int, int]]) -> set[int]:
    return {i for start, end in spans for i in range(start, end)}


def _gone(item: str, text: str, hidden: str, identifiers: Sequence[str]) -> bool:
    """No word or number of it is left, but those that the text has elsewhere too."""
    if item in hidden:
        return False
    elsewhere = text
    for other in sorted(identifiers, key=len, reverse=True):
        elsewhere = elsewhere.replace(other, " ")
    common, left = set(_parts(elsewhere)), set(_parts(re.sub(r"\[[A-Z]+-\w+\]", " ", hidden)))
    return not any(part in left and part not in common for part in _parts(item))


_TITLES = frozenset({
    "mr", "mrs", "ms", "miss", "mx", "dr", "doctor", "prof", "professor", "sir", "dame", "rev", "father", "sister", "sr", "nurse",
    "rn", "st",
})  # fmt: skip
"""They tell nobody who it is; a text that keeps them reads better."""


def _parts(text: str) -> list[str]:
    return [part for part in re.findall(r"[^\W\d_]{2,}|\d+", text) if part.lower() not in _TITLES]


def _shape(item: str) -> str:
    digits = sum(char.isdigit() for char in item)
    if "@" in item or "://" in item or item.startswith("www."):
        return "address on the net"
    if not digits:
        return "words"
    return "words and digits" if re.search(r"[^\W\d_]{3,}", item) else "digits"
