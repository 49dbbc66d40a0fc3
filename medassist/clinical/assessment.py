"""`Assessment`: the one answer that leaves the house. Versioned; no field for a treatment or a dose."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from medassist.clinical.case import Audience, Frozen
from medassist.clinical.draft import Band, ClaimKind
from medassist.clinical.triage import FiredRule, News2, TriageLevel

SCHEMA_VERSION: Literal["1.1"] = "1.1"
"""1.1 added `conflicts` and `triage.switched_off`; stored assessments of 1.0 are read as they are."""

Status = Literal["released", "withheld", "abstained"]


class Cite(Frozen):
    """Where a claim stands: a part of the record (dotted path), or an evidence id ("e1") for a guideline and for a
    document of the case."""

    kind: Literal["record", "guideline", "document"]
    ref: str
    quote: str
    start: int
    end: int
    """Character offsets of the quote in the record part's or the passage's text."""


class Claim(Frozen):
    id: str
    """Stable within one assessment ("c1"), so that a review can name it."""
    text: str
    kind: ClaimKind
    cites: tuple[Cite, ...] = ()
    verification: Literal["verified", "not_verified", "inference"] = "verified"


class Triage(Frozen):
    level: TriageLevel
    floor: TriageLevel
    rules: tuple[FiredRule, ...] = ()
    switched_off: tuple[FiredRule, ...] = ()
    """Rules that hold but that the clinic has switched off: without effect on the level."""
    news2: News2
    raised_by: Literal["rules", "model"] = "rules"
    reason: str = ""


class Summary(Frozen):
    headline: str
    """Written by the server from the structured fields: age, sex, complaint."""
    claims: tuple[Claim, ...] = ()
    record_refs: tuple[str, ...] = ()
    """Dotted paths of recorded lists that the door renders from the record itself (medications, allergies)."""


class Interval(Frozen):
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)


class Agreement(Frozen):
    """How many of the drafts that were asked for name the condition."""

    named: int = Field(ge=0)
    samples: int = Field(ge=1)


class Differential(Frozen):
    condition: str
    icd10: str | None = None
    band: Band
    probability: Interval | None = None
    probability_withheld: str | None = None
    """Why there is no number ("not_calibrated"); exactly one of the two is set."""
    claims_for: tuple[Claim, ...] = ()
    claims_against: tuple[Claim, ...] = ()
    claims_missing: tuple[str, ...] = ()
    agreement: Agreement | None = None
    """None when one draft was asked for."""


class RedFlag(Frozen):
    id: str
    name: str
    level: TriageLevel | None = None
    origin: Literal["rule", "model"]
    source: str = ""
    signed_off: bool = False
    evidence: tuple[str, ...] = ()
    claim: Claim | None = None


class Omission(Frozen):
    """An abnormal value or red flag of the record that the draft did not address."""

    kind: Literal["abnormal_value", "red_flag", "cannot_miss"]
    item: str
    ref: str


class Escalation(Frozen):
    """Authored text per level and locale; never model text."""

    level: TriageLevel
    title: str
    text: str
    locale: str
    template_version: str


class Evidence(Frozen):
    id: str
    passage_id: str
    title: str
    heading: str = ""
    source: str
    version: str
    published: date | None = None
    grade: str
    url: str = ""
    licence: str = ""
    quote: str
    start: int
    end: int
    kind: Literal["guideline", "protocol", "case_document"] = "guideline"
    document: str | None = None
    """Id of the clinic's own document that the passage is of; None for a shared guideline."""
    page: int | None = None


class ConflictSide(Frozen):
    """What one guideline says, word for word."""

    evidence: str | None = None
    """The evidence id of the same passage, when a claim cites it."""
    passage_id: str
    title: str
    source: str
    version: str
    published: date | None = None
    grade: str
    quote: str
    start: int
    end: int


class GuidelineConflict(Frozen):
    """Guidelines that contradict each other about one thing. Nobody decides between them but the reader."""

    topic: str
    kind: Literal["advice", "negation", "opposite", "age", "interval", "time", "number"]
    sides: tuple[ConflictSide, ...]


class Grounding(Frozen):
    claims: int
    supported: int
    removed: int
    quotes_matched: int = 0


class SafetyReport(Frozen):
    """What the guard took out, as codes; the removed text itself is never part of the answer."""

    removed_sentences: int = 0
    codes: tuple[str, ...] = ()
    regenerated: bool = False
    withheld_quotes: int = 0
    """Claims left out only because the words of their source hold a dose or an order."""
    injection_spans: int = 0


class Provenance(Frozen):
    backbone: str | None
    model: str | None
    adapter: str | None = None
    language_model: bool = False
    """False when the reference backbone (extractive, no language model) wrote the draft."""
    prompt_version: str | None
    index_snapshot: str | None
    embedder: str | None = None
    rule_set_version: str
    guard_version: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    timings_ms: dict[str, int] = Field(default_factory=dict)
    job_id: str | None = None
    created_at: datetime


class Assessment(Frozen):
    schema_version: Literal["1.0", "1.1"] = SCHEMA_VERSION
    status: Status
    status_reasons: tuple[str, ...] = ()
    """Stable codes, e.g. "weak_retrieval", "guard_removed_too_much", "backbone_output_unusable"."""
    audience: Audience = "clinician"
    locale: str = "en-GB"
    triage: Triage
    summary: Summary
    differential: tuple[Differential, ...] = ()
    red_flags: tuple[RedFlag, ...] = ()
    missing_information: tuple[str, ...] = ()
    omissions: tuple[Omission, ...] = ()
    escalation: Escalation
    disclaimers: tuple[str, ...]
    evidence: tuple[Evidence, ...] = ()
    conflicts: tuple[GuidelineConflict, ...] = ()
    grounding: Grounding
    safety: SafetyReport = SafetyReport()
    provenance: Provenance
