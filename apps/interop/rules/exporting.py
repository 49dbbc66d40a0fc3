"""A stored assessment as a FHIR R4 Bundle: ClinicalImpression, RiskAssessment, DetectedIssue, DocumentReference,
Provenance and the Device that made them.

There is no medicine, no order and no dose in it: those resource types are never written, and the recorded medicines stay
in the record. The label follows HL7's AI Transparency on FHIR (http://hl7.org/fhir/uv/aitransparency, ballot of January
2026): the security tag AIAST on what software asserted, an AI device as author, confidence as a range where there is one.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

from apps.interop.rules.values import Json
from medassist.clinical.assessment import Assessment, Claim, Differential, RedFlag
from medassist.clinical.draft import Band
from medassist.clinical.triage import TriageLevel

AI_LABEL = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
_IG = "http://hl7.org/fhir/uv/aitransparency/"
_TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
OURS = "urn:medassist:"
"""Codes of our own: bands of the differential, triage levels, ids of red-flag rules."""

# HL7's risk-probability has no word for what must be ruled out however unlikely it is: that band is ours alone.
_RISK: dict[Band, tuple[str, str] | None] = {
    "likely": ("high", "High likelihood"), "possible": ("moderate", "Moderate likelihood"),
    "less_likely": ("low", "Low likelihood"), "cannot_miss": None,
}  # fmt: skip
_BAND_WORDS: dict[Band, str] = {
    "likely": "Likely", "possible": "Possible", "less_likely": "Less likely", "cannot_miss": "Cannot miss",
}  # fmt: skip
_SEVERITY: dict[TriageLevel, str] = {"emergency_now": "high", "same_day": "moderate", "routine": "low"}
_LEVEL_WORDS: dict[TriageLevel, str] = {
    "emergency_now": "Emergency now", "same_day": "Same day", "routine": "Routine",
}  # fmt: skip


class _Names:
    """The same assessment always gives the same ids, so that a receiver can tell a repetition."""

    def __init__(self, assessment_id: UUID) -> None:
        self._space = assessment_id

    def id(self, what: str) -> str:
        return str(uuid5(self._space, what))

    def to(self, what: str) -> Json:
        return {"reference": f"urn:uuid:{self.id(what)}"}


def export_assessment(
    assessment: Assessment, *, assessment_id: UUID, case_id: UUID, made_at: datetime, patient: str | None,
    may_show: Callable[[str], bool],
) -> Json:  # fmt: skip
    """A Bundle of type collection. `patient` is the caller's own reference, `made_at` is aware.

    `may_show(text)` is False for words that hold a dose or an order; such words are left out, and the summary says so.
    """
    names = _Names(assessment_id)
    about = _Writer(assessment, names, made_at, _subject(patient, case_id), may_show)
    resources = [("device", about.device()), ("impression", about.impression())]
    if about.conditions:
        resources.append(("risk", about.risk()))
    resources += [(f"flag:{flag.id}", about.issue(flag)) for flag in assessment.red_flags]
    resources.append(("document", about.document()))
    resources.append(("provenance", about.provenance([name for name, _ in resources if name != "device"])))
    return {
        "resourceType": "Bundle",
        "id": str(assessment_id),
        "meta": {"security": [AI_LABEL]},
        "identifier": {"system": f"{OURS}assessment", "value": str(assessment_id)},
        "type": "collection",
        "timestamp": _instant(made_at),
        "entry": [
            {"fullUrl": f"urn:uuid:{names.id(name)}", "resource": {**resource, "id": names.id(name)}}
            for name, resource in resources
        ],
    }


def _subject(patient: str | None, case_id: UUID) -> Json:
    """The patient as the caller named them: a reference of FHIR's own form, else an identifier."""
    if patient and patient.startswith("Patient/") and patient.removeprefix("Patient/").replace("-", "").isalnum():
        return {"reference": patient, "type": "Patient"}
    if patient:
        return {"type": "Patient", "identifier": {"value": patient}}
    return {"type": "Patient", "identifier": {"system": f"{OURS}case", "value": str(case_id)}}


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Writer:
    def __init__(
        self, assessment: Assessment, names: _Names, made_at: datetime, subject: Json, may_show: Callable[[str], bool]
    ) -> None:
        self._of = assessment
        self._names = names
        self._at = _instant(made_at)
        self._subject = subject
        self._may_show = may_show
        self._withheld = 0
        self.conditions = [item for item in assessment.differential if may_show(item.condition)]

    def _labelled(self, kind: str, **content: Any) -> Json:
        return {"resourceType": kind, "meta": {"security": [AI_LABEL]}, **content}

    def _shown(self, *texts: str) -> list[str]:
        """Those that may be shown, each once; the others are counted."""
        kept = []
        for text in dict.fromkeys(text for text in texts if text):
            if self._may_show(text):
                kept.append(text)
            else:
                self._withheld += 1
        return kept

    # --- who made it ------------------------------------------------------------------------------

    def device(self) -> Json:
        made_by = self._of.provenance
        versions = [
            ("backbone", made_by.backbone), ("model", made_by.model), ("adapter", made_by.adapter),
            ("prompt", made_by.prompt_version), ("rules", made_by.rule_set_version), ("guard", made_by.guard_version),
            ("index", made_by.index_snapshot), ("embedder", made_by.embedder),
        ]  # fmt: skip
        kind = (
            [{"url": f"{_IG}StructureDefinition/aitransparency.AIKind", "valueCodeableConcept": _device_type(
                "Large-Language-Models", "Large Language Models")}]
            if made_by.language_model else []
        )  # fmt: skip
        note = (
            "Drafted by a language model, then checked by rules."
            if made_by.language_model
            else "Drafted by an extractive program, which is no language model, then checked by rules."
        )
        return {
            "resourceType": "Device",
            **({"extension": kind} if kind else {}),
            "status": "active",
            "manufacturer": "MedAssist",
            "deviceName": [{"name": "MedAssist", "type": "user-friendly-name"}],
            "type": _device_type("Artificial-Intelligence", "All kinds of Artificial Intelligence"),
            "version": [{"type": {"text": name}, "value": value} for name, value in versions if value],
            "note": [{"text": note}],
        }

    def provenance(self, targets: list[str]) -> Json:
        cited = [
            {
                "role": "source",
                "what": {
                    "display": " · ".join(part for part in (item.title, item.source, item.version) if part)[:1000],
                    "identifier": {"system": f"{OURS}passage", "value": item.passage_id},
                },
            }
            for item in self._of.evidence
        ]
        return self._labelled(
            "Provenance",
            target=[self._names.to(name) for name in targets],
            recorded=self._at,
            activity=_coded(f"{_TERMINOLOGY}v3-DataOperation", "CREATE", "create"),
            agent=[
                {
                    "type": _coded(f"{_TERMINOLOGY}provenance-participant-type", "author", "Author"),
                    "who": self._names.to("device"),
                }
            ],
            **({"entity": cited} if cited else {}),
        )

    # --- what it says -----------------------------------------------------------------------------

    def impression(self) -> Json:
        released = self._of.status == "released"
        findings = []
        self._withheld += len(self._of.differential) - len(self.conditions)
        for item in self.conditions:
            basis = "; ".join(self._shown(*(claim.text for claim in item.claims_for)))
            findings.append({"itemCodeableConcept": _condition(item), **({"basis": basis} if basis else {})})
        summary = self._shown(self._of.summary.headline, *(claim.text for claim in self._of.summary.claims))
        notes = [{"text": text} for text in (*self._of.disclaimers, *self._reasons())]
        return self._labelled(
            "ClinicalImpression",
            # Withheld or abstained: software looked, and came to no impression that may be read as one.
            status="completed" if released else "in-progress",
            subject=self._subject,
            date=self._at,
            description=f"Triage: {_LEVEL_WORDS[self._of.triage.level]}",
            **({"summary": "\n".join(summary)} if summary else {}),
            **({"finding": findings} if findings else {}),
            **({"prognosisReference": [self._names.to("risk")]} if self.conditions else {}),
            supportingInfo=[
                *(self._names.to(f"flag:{flag.id}") for flag in self._of.red_flags), self._names.to("document"),
            ],
            **({"note": notes} if notes else {}),
        )  # fmt: skip

    def _reasons(self) -> list[str]:
        if self._of.status == "released":
            return []
        reasons = ", ".join(self._of.status_reasons) or "no reason recorded"
        return [f"The assessment was {self._of.status}: {reasons}."]

    def risk(self) -> Json:
        return self._labelled(
            "RiskAssessment",
            status="final",
            subject=self._subject,
            occurrenceDateTime=self._at,
            performer=self._names.to("device"),
            prediction=[_prediction(item) for item in self.conditions],
        )

    def issue(self, flag: RedFlag) -> Json:
        told = self._shown(*([flag.claim.text] if flag.claim else []), *flag.evidence)
        # The name of a rule is authored; what a model calls a flag is not.
        named = {"coding": [{"system": f"{OURS}red-flag", "code": flag.id, "display": flag.name}], "text": flag.name}
        content: Json = {
            "status": "final" if flag.origin == "rule" else "preliminary",
            "code": named if flag.origin == "rule" else {"text": (self._shown(flag.name) or ["Red flag"])[0]},
            "patient": self._subject,
            "identifiedDateTime": self._at,
            "author": self._names.to("device"),
        }  # fmt: skip
        if flag.level:
            content["severity"] = _SEVERITY[flag.level]
        if told:
            content["detail"] = "; ".join(told)
        return self._labelled("DetectedIssue", **content)

    def document(self) -> Json:
        text = "\n".join(self._lines())
        return self._labelled(
            "DocumentReference",
            status="current",
            # A machine wrote it; it is final only once a clinician has made it their own.
            docStatus="preliminary",
            type={"text": "Assessment by MedAssist, for a clinician"},
            subject=self._subject,
            date=self._at,
            author=[self._names.to("device")],
            description=f"Triage: {_LEVEL_WORDS[self._of.triage.level]}",
            content=[
                {
                    "attachment": {
                        "contentType": "text/plain; charset=utf-8",
                        "language": self._of.locale,
                        "data": base64.b64encode(text.encode()).decode(),
                        "title": "Assessment",
                        "creation": self._at,
                    }
                }
            ],
        )

    def _lines(self) -> Iterator[str]:
        of = self._of
        yield f"Triage: {_LEVEL_WORDS[of.triage.level]} (floor set by rules: {_LEVEL_WORDS[of.triage.floor]})"
        yield f"{of.escalation.title}\n{of.escalation.text}"
        yield from self._reasons()
        yield from self._section("Summary", self._shown(of.summary.headline, *_texts(of.summary.claims)))
        yield from self._section("Red flags", self._flags())
        for item in self.conditions:
            code = f" [{item.icd10}]" if item.icd10 else ""
            yield f"\n{_BAND_WORDS[item.band]}: {item.condition}{code}"
            for label, texts in (
                ("For", _texts(item.claims_for)), ("Against", _texts(item.claims_against)), ("Missing", item.claims_missing)
            ):  # fmt: skip
                yield from (f"  {label}: {text}" for text in self._shown(*texts))
        yield from self._section("Missing information", self._shown(*of.missing_information))
        yield from self._section("Not addressed", self._shown(*(item.item for item in of.omissions)))
        sources = (" · ".join(part for part in (item.title, item.source, item.version) if part) for item in of.evidence)
        yield from self._section("Sources", list(dict.fromkeys(sources)))
        if self._withheld:
            yield "\nStatements that name a dose or an order are not sent; they are in MedAssist and in the record."
        yield from self._section("Please note", list(of.disclaimers))

    def _flags(self) -> list[str]:
        return [
            name
            for flag in self._of.red_flags
            for name in ([flag.name] if flag.origin == "rule" else self._shown(flag.name))
        ]

    @staticmethod
    def _section(title: str, lines: list[str]) -> Iterator[str]:
        if lines:
            yield f"\n{title}"
            yield from (f"- {line}" for line in lines)


