"""Renders the record, the triage floor and the passages into the prompt; prompts are versioned files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from apps.rag.schemas import Hit
from medassist.clinical.draft import Source
from medassist.clinical.triage import TriageFloor

PROMPT_VERSION = "assessment.v1"
_FOLDER = Path(__file__).resolve().parent.parent / "prompts"
_OWN_TAGS = re.compile(r"<(?=\s*/?\s*(?:task|record|part|triage_floor|rule|passages|passage)\b)", re.IGNORECASE)


@cache
def system_prompt(name: str) -> str:
    """The static prefix (so that prefix caching works): apps/cases/prompts/<name>.v1.md."""
    return (_FOLDER / f"{name}.v1.md").read_text(encoding="utf-8")


def neutral(text: str) -> str:
    """Data cannot close or open a tag of ours; everything else stays as it is, since quotes are literal."""
    return _OWN_TAGS.sub("‹", text)


def passage_sources(hits: Sequence[Hit]) -> tuple[Source, ...]:
    return tuple(
        Source(
            id=f"g{index}",
            kind="guideline",
            label=hit.passage.title,
            text=neutral(hit.passage.text),
            passage_id=hit.passage.id,
        )
        for index, hit in enumerate(hits, start=1)
    )


def user_prompt(
    task: str,
    parts: Sequence[Source],
    floor: TriageFloor,
    passages: Sequence[Source],
    hits: Sequence[Hit],
    *,
    note: str = "",
) -> str:
    lines = [f"<task>{task}</task>"]
    if note:
        lines.append(note)
    lines.append("<record>")
    lines += [f'<part id="{part.id}" path="{part.label}">{part.text}</part>' for part in parts]
    lines += ["</record>", f'<triage_floor level="{floor.level}">']
    lines += [
        f'<rule id="{_attribute(rule.id)}" name="{_attribute(rule.name)}" conditions="{_attribute("; ".join(rule.conditions))}"/>'
        for rule in floor.rules
    ]
    lines += ["</triage_floor>", "<passages>"]
    for source, hit in zip(passages, hits, strict=True):
        passage = hit.passage
        date = passage.published.isoformat() if passage.published else ""
        lines.append(
            f'<passage id="{source.id}" title="{_attribute(passage.title)}" heading="{_attribute(" > ".join(passage.heading))}" '
            f'source="{_attribute(passage.publisher)}" date="{date}" grade="{_attribute(passage.grade)}">{source.text}</passage>'
        )
    lines.append("</passages>")
    return "\n".join(lines)


def _attribute(value: str) -> str:
    return neutral(value).replace('"', "'").replace("\n", " ")


REGENERATE_NOTE = (
    "An earlier draft was refused because it named medicines, doses or treatment decisions. "
    "Write again without any of them."
)
