"""An `Assessment` and a `TriageFloor` turned into what the case page draws. Nothing is decided here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from apps.cases.schemas import ReviewedClaim
from apps.cases.views import words
from apps.cases.views.record import Section, addresses, anchor, label_of, listed
from apps.cases.views.words import say
from medassist.clinical.assessment import (
    Assessment,
    Cite,
    Claim,
    ConflictSide,
    Differential,
    Evidence,
    GuidelineConflict,
    Interval,
)
from medassist.clinical.case import CaseInput
from medassist.clinical.triage import News2, TriageFloor, TriageLevel


@dataclass(frozen=True)
class Chip:
    kind: str
    label: str
    spoken: str
    """The whole meaning of the link, for a screen reader."""
    href: str
    quote: str = ""


@dataclass(frozen=True)
class ClaimView:
    id: str
    text: str
    kind: str
    unverified: bool
    chips: tuple[Chip, ...]
    review: ReviewedClaim | None = None


@dataclass(frozen=True)
class FlagView:
    name: str
    level: TriageLevel | None
    level_name: str
    origin: str
    source: str
    signed_off: bool
    found: tuple[str, ...]
    claim: ClaimView | None = None


@dataclass(frozen=True)
class NewsView:
    total: int | None
    scores: tuple[tuple[str, int], ...]
    missing: tuple[str, ...]
    reason: str


@dataclass(frozen=True)
class TriageView:
    level: TriageLevel
    name: str
    floor_name: str
    raised: bool
    reason: str
    flags: tuple[FlagView, ...]
    switched_off: tuple[tuple[str, str], ...]
    """Id and name of rules that hold but that the clinic does not let count."""
    news: NewsView
    final: bool
    """False while only the rules have spoken."""


@dataclass(frozen=True)
class Bar:
    """A probability interval as positions on a bar 100 wide."""

    low: int
    high: int

    @property
    def width(self) -> int:
        return max(1, self.high - self.low)


@dataclass(frozen=True)
class ConditionView:
    condition: str
    icd10: str | None
    bar: Bar | None
    no_number: str
    claims_for: tuple[ClaimView, ...]
    claims_against: tuple[ClaimView, ...]
    claims_missing: tuple[str, ...]


@dataclass(frozen=True)
class BandView:
    key: str
    name: str
    note: str
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True)
class EvidenceView:
    number: int
    item: Evidence
    href: str
    ended: str = ""
    """What became of its text since: words, empty while it holds."""


@dataclass(frozen=True)
class OmissionView:
    kind: str
    item: str
    chip: Chip | None


@dataclass(frozen=True)
class SideView:
    item: ConflictSide
    href: str
    ended: str = ""


@dataclass(frozen=True)
class ConflictView:
    topic: str
    about: str
    sides: tuple[SideView, ...]


@dataclass(frozen=True)
class AssessmentView:
    item: Assessment
    reasons: tuple[str, ...]
    summary: tuple[ClaimView, ...]
    lists: tuple[Section, ...]
    bands: tuple[BandView, ...]
    omissions: tuple[OmissionView, ...]
    evidence: tuple[EvidenceView, ...]
    conflicts: tuple[ConflictView, ...]
    timings: tuple[tuple[str, int], ...]


def triage_of(
    floor: TriageFloor, assessment: Assessment | None, case: CaseInput, case_id: UUID,
    reviews: Mapping[str, ReviewedClaim] | None = None,
) -> TriageView:  # fmt: skip
    """The banner: the assessment's triage when there is one, else what the rules alone say."""
    if assessment is None:
        level, news, reason = floor.level, floor.news2, ""
        flags = tuple(
            FlagView(
                name=rule.name,
                level=rule.level,
                level_name=say(words.LEVELS, rule.level),
                origin="rule",
                source=rule.source,
                signed_off=rule.is_signed_off,
                found=rule.evidence,
            )
            for rule in floor.rules
        )
    else:
        level, news, reason = assessment.triage.level, assessment.triage.news2, assessment.triage.reason
        draw = Drawer(case, case_id, assessment.evidence, reviews)
        flags = tuple(
            FlagView(
                name=flag.name,
                level=flag.level,
                level_name=say(words.LEVELS, flag.level) if flag.level else "",
                origin=flag.origin,
                source=flag.source,
                signed_off=flag.signed_off,
                found=flag.evidence,
                claim=draw.claim(flag.claim) if flag.claim else None,
            )
            for flag in assessment.red_flags
        )
    return TriageView(
        level=level,
        name=say(words.LEVELS, level),
        floor_name=say(words.LEVELS, floor.level),
        raised=level != floor.level,
        reason=reason,
        flags=flags,
        switched_off=tuple((rule.id, rule.name) for rule in floor.switched_off),
        news=_news(news),
        final=assessment is not None,
    )


