"""A draft of what a patient may be given about a note: the checked summary in plain words."""

from __future__ import annotations

from apps.notes.schemas import NoteSummary, SectionName
from apps.safety import services as safety

PARTS: tuple[tuple[str, tuple[SectionName, ...]], ...] = (
    ("Why you came", ("reason",)),
    ("What you told us", ("history",)),
    ("What we found", ("findings", "results")),
    ("What your clinician wrote about it", ("assessment_recorded",)),
    ("What was arranged", ("plan_recorded",)),
)


def draft_of(summary: NoteSummary, *, note: str) -> str:
    """The released sentences in plain words, under headings for a patient. What the guard would not let a patient
    read is left out, and a fixed sentence says whom to ask."""
    by_name = {section.name: section for section in summary.sections}
    blocks: list[str] = []
    left_out = False
    for heading, names in PARTS:
        said = [sentence.text for name in names if name in by_name for sentence in by_name[name].sentences]
        plain = [safety.plain_words(text) for text in said]
        lines = [f"- {text}" for text in plain if safety.check_text(text, record=note, audience="patient").allowed]
        left_out = left_out or len(lines) < len(plain)
        if lines:
            blocks.append("\n".join([heading, *lines]))
    if left_out:
        blocks.append(safety.ABOUT_MEDICINES)
    return "\n\n".join(blocks)
