"""B6: what a record says only inside text that speaks to a machine is no fact of the patient.

The spans are those of the intake screen, widened to the comment, bracket or dashes that they stand in and
to sentences that go on giving orders.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from apps.safety.rules.guard_views import clean
from apps.safety.rules.screen import instruction_spans
from apps.safety.rules.words import words

_BLOCKS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<!--.{0,2000}?-->",
        r"\[\[.{0,2000}?\]\]",
        r"\{\{.{0,2000}?\}\}",
        r"```.{0,2000}?```",
        r"(?<!-)---(?!-).{0,2000}?(?<!-)---(?!-)",
        r"(?<!=)===(?!=).{0,2000}?(?<!=)===(?!=)",
        r"<<.{0,2000}?>>",
        r"<(system|assistant|user|instructions?|prompt|ai|admin)\b[^>]*>.{0,2000}?</\1>",
        r"\{[^{}]{0,40}\b(?:assistant|system|ai|instruction)[^{}]{0,2000}\}",
        r"/\*.{0,2000}?\*/",
    )
)
_GOES_ON = re.compile(
    r"\s*(?:also|and|then|next|finally|additionally|moreover|furthermore|instead|report|state|say|write|add|omit|do\s+not|never|always|you|your|"
    r"set|mark|list|include|give|recommend|tell|conclude|confirm|describe|record|treat|the\s+(?:summary|answer|output|assessment|report)\s+(?:must|should))\b"
)
_SENTENCE = re.compile(r"[^.!?\n]*(?:\.(?=\d)[^.!?\n]*)*[.!?]?")
_TOKEN = re.compile(r"\d+(?:[.,/]\d+)*|[a-z]+")
_PLAIN = frozenset(
    words(
        "a an the of to in is was are were be been and or for with on at by as that this it he she they his her their has have had "
        "from patient "
        "recorded record takes taking mg ml"
    )
)


@dataclass(frozen=True, slots=True)
class Planted:
    """What stands in the machine-directed spans of a record and nowhere else in it."""

    numbers: frozenset[str]
    words: frozenset[str]
    fresh: frozenset[str]
    """Those of its words that the rest of the record lacks."""
    phrases: frozenset[tuple[str, ...]]

    def found_in(self, unit: str) -> bool:
        """True when a unit of cleaned text holds a number or a run of words that only the planted text has."""
        tokens = _TOKEN.findall(unit)
        if self.numbers.intersection(tokens) or any(run in self.phrases for run in _runs(tokens)):
            return True
        telling = {token for token in tokens if token not in _PLAIN}
        return len(telling) >= 2 and telling <= self.words and bool(telling & self.fresh)


def planted_spans(record: str) -> list[tuple[int, int]]:
    """Spans of a record's text that speak to a machine."""
    lowered = record.lower()
    return [_widened(record, lowered, start, end) for start, end, _ in instruction_spans(record)]


def _widened(record: str, lowered: str, start: int, end: int) -> tuple[int, int]:
    blocks = [
        block for fence in _BLOCKS for block in fence.finditer(record) if block.start() < end and start < block.end()
    ]
    if blocks:
        # The screen takes whole sentences; a fence tells better where the planted text ends.
        return min(block.start() for block in blocks), max(block.end() for block in blocks)
    while (go_on := _GOES_ON.match(lowered, end)) and (sentence := _SENTENCE.match(record, go_on.start())):
        if sentence.end() <= end:
            break
        end = sentence.end()
    return start, end


def without(record: str, spans: list[tuple[int, int]]) -> str:
    """The record with those spans blanked."""
    for start, end in spans:
        record = record[:start] + " " * (end - start) + record[end:]
    return record


def planted(record: str, spans: list[tuple[int, int]]) -> Planted | None:
    """None for a record without such spans."""
    if not spans:
        return None
    inside = _TOKEN.findall(clean(" . ".join(record[start:end] for start, end in spans)).text)
    rest = _TOKEN.findall(clean(without(record, spans)).text)
    kept = set(rest)
    return Planted(
        frozenset(token for token in inside if token[0].isdigit() and len(token) > 1 and token not in kept),
        frozenset(token for token in inside if token not in _PLAIN),
        frozenset(token for token in inside if token not in _PLAIN and token not in kept),
        frozenset(_runs(inside)) - frozenset(_runs(rest)),
    )


def _runs(tokens: list[str]) -> set[tuple[str, ...]]:
    """Runs of three words of which two carry meaning."""
    return {
        run
        for run in zip(tokens, tokens[1:], tokens[2:], strict=False)
        if sum(token not in _PLAIN for token in run) >= 2
    }
