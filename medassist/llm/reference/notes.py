"""Summarises a note by picking its own sentences and sorting them under headings by cue words."""

from __future__ import annotations

import re
from typing import Any

from medassist.llm.reference.lexicon import lexicon
from medassist.llm.reference.passages import names_medicine
from medassist.llm.reference.prompt import Part
from medassist.llm.reference.text import squeeze

MOST_SENTENCES = 12
LONGEST = 390

_HEADINGS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("open_questions", r"\?\s*$|\b(?:unclear|unknown whether|to be clarified|awaiting|pending)\b"),
        ("plan_recorded", r"^(?:plan|follow[- ]?up|disposition)\b|\b(?:will (?:see|review|return|refer)|referr(?:ed|al)|follow[- ]?up|"
                          r"discharged?|admit(?:ted)?|return (?:if|to)|arranged?|scheduled?|booked)\b"),
        ("assessment_recorded", r"^(?:assessment|impression|diagnos[ei]s)\b|\b(?:impression|diagnos(?:is|ed)|consistent with|"
                                r"likely|suspect(?:ed)?|suggestive of|differential)\b"),
        ("results", r"^(?:labs?|results?|imaging|ecg|ekg)\b|\b(?:x-?ray|ct\b|mri|ecg|ekg|ultrasound|h(?:a)?emoglobin|"
                    r"creatinine|troponin|sodium|potassium|white (?:blood )?cell|crp|glucose|culture|urinalysis)\b"),
        ("findings", r"^(?:exam(?:ination)?|vitals?|objective|o/e)\b|\b(?:on exam(?:ination)?|blood pressure|heart rate|pulse|"
                     r"temperature|respiratory rate|saturation|spo2|afebrile|auscultation|palpation|tender(?:ness)?|lungs?|"
                     r"abdomen (?:is )?soft|bp|hr)\b"),
        ("reason", r"^(?:reason|chief complaint|presenting complaint|cc)\b|\b(?:presents? (?:with|for|to)|presented|came in|"
                   r"comes in|brings? you|complain(?:s|ed|ing)? of|here for|seen for)\b"),
        ("history", r"^(?:history|hpi|pmh|past|family|social)\b|\b(?:history of|since|ago|denies|denied|reports?|reported|"
                    r"started|began|onset|smok(?:es|er|ing)|mother|father|allerg\w+|previous(?:ly)?|surgery)\b"),
    )
)  # fmt: skip
_ORDER = ("reason", "history", "findings", "results", "assessment_recorded", "plan_recorded", "open_questions")


def summarize(parts: tuple[Part, ...], *, most: int = MOST_SENTENCES) -> dict[str, Any]:
    """Sections in the order of a note; each sentence is one line of it, quoted whole."""
    found: dict[str, list[dict[str, Any]]] = {}
    heading = "reason"
    for at, part in enumerate(parts):
        text = squeeze(part.text)
        if not text or len(text) > LONGEST or names_medicine(text):
            continue
        heading = _heading(text, first=at == 0, before=heading)
        if heading == "" or (not _weighs(text) and heading in ("reason", "history")):
            heading = heading or "history"
            continue
        sentences = found.setdefault(heading, [])
        if len(sentences) < most:
            sentences.append({"text": text, "kind": "patient_fact", "cites": [{"source": part.id, "quote": part.text}]})
    return {"sections": [{"name": name, "sentences": found[name]} for name in _ORDER if name in found]}


def _heading(text: str, *, first: bool, before: str) -> str:
    named = next((name for name, pattern in _HEADINGS if pattern.search(text)), "")
    if first and named in ("", "history"):
        return "reason"
    # A sentence without a cue goes on with what the one before it was about.
    return named or (before if before != "reason" else "history")


def _weighs(text: str) -> bool:
    """Whether the sentence tells something about the patient: a finding, a number, a denial."""
    plain = re.search(r"\d|\b(?:no|not|denies|without)\b", text, re.IGNORECASE)
    return bool(plain) or bool(lexicon().in_text(text))
