"""Values that leave the safety room: all frozen, all pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from medassist.clinical.case import CaseInput, Frozen
from medassist.clinical.draft import Band, ClaimKind
from medassist.clinical.readability import TARGET_GRADE
from medassist.clinical.triage import RuleDecision, TriageLevel


class Finding(Frozen):
    """One reason to block: the rule of the taxonomy and where it stands in the checked text."""

    rule: str
    start: int
    end: int
    reason: str
    """A stable word, e.g. "directive" or "differs_from_record"; never patient text."""


class Verdict(Frozen):
    allowed: bool
    findings: tuple[Finding, ...] = ()
    views: tuple[str, ...] = ("plain",)
    """Names of the views that were judged: "plain", "squeezed", "base64" and so on."""

    @property
    def codes(self) -> tuple[str, ...]:
        """The rules that fired, in order, each once."""
        return tuple(dict.fromkeys(finding.rule for finding in self.findings))


class VerifiedCite(Frozen):
    """A quote that was found in its source; `quote` is the source's own text between the offsets."""

    source: str
    kind: Literal["record", "guideline"]
    quote: str
    start: int
    end: int
    rebound: bool = False
    """True when the server bound the claim to this place itself, because the model's own cite did not hold."""


class VerifiedClaim(Frozen):
    text: str
    kind: ClaimKind
    cites: tuple[VerifiedCite, ...]
    verification: Literal["verified", "not_verified", "inference"] = "verified"


class CheckItem(Frozen):
    """One claim as a checker is asked about it: the statement and the quotes that it rests on."""

    id: str
    statement: str
    sentences: tuple[str, ...]


class VerifiedCondition(Frozen):
    condition: str
    band: Band
    claims_for: tuple[VerifiedClaim, ...] = ()
    claims_against: tuple[VerifiedClaim, ...] = ()
    claims_missing: tuple[str, ...] = ()


class GroundingCount(Frozen):
    claims: int = 0
    supported: int = 0
    removed: int = 0
    quotes_matched: int = 0
    notes_removed: int = 0
    """Free-text items (missing information, triage reason) that held a number or a fact of their own."""


class VerifiedDraft(Frozen):
    """A draft of which only what its sources support is left."""

    triage_level: TriageLevel
    triage_reason: str = ""
    summary: tuple[VerifiedClaim, ...] = ()
    differential: tuple[VerifiedCondition, ...] = ()
    red_flags: tuple[VerifiedClaim, ...] = ()
    missing_information: tuple[str, ...] = ()
    grounding: GroundingCount = GroundingCount()


class GuardedDraft(Frozen):
    """A verified draft after the medicine guard: nothing in it prescribes."""

    triage_level: TriageLevel
    triage_reason: str = ""
    summary: tuple[VerifiedClaim, ...] = ()
    differential: tuple[VerifiedCondition, ...] = ()
    red_flags: tuple[VerifiedClaim, ...] = ()
    missing_information: tuple[str, ...] = ()
    grounding: GroundingCount = GroundingCount()
    removed_sentences: int = 0
    codes: tuple[str, ...] = ()
    must_regenerate: bool = False
    markers: tuple[str, ...] = ()
    """Places from which a sentence was taken, as dotted paths ("differential.0.claims_for.1")."""
    withheld_quotes: int = 0
    """Claims taken out only because their source's own words hold a dose or an order; not the model's fault."""


class AbnormalFinding(Frozen):
    """A value outside its limits: dotted path in the case, and its words ("heart rate 138 /min")."""

    ref: str
    text: str


class Deidentified(Frozen):
    """A case without direct identifiers. `tokens` maps each placeholder to what stood there; it never leaves the worker."""

    case: CaseInput
    count: int
    tokens: dict[str, str] = Field(default_factory=dict, repr=False)
    also: tuple[str, ...] = Field(default=(), repr=False)
    """The further texts that were given with the case, in their order."""

    def restore(self, text: str) -> str:
        """Puts the originals back in place of the placeholders."""
        for token, original in self.tokens.items():
            text = text.replace(token, original)
        return text


class Screened(Frozen):
    """A text with instruction-like spans replaced; `spans` are offsets in the original."""

    text: str
    spans: tuple[tuple[int, int], ...] = ()
    kinds: tuple[str, ...] = ()


