"""Ranks the conditions that the passages are about by how well they fit the record.

Support is the rarity-weighted overlap of the record's findings with what a condition's passages and its
profile say; against it count denied and missing hallmarks, age and sex. Deterministic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from medassist.llm.reference.knowledge import Profile, knowledge, name_key
from medassist.llm.reference.lexicon import lexicon
from medassist.llm.reference.passages import condition_of, read_passage
from medassist.llm.reference.prompt import Passage, Prompt, Rule
from medassist.llm.reference.record import Record

_RISKS = frozenset(
    [
        "smoking",
        "diabetes",
        "high cholesterol",
        "obesity",
        "heavy alcohol",
        "high blood pressure",
        "recent travel",
        "stress or trauma",
        "gradual onset",
        "sudden onset",
        "comes and goes",
        "fatigue",
        "sick contact",
        "recent infection",
        "cancer history",
        "unprotected sex",
        "drug use",
        "painkiller use",
        "steroid use",
        "family history of cancer",
        "immune suppression",
        "recent surgery",
    ]
)
"""Findings that make many conditions likelier and none likely: they count half."""


@dataclass(slots=True)
class Candidate:
    """One condition with what is known about it in this prompt."""

    key: str
    name: str
    profile: Profile | None
    passages: list[Passage] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    score: float = 0.0
    support: float = 0.0
    matched: dict[str, float] = field(default_factory=dict)
    """Present findings of the record that fit, with what each adds."""
    opposed: list[str] = field(default_factory=list)
    """Denied findings of the record that this condition would have, and present ones that speak against it."""

    @property
    def hallmark_met(self) -> bool:
        marks = set(self.profile.hallmarks) if self.profile else set()
        return any(name in marks or set(lexicon().wider(name)) & marks for name in self.matched)


def candidates_of(prompt: Prompt) -> dict[str, Candidate]:
    """The conditions of the passages and of the fired rules, not yet scored."""
    found: dict[str, Candidate] = {}
    for passage in prompt.passages:
        about = condition_of(passage)
        if about:
            key, profile, name = about
            candidate = found.setdefault(key, Candidate(key, name, profile))
            candidate.passages.append(passage)
    for rule in prompt.rules:
        for name in rule.conditions:
            named = knowledge().named_in(name)
            profile = knowledge().profile_of(name) or (named[0] if named else None)
            key = profile.name if profile else name_key(name)
            candidate = found.setdefault(key, Candidate(key, name, profile))
            if not candidate.rules:
                candidate.name = name
            if rule not in candidate.rules:
                candidate.rules.append(rule)
    for candidate in found.values():
        candidate.weights = _weights(candidate)
    return found


def rank(candidates: Iterable[Candidate], record: Record) -> list[Candidate]:
    """Scores and sorts, best first; conditions of the other sex are dropped, and those of a pregnancy nobody recorded."""
    present = record.strongest()
    kept = [
        candidate
        for candidate in candidates
        if _sex_fits(candidate.profile, record) and (candidate.rules or _pregnancy_fits(candidate.profile, record))
    ]
    words = _word_scores(kept, record)
    for place, candidate in enumerate(kept):
        _score(candidate, record, present)
        candidate.score += words.get(candidate.key, 0.0) + (0.4 / (1 + place / 4) if candidate.passages else 0.0)
        candidate.score += 1.0 if candidate.rules else 0.0
    return sorted(kept, key=lambda candidate: (-candidate.score, candidate.name))


def profile_candidates() -> list[Candidate]:
    """Every profile as a candidate without passages: for naming pages worth looking up."""
    return [
        Candidate(profile.name, profile.name, profile, weights=dict(profile.weights))
        for profile in knowledge().profiles
    ]


def _weights(candidate: Candidate) -> dict[str, float]:
    said: dict[str, float] = {}
    for passage in candidate.passages:
        for finding, weight in read_passage(passage).weights:
            said[finding] = max(said.get(finding, 0.0), weight)
    profile = candidate.profile.weights if candidate.profile else {}
    # A page that lists everything says little about each thing.
    thin = 1.0 / (1.0 + len(said) / 45)
    combined = {finding: weight * (0.55 if profile else 1.2) * thin for finding, weight in said.items()}
    for finding, weight in profile.items():
        combined[finding] = max(combined.get(finding, 0.0), weight) + (0.15 if finding in said else 0.0)
    return combined


def fit(weights: dict[str, float], finding: str) -> float:
    """How well a condition explains a finding: its own weight, or that of a wider or a narrower finding."""
    best = weights.get(finding, 0.0)
    for step, wider in enumerate(lexicon().wider(finding)):
        best = max(best, weights.get(wider, 0.0) * (0.7, 0.5, 0.4)[min(step, 2)])
    if best < 0.3:
        narrower = [weight for name, weight in weights.items() if finding in lexicon().wider(name)]
        best = max(best, min(max(narrower, default=0.0), 1.2) * 0.45)
    return best


def _score(candidate: Candidate, record: Record, present: dict[str, float]) -> None:
    know = knowledge()
    weights = candidate.weights
    for finding, strength in present.items():
        value = fit(weights, finding) * know.rarity(finding) * strength * (0.5 if finding in _RISKS else 1.0)
        if value > 0.15:
            candidate.matched[finding] = value
    ordered = sorted(candidate.matched.values(), reverse=True)
    candidate.support = sum(value if place < 7 else value * 0.4 for place, value in enumerate(ordered))
    against = 0.0
    for finding, evidence in record.absent.items():
        value = weights.get(finding, 0.0)
        if value >= 0.35 and finding not in _RISKS:
            candidate.opposed.append(finding)
            against += value * know.rarity(finding) * evidence.weight * 0.45
    if candidate.profile:
        for finding in candidate.profile.against:
            if finding in record.present:
                candidate.opposed.append(finding)
                against += 1.2 * know.rarity(finding) * 0.5
        against += 0.12 * sum(
            know.rarity(mark)
            for mark in candidate.profile.hallmarks
            if not record.mentioned(mark) and mark not in candidate.matched
        )
    prior = candidate.profile.prior if candidate.profile else 0.3
    candidate.score = (candidate.support - against) * _age_fit(candidate.profile, record) + 0.55 * prior * bool(
        candidate.support
    )


def _sex_fits(profile: Profile | None, record: Record) -> bool:
    return profile is None or profile.sex == "-" or not record.sex or profile.sex == record.sex


def _pregnancy_fits(profile: Profile | None, record: Record) -> bool:
    if profile is None or "pregnancy" not in profile.hallmarks:
        return True
    return record.mentioned("pregnancy") and "pregnancy" not in record.absent


def _age_fit(profile: Profile | None, record: Record) -> float:
    if profile is None or record.age is None or profile.low <= record.age <= profile.high:
        return 1.0
    distance = profile.low - record.age if record.age < profile.low else record.age - profile.high
    scale = max(10.0, profile.low * 0.35) if record.age < profile.low else max(3.0, profile.high * 0.35)
    return max(0.35, 0.9 - 0.55 * distance / scale)


def _word_scores(candidates: list[Candidate], record: Record) -> dict[str, float]:
    """Plain word overlap, for what the finding lists do not know; words that many conditions share count little."""
    holders: dict[str, set[str]] = defaultdict(set)
    for candidate in candidates:
        for passage in candidate.passages:
            for stem in read_passage(passage).stems & record.words.keys():
                holders[stem].add(candidate.key)
    scores: dict[str, float] = defaultdict(float)
    with_passages = sum(1 for candidate in candidates if candidate.passages)
    for stem, keys in holders.items():
        share = len(keys) / max(with_passages, 4)
        if share < 0.5:
            for key in keys:
                scores[key] += 0.5 * (1 - share) * record.words[stem]
    return {key: min(value, 2.5) for key, value in scores.items()}
