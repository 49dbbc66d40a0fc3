"""Writes the draft: summary, differential, red flags, what is missing. Every claim is a slice of the prompt."""

from __future__ import annotations

import re
from typing import Any

from medassist.llm.reference.knowledge import knowledge
from medassist.llm.reference.lexicon import label, lexicon
from medassist.llm.reference.passages import names_medicine, read_passage
from medassist.llm.reference.prompt import Part, Prompt
from medassist.llm.reference.quoting import Claim, best_sentences, fact, facts, opening_sentence, record_quote
from medassist.llm.reference.record import Record
from medassist.llm.reference.scoring import Candidate
from medassist.llm.reference.text import cut, sentences_of

FEWEST, MOST = 3, 7
_BACKGROUND = frozenset({"past_history", "family_history", "social_history", "medications", "allergies"})
"""What a patient lives with is no red flag of today."""
_DURATION = re.compile(
    r"\b(?:\d+|a|an|one|two|three|four|five|six|seven|eight|ten|several|few)[\s-]+(?:min|minute|hour|hr|day|week|month|year)s?\b|"
    r"\b(?:since|yesterday|today|this morning|last night|overnight|sudden(?:ly)?)\b",
    re.IGNORECASE,
)
_NOT_ASKED = frozenset({"sudden onset", "gradual onset", "comes and goes", "pregnancy", "stress or trauma"})
_VITALS = {
    "respiratory_rate": "respiratory rate",
    "spo2": "oxygen saturation",
    "systolic_bp": "blood pressure",
    "heart_rate": "heart rate",
    "temperature_c": "temperature",
    "consciousness": "level of consciousness",
}
_RULE_VITALS = (
    (re.compile(r"news2|early warning|qsofa|sirs|sepsis", re.IGNORECASE), tuple(_VITALS)),
    (re.compile(r"spo2|hypox|copd", re.IGNORECASE), ("spo2",)),
    (re.compile(r"gcs|conscious|drows", re.IGNORECASE), ("consciousness", "gcs")),
    (re.compile(r"shock|tension|unstable|adverse", re.IGNORECASE), ("systolic_bp", "heart_rate")),
    (re.compile(r"rr_|respiratory rate|breathing", re.IGNORECASE), ("respiratory_rate",)),
    (re.compile(r"hr_|heart rate|arrhythm", re.IGNORECASE), ("heart_rate",)),
    (re.compile(r"temp|pyrexia|thermia|febrile|fever", re.IGNORECASE), ("temperature_c",)),
    (re.compile(r"bp_|hypertens|eclampsia", re.IGNORECASE), ("systolic_bp", "diastolic_bp")),
)


def write_draft(prompt: Prompt, record: Record, ranked: list[Candidate], *, most: int = 8) -> dict[str, Any]:
    """The draft as plain JSON values; `most` is the schema's limit on conditions."""
    chosen = choose(ranked, most)
    top = max((candidate.score for candidate in chosen), default=0.0)
    return {
        "triage_level": prompt.level,
        "triage_reason": _reason(prompt),
        "summary": _summary(record)[:10],
        "differential": [_condition(candidate, record, top) for candidate in chosen],
        "red_flags": _red_flags(prompt, record, ranked)[:8],
        "missing_information": _missing(record, chosen)[:10],
    }


def choose(ranked: list[Candidate], most: int) -> list[Candidate]:
    """Three to seven conditions that fit, and every condition behind a fired rule, best first."""
    fitting = [candidate for candidate in ranked if candidate.passages and candidate.support > 0]
    top = fitting[0].score if fitting else 0.0
    kept = [
        candidate for place, candidate in enumerate(fitting[:MOST]) if place < FEWEST or candidate.score >= 0.3 * top
    ]
    behind_rules = [candidate for candidate in ranked if candidate.rules and candidate not in kept]
    room = max(0, most - len(behind_rules))
    chosen = kept[: max(room, 1)] + behind_rules
    order = {candidate.key: place for place, candidate in enumerate(ranked)}
    return sorted(chosen[:most], key=lambda candidate: order[candidate.key])


def _condition(candidate: Candidate, record: Record, top: float) -> dict[str, Any]:
    return {
        "condition": cut(candidate.name, 120),
        "band": _band(candidate, top),
        "claims_for": _claims_for(candidate, record)[:5],
        "claims_against": _claims_against(candidate, record)[:4],
        "claims_missing": [f"Not recorded: {label(name)}" for name in _unrecorded(candidate, record)[:4]],
    }


def _band(candidate: Candidate, top: float) -> str:
    if candidate.rules:
        return "cannot_miss"
    strong = (
        candidate.support >= 7 and len(candidate.matched) >= 3 and (candidate.hallmark_met or candidate.profile is None)
    )
    if strong and candidate.score >= 0.85 * top:
        return "likely"
    return "possible" if candidate.score >= 0.45 * top and candidate.support >= 2 else "less_likely"


def _claims_for(candidate: Candidate, record: Record) -> list[Claim]:
    pairs: list[tuple[Part, str]] = []
    for name in sorted(candidate.matched, key=lambda item: (-candidate.matched[item], item)):
        quote = record_quote(record.present[name], denied=False)
        pair = (record.present[name].part, quote or "")
        if quote and pair not in pairs:
            pairs.append(pair)
    wanted: dict[str, float] = {}
    for name, value in candidate.matched.items():
        for step, related in enumerate((name, *lexicon().wider(name))):
            wanted[related] = max(wanted.get(related, 0.0), value / (1 + step))
    said = best_sentences(candidate, wanted, most=2) or opening_sentence(candidate)
    return [fact([pair]) for pair in pairs[: 5 - len(said)][:3]] + said