class PatientCheck(Frozen):
    """What speaks against giving a text to a patient. What is `blocked` may never go out; the rest a clinician may accept."""

    blocked: tuple[str, ...]
    """Sentences that the guard keeps from patients."""
    strange_numbers: tuple[str, ...]
    """Numbers that neither the record nor an authored text holds."""
    grade: float
    """Flesch-Kincaid grade level."""
    words: int
    hard: tuple[str, ...]
    """Sentences above the target, longest first."""
    too_hard: bool

    def problems(self, *, accept_hard: bool, accept_numbers: bool) -> dict[str, str]:
        """By field, in words; empty when the text may go out."""
        fields: dict[str, str] = {}
        if self.blocked:
            told = "; ".join(f"“{words}”" for words in self.blocked[:3])
            fields["text"] = f"a patient may not be told this about medicines or treatment: {told}"
        if self.too_hard and not accept_hard:
            fields["accept_hard"] = f"reading grade {self.grade:g}, target {TARGET_GRADE:g}"
        if self.strange_numbers and not accept_numbers:
            fields["accept_numbers"] = "not in the record: " + ", ".join(self.strange_numbers[:10])
        return fields


class Abstention(Frozen):
    """What keeps an answer back (`stops`), what limits it (`limits`), as codes; `notes` are authored words for the reader."""

    stops: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Answer(Frozen):
    """What a backbone said, as structured data, and who said it."""

    data: dict[str, Any]
    backbone: str
    model: str
    adapter: str | None = None
    language_model: bool = True
    prompt_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: int = 0


class Statement(Frozen):
    """One sentence of a guideline; statements of one origin (a version of a text) are not compared with each other."""

    id: str
    text: str
    origin: str
    topic: str = ""
    """What its text is about: title and heading."""


ConflictKind = Literal["advice", "negation", "opposite", "age", "interval", "time", "number"]


class Conflict(Frozen):
    """Two statements that contradict each other, by their ids."""

    kind: ConflictKind
    sides: tuple[str, str]


class Pair(Frozen):
    """One condition of one adjudicated case: its score, and whether it was the diagnosis."""

    score: float = Field(ge=0, le=1)
    correct: bool


class Block(Frozen):
    """A stretch of scores that share one observed frequency."""

    low: float
    high: float
    count: int
    hits: int

    @property
    def frequency(self) -> float:
        return self.hits / self.count


class Bin(Frozen):
    """A tenth of a reliability curve: what was said on average, and how often it came true."""

    low: float
    high: float
    count: int
    said: float
    came: float


class CalibrationReport(Frozen):
    """The figures are of held-out folds; `*_raw` are those of the scores themselves."""

    pairs: int
    correct: int
    blocks: tuple[Block, ...]
    brier: float
    ece: float
    brier_raw: float
    ece_raw: float
    reliability: tuple[Bin, ...]


class DecisionView(Frozen):
    """A line of a rule's history in this clinic."""

    at: datetime
    state: str
    by: str
    reason: str
    of_this_version: bool


class RuleView(Frozen):
    """A triage rule as a clinician decides upon it."""

    id: str
    name: str
    version: str
    triggers: tuple[tuple[TriageLevel, str], ...]
    """Level and the expression that raises to it."""
    source: str
    hard: bool
    """May not be switched off."""
    conditions: tuple[str, ...]
    signed_off: bool
    """By the data that ship; no rule is."""
    decision: RuleDecision | None
    state: Literal["undecided", "signed_off", "switched_off", "lapsed"]
    words: tuple[tuple[str, str], ...] = ()
    """Findings that the triggers name, with the words that assert them; told with one rule only."""
    history: tuple[DecisionView, ...] = ()


class ModelVersion(Frozen):
    """What a calibration speaks of: another adapter or another prompt is another version."""

    backbone: str
    model: str
    adapter: str = ""
    prompt: str = ""


class Event(Frozen):
    """What a check did to an answer: a code, how often, and the rules or reasons (codes too)."""

    code: str
    count: int = 1
    rules: tuple[str, ...] = ()


class Policy(Frozen):
    """What a clinic tightened."""

    strict_medicines: bool = False
    patient_audience: bool = True
    locales: tuple[str, ...] = ()


class Trial(Frozen):
    """Cases sent through the real pipeline with one model version; figures are (hits, of how many)."""

    backbone: str
    model: str
    adapter: str = ""
    prompt: str = ""
    index: str = ""
    figures: dict[str, tuple[int, int]] = Field(default_factory=dict)
    failing: dict[str, tuple[str, ...]] = Field(default_factory=dict)
