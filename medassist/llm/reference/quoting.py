"""Literal quotes: which words of a part or of a passage a claim stands on, and the claim itself.

A quote is always a slice of its source. Claims restate the quote and nothing else, so no number, side or
negation can change on the way.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from medassist.llm.reference.passages import names_medicine, read_passage
from medassist.llm.reference.prompt import Part, Passage
from medassist.llm.reference.record import Evidence
from medassist.llm.reference.scoring import Candidate
from medassist.llm.reference.text import sentences_of, squeeze

MAX_TEXT = 390
MAX_RECORD_QUOTE = 240
_CLAUSE = re.compile(r"[;,]\s|\s(?:and|but|with|which)\s")
_SAYS = "The record states: "

Claim = dict[str, Any]


def sentence_around(text: str, start: int, end: int) -> tuple[int, int]:
    """Offsets of the sentence that holds `start`; the stretch itself when there is none."""
    return next(((left, right) for left, right in sentences_of(text) if left <= start < right), (start, end))


def record_quote(evidence: Evidence, *, denied: bool) -> str | None:
    """The words of the record that show (or deny) a finding; None when they cannot be given without a medicine."""
    text = evidence.part.text
    left, right = sentence_around(text, evidence.start, evidence.end)
    right = max(right, evidence.end)
    if right - left <= MAX_RECORD_QUOTE and not names_medicine(text[left:right]):
        return text[left:right]
    if denied:
        # The cue that denies stands before the finding: cutting there would turn the meaning round.
        short = text[left : evidence.end]
        return short if len(short) <= MAX_RECORD_QUOTE and not names_medicine(short) else None
    left, right = _clause(text, left, right, evidence.start, evidence.end)
    short = text[left:right].strip(" ,;")
    return short if 0 < len(short) <= MAX_RECORD_QUOTE and not names_medicine(short) else None


def _clause(text: str, left: int, right: int, start: int, end: int) -> tuple[int, int]:
    before = [match.end() for match in _CLAUSE.finditer(text, left, start)]
    after = _CLAUSE.search(text, end, right)
    return (before[-1] if before else left), (after.start() if after else right)


def fact(pairs: Sequence[tuple[Part, str]]) -> Claim:
    """A patient_fact claim that restates the quotes."""
    said = "; ".join(squeeze(quote).rstrip(".") for _, quote in pairs)
    return {
        "text": f"{_SAYS}{said}"[:MAX_TEXT],
        "kind": "patient_fact",
        "cites": [{"source": part.id, "quote": quote} for part, quote in pairs],
    }


def facts(pairs: Sequence[tuple[Part, str]], *, most: int = 4) -> list[Claim]:
    """Few claims for many short quotes: up to four cites each, within the length of a claim."""
    claims: list[Claim] = []
    group: list[tuple[Part, str]] = []
    for part, quote in pairs:
        length = len(_SAYS) + sum(len(squeeze(item)) + 2 for _, item in [*group, (part, quote)])
        if group and (len(group) == most or length > MAX_TEXT):
            claims.append(fact(group))
            group = []
        group.append((part, quote))
    if group:
        claims.append(fact(group))
    return claims


def guideline(passage: Passage, start: int, end: int) -> Claim:
    """A guideline claim: the passage's own sentence."""
    quote = passage.text[start:end]
    return {"text": squeeze(quote)[:MAX_TEXT], "kind": "guideline", "cites": [{"source": passage.id, "quote": quote}]}


def best_sentences(candidate: Candidate, wanted: dict[str, float], *, most: int) -> list[Claim]:
    """The passages' sentences that say most about the `wanted` findings, each finding counted once."""
    pool: list[tuple[float, int, Passage, int, int, frozenset[str]]] = []
    for order, passage in enumerate(candidate.passages):
        reading = read_passage(passage)
        for sentence in reading.sentences:
            worth = sum(value for name, value in wanted.items() if name in sentence.findings)
            if worth:
                worth *= 0.6 + 0.4 * reading.section
                pool.append(
                    (worth - 0.05 * order, -len(pool), passage, sentence.start, sentence.end, sentence.findings)
                )
    claims: list[Claim] = []
    said: set[str] = set()
    for _, _, passage, start, end, findings in sorted(pool, key=lambda item: (-item[0], -item[1])):
        new = findings & wanted.keys()
        if new - said and len(claims) < most:
            claims.append(guideline(passage, start, end))
            said |= new
    return claims


def opening_sentence(candidate: Candidate) -> list[Claim]:
    """The first sentence of its passages that names the condition: what the page says it is."""
    words = set(re.findall(r"[a-z]{4,}", candidate.name.lower()))
    for passage in candidate.passages:
        for sentence in read_passage(passage).sentences[:6]:
            if words & set(re.findall(r"[a-z]{4,}", passage.text[sentence.start : sentence.end].lower())):
                return [guideline(passage, sentence.start, sentence.end)]
    return []