def _claims_against(candidate: Candidate, record: Record) -> list[Claim]:
    claims: list[Claim] = []
    quoted: set[str] = set()
    for name in candidate.opposed:
        evidence = record.absent.get(name) or record.present.get(name)
        if evidence is None:
            continue
        quote = record_quote(evidence, denied=name in record.absent)
        if quote and quote not in quoted and len(claims) < 3:
            quoted.add(quote)
            claims.append(fact([(evidence.part, quote)]))
    denied = {name: 1.0 for name in candidate.opposed if name in record.absent}
    return claims + (best_sentences(candidate, denied, most=1) if claims and denied else [])


def _unrecorded(candidate: Candidate, record: Record) -> list[str]:
    said: dict[str, float] = {}
    for passage in candidate.passages:
        for name, weight in read_passage(passage).weights:
            said[name] = max(said.get(name, 0.0), weight)
    marks = candidate.profile.hallmarks if candidate.profile else ()
    worth = {name: 3.0 + said.get(name, 0.0) for name in marks}
    for name, weight in said.items():
        if weight >= 0.8 and (candidate.profile is None or name in candidate.profile.weights):
            worth.setdefault(name, weight * knowledge().rarity(name) / 3)
    asked = [name for name in worth if name not in _NOT_ASKED and not record.mentioned(name)]
    return sorted(asked, key=lambda name: (-worth[name], name))


def _summary(record: Record) -> list[Claim]:
    by_field: dict[str, list[Part]] = {}
    for part in record.parts:
        by_field.setdefault(part.field, []).append(part)
    about = [(part, part.text) for part in by_field.get("patient", [])]
    complaint = _telling(record, by_field.get("presenting_complaint", []), most=2)
    claims = facts(about + complaint[:1]) + facts(complaint[1:])
    claims += facts([(part, _short(part.text)) for part in record.abnormal])
    claims += facts(_telling(record, by_field.get("history", []), most=3))
    claims += facts(_telling(record, by_field.get("examination", []), most=3))
    named = [
        (part, part.text)
        for part in by_field.get("symptoms", [])
        if len(part.text) <= 200 and not names_medicine(part.text)
    ]
    claims += facts(named[:8])
    past = [
        (part, part.text)
        for part in by_field.get("past_history", [])
        if len(part.text) <= 200 and not names_medicine(part.text)
    ]
    return claims + facts(past[:4])


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200].rsplit(" ", 1)[0]


def _telling(record: Record, parts: list[Part], *, most: int) -> list[tuple[Part, str]]:
    """The sentences that name most findings, in the order of the record; the first one counts a little more."""
    rows: list[tuple[float, int, Part, str]] = []
    for part in parts:
        for place, (left, right) in enumerate(sentences_of(part.text)):
            quote = part.text[left:right]
            if len(quote) > 240:
                quote = quote[:240].rsplit(" ", 1)[0].rstrip(" ,;")
            if len(quote) < 4 or names_medicine(quote):
                continue
            inside = [
                e
                for e in (*record.present.values(), *record.absent.values())
                if e.part is part and left <= e.start < right
            ]
            worth = sum(knowledge().rarity(evidence.finding) for evidence in inside) + (1.5 if place == 0 else 0.0)
            if worth:
                rows.append((worth, len(rows), part, quote))
    best = sorted(rows, key=lambda row: (-row[0], row[1]))[:most]
    return [(part, quote) for _, _, part, quote in sorted(best, key=lambda row: row[1])]


def _red_flags(prompt: Prompt, record: Record, ranked: list[Candidate]) -> list[Claim]:
    claims: list[Claim] = []
    seen: set[tuple[str, str]] = set()
    for rule in prompt.rules:
        pairs = [
            (part, part.text)
            for part in record.abnormal
            if part.path.removeprefix("vitals.") in _rule_vitals(rule.id, rule.name)
        ]
        for candidate in ranked:
            if rule in candidate.rules:
                for name in sorted(candidate.matched, key=lambda item: (-candidate.matched[item], item))[:3]:
                    part = record.present[name].part
                    quote = record_quote(record.present[name], denied=False)
                    if quote and part.field not in _BACKGROUND:
                        pairs.append((part, quote))
        fresh = []
        for part, quote in pairs:
            if (part.id, quote) not in seen:
                seen.add((part.id, quote))
                fresh.append((part, quote))
        claims += facts(fresh[:4])
    return claims


def _rule_vitals(identifier: str, name: str) -> frozenset[str]:
    return frozenset(
        vital for pattern, vitals in _RULE_VITALS if pattern.search(f"{identifier} {name}") for vital in vitals
    )


def _missing(record: Record, chosen: list[Candidate]) -> list[str]:
    notes: list[str] = []
    if record.age is None:
        notes.append("Not recorded: age")
    if not record.sex:
        notes.append("Not recorded: sex")
    if not any(
        _DURATION.search(part.text)
        for part in record.parts
        if part.field in {"presenting_complaint", "history", "symptoms"}
    ):
        notes.append("Not recorded: when it began and how long it has lasted")
    taken = {part.path.removeprefix("vitals.") for part in record.parts if part.field == "vitals"}
    absent = [words for name, words in _VITALS.items() if name not in taken]
    if absent:
        notes.append(f"Not recorded: {', '.join(absent)}")
    asked: list[str] = []
    for candidate in chosen[:5]:
        for name in _unrecorded(candidate, record)[:2]:
            if name not in asked:
                asked.append(name)
    return notes + [f"To ask or examine: {label(name)}" for name in asked]


def _reason(prompt: Prompt) -> str:
    names = "; ".join(rule.name for rule in prompt.rules)
    return (
        cut(f"Fixed rules set this level: {names}", 300)
        if names
        else "No fixed rule fired; the level is the rules' own."
    )