def _texts(claims: tuple[Claim, ...]) -> tuple[str, ...]:
    return tuple(claim.text for claim in claims)


def _coded(system: str, code: str, display: str) -> Json:
    return {"coding": [{"system": system, "code": code, "display": display}]}


def _device_type(code: str, display: str) -> Json:
    return _coded(f"{_IG}CodeSystem/AIdeviceTypeCS", code, display)


def _condition(item: Differential) -> Json:
    coded = {"coding": [{"system": ICD10, "code": item.icd10}]} if item.icd10 else {}
    return {**coded, "text": item.condition}


def _prediction(item: Differential) -> Json:
    """A number only where a calibrated interval stands behind it; in words otherwise, with the reason."""
    prediction: Json = {"outcome": _condition(item)}
    coding = [{"system": f"{OURS}band", "code": item.band, "display": _BAND_WORDS[item.band]}]
    if item.probability is not None:
        low, high = (round(value * 100, 4) for value in (item.probability.low, item.probability.high))
        span = {
            name: {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
            for name, value in (("low", low), ("high", high))
        }
        prediction["extension"] = [{"url": f"{_IG}StructureDefinition/AIconfidence", "valueRange": span}]
        prediction["probabilityRange"] = span
    elif risk := _RISK[item.band]:
        coding.insert(0, {"system": f"{_TERMINOLOGY}risk-probability", "code": risk[0], "display": risk[1]})
    prediction["qualitativeRisk"] = {"coding": coding, "text": _BAND_WORDS[item.band]}
    told = [f"No number is given: {item.probability_withheld}."] if item.probability_withheld else []
    if item.agreement is not None:
        told.append(f"Named by {item.agreement.named} of {item.agreement.samples} drafts.")
    if told:
        prediction["rationale"] = " ".join(told)
    return prediction
