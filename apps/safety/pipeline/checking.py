"""The optional last look at claims that passed the rules: a model is asked whether the quotes support them.

It can only lower: what it does not support is marked `not_verified` for clinicians and leaves a patient's text. An error, a
missing or a double verdict counts as not supported. Off by default (`CLAIM_CHECKER`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, Protocol

from apps.safety.schemas import Answer, CheckItem, VerifiedClaim, VerifiedDraft
from medassist.clinical.case import Audience
from medassist.clinical.draft import Source
from medassist.common.errors import CallAborted

logger = logging.getLogger(__name__)

TASK = "claim_check"
PROMPT_VERSION = "claim_check.v1"
BATCH = 40
TOKENS_EACH = 30
"""Enough for `{"id": "c12", "verdict": "not_supported"}`."""

Message = tuple[Literal["system", "user", "assistant"], str]
Ask = Callable[..., Answer]
"""`gateway.ask` with the job's route, deadline and abort already given: takes task, messages, schema, schema_name, max_tokens."""


class Checker(Protocol):
    """Says which of the items their own quotes support; an id that is not in the answer is not supported."""

    def supported(self, items: Sequence[CheckItem]) -> frozenset[str]: ...


class NoChecker:
    """The default: nothing is asked, the rules' verdict stands."""

    def supported(self, items: Sequence[CheckItem]) -> frozenset[str]:
        return frozenset(item.id for item in items)


class BackboneChecker:
    """Asks the backbone under a JSON schema, in batches; a batch that fails supports nothing."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def supported(self, items: Sequence[CheckItem]) -> frozenset[str]:
        """Raises `CallAborted` when the job was cancelled; every other error is a verdict of "not supported"."""
        found: set[str] = set()
        for at in range(0, len(items), BATCH):
            found |= self._of_batch(items[at : at + BATCH])
        return frozenset(found)

    def _of_batch(self, items: Sequence[CheckItem]) -> set[str]:
        messages: list[Message] = [
            ("system", _system_prompt()),
            ("user", json.dumps([item.model_dump() for item in items], ensure_ascii=False)),
        ]
        try:
            answer = self._ask(
                task=TASK, messages=messages, schema=verdicts_schema([item.id for item in items]),
                schema_name="claim_verdicts", max_tokens=100 + TOKENS_EACH * len(items),
            )  # fmt: skip
            return _believed(answer.data, {item.id for item in items})
        except CallAborted:
            raise
        except Exception:  # noqa: BLE001 - whatever went wrong, nothing was confirmed
            # Without the error: its message may quote what the model said.
            logger.warning(
                "The claim checker gave no answer: its claims count as not verified", extra={"claims": len(items)}
            )
            return set()


def second_look(
    *, draft: VerifiedDraft, sources: Sequence[Source], audience: Audience, checker: Checker
) -> VerifiedDraft:
    """The draft with what the checker does not support marked (clinicians) or taken out and counted (patients).

    Inferences are labelled as such already and go beyond their facts by nature: they are not asked about.
    """
    look = _Look(sources)
    look.note(draft)
    supported = checker.supported(look.items)
    doubtful = {claim for claim, ident in look.ids.items() if ident not in supported}
    if not doubtful:
        return draft
    removed = 0

    def claims(items: tuple[VerifiedClaim, ...]) -> tuple[VerifiedClaim, ...]:
        nonlocal removed
        if audience == "patient":
            kept = tuple(item for item in items if item not in doubtful)
            removed += len(items) - len(kept)
            return kept
        return tuple(
            item.model_copy(update={"verification": "not_verified"}) if item in doubtful else item for item in items
        )

    update: dict[str, Any] = {"summary": claims(draft.summary), "red_flags": claims(draft.red_flags)}
    update["differential"] = tuple(
        item.model_copy(update={"claims_for": claims(item.claims_for), "claims_against": claims(item.claims_against)})
        for item in draft.differential
    )
    count = draft.grounding
    lowered = removed if audience == "patient" else len(doubtful)
    update["grounding"] = count.model_copy(
        update={"supported": max(0, count.supported - lowered), "removed": count.removed + removed}
    )
    return draft.model_copy(update=update)


def verdicts_schema(ids: Sequence[str]) -> dict[str, Any]:
    """One verdict for each id; ids are an enumeration, so none can be invented."""
    verdict = {
        "type": "object",
        "properties": {
            "id": {"type": "string", "enum": list(ids)},
            "verdict": {"type": "string", "enum": ["supported", "not_supported"]},
        },
        "required": ["id", "verdict"],
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"verdicts": {"type": "array", "items": verdict, "maxItems": 2 * len(ids)}},
        "required": ["verdicts"],
        "additionalProperties": False,
    }


class _Look:
    """Gives every claim that is to be asked about an id; the same claim twice is one question."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = {source.id: source.text for source in sources}
        self.ids: dict[VerifiedClaim, str] = {}
        self.items: list[CheckItem] = []

    def note(self, draft: VerifiedDraft) -> None:
        self._take(draft.summary)
        self._take(draft.red_flags)
        for item in draft.differential:
            self._take(item.claims_for)
            self._take(item.claims_against)

    def _take(self, claims: Iterable[VerifiedClaim]) -> None:
        for claim in claims:
            if claim.kind == "inference" or claim in self.ids:
                continue
            self.ids[claim] = f"c{len(self.ids) + 1}"
            sentences = tuple(self._sources.get(cite.source, "")[cite.start : cite.end] for cite in claim.cites)
            self.items.append(CheckItem(id=self.ids[claim], statement=claim.text, sentences=sentences))


def _believed(data: dict[str, Any], ids: set[str]) -> set[str]:
    """The ids with exactly one kind of verdict, "supported"."""
    said: dict[str, set[str]] = {}
    for verdict in data["verdicts"]:
        said.setdefault(verdict["id"], set()).add(verdict["verdict"])
    return {ident for ident, verdicts in said.items() if ident in ids and verdicts == {"supported"}}


@cache
def _system_prompt() -> str:
    return (Path(__file__).resolve().parent.parent / "prompts" / f"{PROMPT_VERSION}.md").read_text(encoding="utf-8")
