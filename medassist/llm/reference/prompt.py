"""Reads the prompt block that the case pipeline writes: task, record parts, triage floor, passages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medassist.clinical.triage import SEVERITY, TriageLevel

_TASK = re.compile(r"<task>\s*([\w-]+)\s*</task>")
_PART = re.compile(r'<part id="([^"]*)" path="([^"]*)">(.*?)</part>', re.DOTALL)
_FLOOR = re.compile(r'<triage_floor level="([^"]*)"')
_RULE = re.compile(r'<rule id="([^"]*)" name="([^"]*)" conditions="([^"]*)"\s*/>')
_PASSAGE = re.compile(r'<passage((?:\s+\w+="[^"]*")*)\s*>(.*?)</passage>', re.DOTALL)
_ATTRIBUTE = re.compile(r'(\w+)="([^"]*)"')
_LEVELS: dict[str, TriageLevel] = {"emergency_now": "emergency_now", "same_day": "same_day", "routine": "routine"}


@dataclass(frozen=True, slots=True)
class Part:
    id: str
    path: str
    text: str

    @property
    def field(self) -> str:
        """ "labs.0" -> "labs"."""
        return self.path.split(".")[0]


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    name: str
    conditions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Passage:
    id: str
    title: str
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    task: str
    parts: tuple[Part, ...]
    level: TriageLevel
    rules: tuple[Rule, ...]
    passages: tuple[Passage, ...]
    text: str = ""


def parse_prompt(messages: Sequence[tuple[str, str]]) -> Prompt | None:
    """The last user message's block; None when it is not one of ours."""
    text = next((content for role, content in reversed(messages) if role == "user"), "")
    task = _TASK.search(text)
    if task is None:
        return None
    record, _, rest = text.partition("</record>")
    floor = _FLOOR.search(rest)
    before, _, passages = rest.partition("<passages>")
    return Prompt(
        task=task.group(1),
        parts=tuple(Part(*match.groups()) for match in _PART.finditer(record)),
        level=_LEVELS.get(floor.group(1) if floor else "", "routine"),
        rules=tuple(
            Rule(match[1], match[2], tuple(name.strip() for name in match[3].split(";") if name.strip()))
            for match in _RULE.finditer(before)
        ),
        passages=tuple(_passage(match) for match in _PASSAGE.finditer(passages)),
        text=text,
    )


def _passage(match: re.Match[str]) -> Passage:
    attributes = dict(_ATTRIBUTE.findall(match.group(1)))
    return Passage(attributes.get("id", ""), attributes.get("title", ""), attributes.get("heading", ""), match.group(2))


def more_urgent(level: TriageLevel, other: TriageLevel) -> TriageLevel:
    """The more urgent of two levels."""
    return level if SEVERITY[level] >= SEVERITY[other] else other
