"""Guided questions for a patient: which comes next, and what the answers say as a case.

The questions are authored (`data/intake.jsonl`), never a model's. Which apply follows from the words of the complaint; the
triage rules judge the answers after each step, so that an emergency stops the questions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from apps.safety import services as safety
from medassist.clinical.case import CaseInput
from medassist.clinical.parsing import parse_case
from medassist.clinical.triage import TriageFloor

MOST_ANSWER = 2000
_ABOUT: dict[str, re.Pattern[str]] = {
    name: re.compile(rf"\b(?:{words})", re.IGNORECASE)
    for name, words in {
        "chest": r"chest|heart|breastbone|sternum|angina",
        "head": r"head|migraine|skull",
        "belly": r"belly|tummy|stomach|abdom|gut|bowel|vomit|sick\b|nausea|diarr|loin|groin",
        "back": r"back|spine|sciatica",
        "leg": r"leg|calf|thigh|foot|ankle",
        "breath": r"breath|wheez|asthma|cough|lung|chest",
        "fever": r"fever|temperature|shiver|hot|flu|infect|chill",
        "eye": r"eye|sight|vision|see\b",
        "pregnant": r"pregnan|baby|weeks\b",
        "mood": r"sad|depress|mood|anxi|panic|hopeless|suicid|harm|cry|alone",
        "allergy": r"rash|hives|itch|allerg|swell|sting|bite",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    text: str
    kind: Literal["text", "yes_no", "choice"]
    when: str = ""
    says: str = ""
    choices: tuple[str, ...] = ()
    optional: bool = False


@cache
def questions() -> tuple[Question, ...]:
    text = resources.files("apps.cases").joinpath("data/intake.jsonl").read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return tuple(Question(**{**row, "choices": tuple(row.get("choices", ()))}) for row in rows)


def next_question(answers: Mapping[str, str], known: CaseInput) -> Question | None:
    """The first question that applies and was not answered; None at the end."""
    words = " ".join((answers.get("complaint", ""), known.presenting_complaint))
    about = {name for name, pattern in _ABOUT.items() if pattern.search(words)}
    about |= {"pregnant"} if known.patient.pregnancy == "pregnant" else set()
    about |= {"fever"} if answers.get("fever") == "yes" else set()
    about |= {"chest"} if answers.get("chest") == "yes" else set()
    return next((q for q in questions() if q.id not in answers and (not q.when or q.when in about)), None)


def problem_with(question: Question, answer: str) -> str:
    """What is wrong with an answer; "" when nothing is."""
    if not answer.strip():
        return "" if question.optional else "Please answer."
    if question.kind == "yes_no" and answer not in {"yes", "no"}:
        return "Please choose yes or no."
    if question.kind == "choice" and answer not in question.choices:
        return "Please choose one."
    return f"At most {MOST_ANSWER} characters." if len(answer) > MOST_ANSWER else ""


def case_of(answers: Mapping[str, str], known: CaseInput) -> CaseInput:
    """The answers as a case of the same patient: what was said stays in the patient's own words."""
    by_id = {question.id: question for question in questions()}
    told = [f"Since: {answers['since']}"] if answers.get("since") else []
    symptoms: list[dict[str, Any]] = []
    for name, answer in answers.items():
        question = by_id.get(name)
        if question is None:
            continue
        if question.kind == "yes_no":
            symptoms.append({"name": question.says, "present": answer == "yes"})
        elif question.kind == "choice":
            told.append(question.says.format(answer=answer))
    if answers.get("more"):
        told.append(answers["more"])
    return parse_case(
        {
            "patient": known.patient.model_dump(mode="json"),
            "presenting_complaint": answers.get("complaint") or "Questions of the clinic",
            "history": "\n".join(told), "symptoms": symptoms,
            "medications": [answers["medicines"]] if answers.get("medicines") else [],
            "allergies": [answers["allergies"]] if answers.get("allergies") else [],
            "locale": known.locale,
        }
    )  # fmt: skip


def floor_of(answers: Mapping[str, str], known: CaseInput) -> TriageFloor:
    """What the rules say about the answers so far; nothing of the earlier record counts, only how the patient is now."""
    return safety.triage_floor(case_of(answers, known))
