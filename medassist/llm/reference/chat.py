"""Answers a question about a case by picking what record and passages say of it: whole parts, whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from medassist.llm.reference.passages import names_medicine, read_passage
from medassist.llm.reference.prompt import Part, Prompt
from medassist.llm.reference.text import cut, squeeze, tokens_of

MOST_FACTS, MOST_SENTENCES, LONGEST = 4, 4, 380
_QUESTION = re.compile(r"<question>(.*?)</question>", re.DOTALL)
_EMPTY = frozenset(
    re.findall(
        r"\w+",
        """
    what which when where who why how does did do is are was were the a an of in on at to for with and or has have had this
    that it her his their patient case any there be been can could should would about tell me please
        """,
    )
)
_FIELDS = (
    ("vitals", r"vital|obs\b|observ|pulse|heart rate|pressure|breath|satur|oxygen|temperature|conscious"),
    ("labs", r"lab|blood|result|troponin|creatinine|haemoglobin|hemoglobin|potassium|sodium|glucose|crp|test"),
    ("allergies", r"allerg"),
    ("past_history", r"history|past|before|condition|comorbid|known"),
    ("family_history", r"family|father|mother|parent|sibling"),
    ("examination", r"exam|found|sign"),
    ("social_history", r"smok|alcohol|work|live|social"),
    ("patient", r"age|old|sex|pregnan"),
    ("symptoms", r"symptom|complain|pain|feel"),
)


def answer(prompt: Prompt) -> dict[str, Any]:
    """Claims that share the question's words, facts of the record first; none when nothing does."""
    found = _QUESTION.search(prompt.text)
    asked = squeeze(found.group(1)) if found else ""
    wanted = _stems(asked)
    facts = [_fact(part) for part in _about(prompt.parts, asked, wanted)]
    return {"claims": [*facts[:MOST_FACTS], *list(_sentences(prompt, wanted))[:MOST_SENTENCES]]}


def _stems(text: str) -> frozenset[str]:
    return frozenset(token.stem for token in tokens_of(text) if token.word not in _EMPTY and len(token.word) > 2)


def _about(parts: Iterable[Part], asked: str, wanted: frozenset[str]) -> list[Part]:
    fields = {name for name, words in _FIELDS if re.search(rf"\b(?:{words})", asked, re.IGNORECASE)}
    scored = []
    for order, part in enumerate(parts):
        text = squeeze(part.text)
        if not text or len(text) > LONGEST or names_medicine(text) or part.field in {"medications", "question"}:
            continue
        score = len(wanted & _stems(text)) + (1 if part.field in fields else 0)
        if score:
            scored.append((-score, order, part))
    return [part for _score, _order, part in sorted(scored, key=lambda item: item[:2])]


def _fact(part: Part) -> dict[str, Any]:
    words = squeeze(part.text)
    return {
        "text": cut(f"The record states: {words}", LONGEST + 20),
        "kind": "patient_fact",
        "cites": [{"source": part.id, "quote": part.text.strip()}],
    }


def _sentences(prompt: Prompt, wanted: frozenset[str]) -> Iterable[dict[str, Any]]:
    scored = []
    for place, passage in enumerate(prompt.passages):
        title = _stems(passage.title)
        for sentence in read_passage(passage).sentences:
            words = passage.text[sentence.start : sentence.end]
            shared = wanted & _stems(words)
            # A passage about what is asked speaks of it without naming it in every sentence.
            if shared and (len(shared) > 1 or wanted & title):
                scored.append((-len(shared) - (1 if wanted & title else 0), place, sentence.start, passage.id, words))
    for _score, _place, _start, source, words in sorted(scored):
        yield {"text": words, "kind": "guideline", "cites": [{"source": source, "quote": words}]}