def assessment_of(
    assessment: Assessment, case: CaseInput, case_id: UUID, ended: Mapping[str, str] | None = None,
    reviews: Mapping[str, ReviewedClaim] | None = None,
) -> AssessmentView:  # fmt: skip
    """`ended`: the states of those cited passages whose text no longer holds."""
    ended = ended or {}
    draw = Drawer(case, case_id, assessment.evidence, reviews)
    return AssessmentView(
        item=assessment,
        reasons=tuple(say(words.STATUS_REASONS, code) for code in assessment.status_reasons),
        summary=draw.claims(assessment.summary.claims),
        lists=_recorded(assessment, case),
        bands=_bands(assessment.differential, draw),
        omissions=tuple(
            OmissionView(say(words.OMISSIONS, item.kind), item.item, draw.record_chip(item.ref))
            for item in assessment.omissions
        ),
        evidence=tuple(
            EvidenceView(
                number,
                item,
                passage_address(item, case_id, item.start, item.end),
                say(words.TEXT_STATES, ended[item.passage_id]) if item.passage_id in ended else "",
            )
            for number, item in enumerate(assessment.evidence, start=1)
        ),
        conflicts=tuple(_conflict(item, ended) for item in assessment.conflicts),
        timings=_timings(assessment.provenance.timings_ms),
    )


def _conflict(item: GuidelineConflict, ended: Mapping[str, str]) -> ConflictView:
    return ConflictView(
        topic=item.topic,
        about=say(words.CONFLICTS, item.kind),
        sides=tuple(
            SideView(
                side,
                address(side.passage_id, side.start, side.end),
                say(words.TEXT_STATES, ended[side.passage_id]) if side.passage_id in ended else "",
            )
            for side in item.sides
        ),
    )


def passage_address(item: Evidence, case_id: UUID, start: int, end: int) -> str:
    """Where the passage opens, the words marked; a document of the case opens within its case only."""
    return address(item.passage_id, start, end, case_id if item.kind == "case_document" else None)


def address(passage_id: str, start: int, end: int, case_id: UUID | None = None) -> str:
    span: dict[str, int | str] = {"start": start, "end": end}
    if case_id is not None:
        span["case"] = str(case_id)
    return f"{reverse('cases:passage', args=[passage_id])}?{urlencode(span)}"


class Drawer:
    """Draws claims: knows the record and the evidence that their citations point at."""

    def __init__(
        self, case: CaseInput, case_id: UUID, evidence: Iterable[Evidence],
        reviews: Mapping[str, ReviewedClaim] | None = None,
    ) -> None:  # fmt: skip
        self._reviews = reviews or {}
        self._case, self._case_id = case, case_id
        self._evidence = {item.id: (number, item) for number, item in enumerate(evidence, start=1)}
        self._anchors = addresses(case)

    def claims(self, claims: Iterable[Claim]) -> tuple[ClaimView, ...]:
        return tuple(self.claim(claim) for claim in claims)

    def claim(self, claim: Claim) -> ClaimView:
        return ClaimView(
            id=claim.id,
            text=claim.text,
            kind=claim.kind,
            unverified=claim.verification == "not_verified",
            chips=tuple(chip for chip in map(self._chip, claim.cites) if chip is not None),
            review=self._reviews.get(claim.id),
        )

    def _chip(self, cite: Cite) -> Chip | None:
        if cite.kind == "record":
            return self.record_chip(cite.ref, cite.quote)
        if cite.ref not in self._evidence:
            return None
        number, item = self._evidence[cite.ref]
        return Chip(
            kind="guideline",
            label=f"{number} {item.source or item.title}",
            spoken=gettext("Source %(number)s: %(title)s, %(source)s")
            % {"number": number, "title": item.title, "source": item.source or gettext("document of this case")},
            href=passage_address(item, self._case_id, cite.start, cite.end),
            quote=cite.quote,
        )

    def record_chip(self, path: str, quote: str = "") -> Chip | None:
        """None when the record has no such part (a list as a whole points at its first entry)."""
        for candidate in (anchor(path), anchor(f"{path}.0"), anchor(path.partition(".")[0])):
            if candidate in self._anchors:
                label = label_of(path, self._case)
                return Chip("record", label, gettext("Record: %(part)s") % {"part": label}, f"#{candidate}", quote)
        return None


def _recorded(assessment: Assessment, case: CaseInput) -> tuple[Section, ...]:
    names = [name for name in assessment.summary.record_refs if name in {"medications", "allergies"}]
    return tuple(section for section in (listed(case, name) for name in names) if section.rows)


def _bands(differential: Iterable[Differential], draw: Drawer) -> tuple[BandView, ...]:
    conditions = list(differential)
    bands = []
    for key in words.BAND_ORDER:
        members = tuple(_condition(item, draw) for item in conditions if item.band == key)
        if members:
            note = say(words.BAND_NOTES, key) if key in words.BAND_NOTES else ""
            bands.append(BandView(key, say(words.BANDS, key), note, members))
    return tuple(bands)


def _condition(item: Differential, draw: Drawer) -> ConditionView:
    return ConditionView(
        condition=item.condition,
        icd10=item.icd10,
        bar=_bar(item.probability),
        no_number=say(words.NO_NUMBER, item.probability_withheld or "not_calibrated"),
        claims_for=draw.claims(item.claims_for),
        claims_against=draw.claims(item.claims_against),
        claims_missing=item.claims_missing,
    )


def _bar(interval: Interval | None) -> Bar | None:
    return Bar(round(interval.low * 100), round(interval.high * 100)) if interval else None


def _news(news: News2) -> NewsView:
    return NewsView(
        total=news.total if news.applicable else None,
        scores=tuple((say(words.NEWS2, name), score) for name, score in news.parameters.items()),
        missing=tuple(say(words.NEWS2, name) for name in news.missing),
        reason=news.reason,
    )


def _timings(timings: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple((say(words.TIMINGS, name), value) for name, value in timings.items())
