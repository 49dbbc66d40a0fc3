"""The extractive brain: a prompt in, a JSON answer out. No language model, no randomness, no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from medassist.llm.reference import chat
from medassist.llm.reference.drafting import write_draft
from medassist.llm.reference.knowledge import knowledge
from medassist.llm.reference.minimal import minimal_instance
from medassist.llm.reference.notes import summarize
from medassist.llm.reference.prompt import Prompt, parse_prompt
from medassist.llm.reference.record import read_record
from medassist.llm.reference.scoring import candidates_of, profile_candidates, rank
from medassist.llm.reference.text import cut

PLAIN_ANSWER = (
    "I am MedAssist's reference backbone, not a language model. I only pick out and cite text that is already "
    "in the prompt, "
    "so I cannot answer a free question."
)
CHARACTERS_PER_TOKEN = 3.5


def warm_up() -> None:
    """Loads the data files, so that the first request is not slower than the others."""
    knowledge()


def answer(messages: Sequence[tuple[str, str]], schema: Mapping[str, Any] | None, *, max_tokens: int) -> str:
    """The answer's text: JSON when there is a schema, else a plain sentence."""
    prompt = parse_prompt(messages)
    if schema is None:
        return PLAIN_ANSWER
    if prompt is None:
        return json.dumps(minimal_instance(schema))
    if prompt.task == "candidates":
        return json.dumps(candidate_names(prompt, most=_most(schema, "conditions")))
    if prompt.task == "assessment":
        draft = assess(prompt, most=_most(schema, "differential"))
        return json.dumps(fit_into(draft, int(max_tokens * CHARACTERS_PER_TOKEN)), ensure_ascii=False)
    if prompt.task == "chat":
        return json.dumps(chat.answer(prompt), ensure_ascii=False)
    if prompt.task == "note_summary":
        return json.dumps(summarize(prompt.parts), ensure_ascii=False)
    return json.dumps(minimal_instance(schema))


def assess(prompt: Prompt, *, most: int = 8) -> dict[str, Any]:
    """The draft for an assessment prompt."""
    record = read_record(prompt.parts)
    ranked = rank(candidates_of(prompt).values(), record)
    return write_draft(prompt, record, ranked, most=most)


def candidate_names(prompt: Prompt, *, most: int = 8) -> dict[str, Any]:
    """Condition names worth looking up: those of passages and rules, and profiles that fit the record."""
    record = read_record(prompt.parts)
    found = candidates_of(prompt)
    for candidate in profile_candidates():
        found.setdefault(candidate.key, candidate)
    ranked = [candidate for candidate in rank(found.values(), record) if candidate.support > 0 or candidate.rules]
    ruled = [candidate for candidate in ranked if candidate.rules][: most // 2]
    best = [candidate for candidate in ranked if candidate not in ruled][: most - len(ruled)]
    chosen = [candidate for candidate in ranked if candidate in ruled or candidate in best]
    return {"conditions": [cut(candidate.name, 120) for candidate in chosen]}


def fit_into(draft: dict[str, Any], characters: int) -> dict[str, Any]:
    """Shortens a draft to the answer's budget instead of being cut off in the middle of it.

    The least is taken first: guideline sentences against, notes, the last conditions that no rule names.
    """
    for trim in (_fewer_against, _fewer_notes, _fewer_sentences, *(_fewer_conditions,) * 5, _fewer_facts):
        if len(json.dumps(draft, ensure_ascii=False)) <= characters:
            break
        trim(draft)
    return draft


def _fewer_against(draft: dict[str, Any]) -> None:
    for condition in draft["differential"]:
        condition["claims_against"] = condition["claims_against"][:1]


def _fewer_notes(draft: dict[str, Any]) -> None:
    for condition in draft["differential"]:
        condition["claims_missing"] = condition["claims_missing"][:2]
    draft["missing_information"] = draft["missing_information"][:6]


def _fewer_sentences(draft: dict[str, Any]) -> None:
    for condition in draft["differential"]:
        kinds = [claim["kind"] for claim in condition["claims_for"]]
        if kinds.count("guideline") > 1:
            condition["claims_for"].pop()
        condition["claims_for"] = condition["claims_for"][-3:]


def _fewer_conditions(draft: dict[str, Any]) -> None:
    free = [condition for condition in draft["differential"] if condition["band"] != "cannot_miss"]
    if len(draft["differential"]) > 3 and free:
        draft["differential"].remove(free[-1])


def _fewer_facts(draft: dict[str, Any]) -> None:
    draft["summary"] = draft["summary"][:6]
    draft["red_flags"] = draft["red_flags"][:3]
    for condition in draft["differential"]:
        condition["claims_for"] = condition["claims_for"][-2:]


def _most(schema: Mapping[str, Any], name: str) -> int:
    found = schema.get("properties", {}).get(name, {}).get("maxItems", 8)
    return found if isinstance(found, int) and 0 < found <= 50 else 8
