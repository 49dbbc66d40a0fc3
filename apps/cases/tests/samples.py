"""One chest-pain case in every state that the case page can show; invented, no real patient."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import UUID

from medassist.clinical.assessment import (
    Assessment,
    Cite,
    Claim,
    Differential,
    Escalation,
    Evidence,
    Grounding,
    Interval,
    Omission,
    Provenance,
    RedFlag,
    SafetyReport,
    Status,
    Summary,
    Triage,
)
from medassist.clinical.case import CaseInput
from medassist.clinical.parsing import parse_case
from medassist.clinical.triage import FiredRule, News2, TriageFloor
from medassist.jobs.schemas import JobView, State

CASE_ID = UUID("5f0c8a51-9d3f-4c1e-8a38-1d1f6f3e9b11")
JOB_ID = UUID("0d5f0c3a-6a8b-4b57-9c47-3b1a7a1c2d22")
CREATED = datetime(2026, 11, 2, 8, 41, tzinfo=UTC)

CASE_DATA: dict[str, Any] = {
    "patient": {"age": {"value": 54, "unit": "years"}, "sex": "female", "reference": "A-1182"},
    "presenting_complaint": "Chest pain for 25 minutes",
    "history": "Central pressing chest pain since 25 minutes, started on the stairs, radiating to the left arm.\n"
    "Sweating and nausea. No fever, no cough. Short of breath on the stairs for two weeks.",
    "examination": "Pale and clammy. Heart sounds normal, lungs clear. No calf swelling.",
    "symptoms": [
        {"name": "chest pain", "onset": "sudden", "duration": "25 minutes", "severity": "8/10"},
        {"name": "fever", "present": False},
    ],
    "vitals": {"respiratory_rate": 24, "spo2": 94, "on_oxygen": False, "systolic_bp": 98, "heart_rate": 112},
    "labs": [
        {"name": "Troponin T", "value": 64, "unit": "ng/L", "reference_high": 14},
        {"name": "Potassium", "value": 4.1, "unit": "mmol/L", "reference_low": 3.5, "reference_high": 5.1},
        {"name": "D-dimer", "value": "pending"},
    ],
    "medications": ["metformin 500 mg twice daily", "ramipril 5 mg once daily"],
    "allergies": ["penicillin (rash)"],
    "past_history": ["type 2 diabetes", "hypertension"],
    "family_history": ["father: heart attack at 52"],
    "question": "What must not be missed?",
}

NEWS = News2(
    applicable=True,
    total=7,
    parameters={"respiratory_rate": 2, "spo2": 1, "on_oxygen": 0, "systolic_bp": 2, "heart_rate": 2},
    missing=("consciousness", "temperature_c"),
)
RULES = (
    FiredRule(
        id="acs",
        name="Suspected acute coronary syndrome",
        level="emergency_now",
        source="NICE CG95",
        evidence=("chest pain 25 minutes", "radiating to the left arm"),
        conditions=("Acute coronary syndrome",),
    ),
    FiredRule(
        id="news2_7", name="NEWS2 of 7 or more", level="emergency_now", source="RCP NEWS2 2017", evidence=("NEWS2 7",)
    ),
)
FLOOR = TriageFloor(level="emergency_now", rules=RULES, news2=NEWS, rule_set_version="2026.11")
ESCALATION = Escalation(
    level="emergency_now",
    title="Act now: emergency assessment",
    text="Call the emergency team, or 999 outside hospital. Stay with the patient and repeat the observations. "
    "Do not wait for this page.",
    locale="en-GB",
    template_version="1",
)
PASSAGE_TEXT = (
    "The symptoms of a heart attack can vary from person to person. Common symptoms are pressure or pain in the centre "
    "of the chest, pain that spreads to the arm, neck or jaw, shortness of breath, sweating and nausea."
)
QUOTE = "pain that spreads to the arm, neck or jaw"


def case() -> CaseInput:
    return parse_case(CASE_DATA)


def guideline(evidence: str, quote: str = QUOTE) -> Cite:
    start = max(PASSAGE_TEXT.find(quote), 0)
    return Cite(kind="guideline", ref=evidence, quote=quote, start=start, end=start + len(quote))


def record(path: str, quote: str) -> Cite:
    return Cite(kind="record", ref=path, quote=quote, start=0, end=len(quote))


def evidence() -> tuple[Evidence, ...]:
    start = PASSAGE_TEXT.find(QUOTE)
    common = {"version": "2017-10", "grade": "reference", "licence": "Public domain", "start": start}
    return tuple(
        Evidence(
            id=f"e{number}",
            passage_id=f"medquad/{number}",
            title=title,
            heading=heading,
            source=source,
            published=date(2017, 10, 23),
            url="https://www.example.org/heart-attack",
            quote=QUOTE,
            end=start + len(QUOTE),
            **cast(Any, common),
        )
        for number, title, heading, source in (
            (1, "Heart Attack", "What are the symptoms of Heart Attack?", "NHLBI"),
            (2, "Pulmonary Embolism", "Who is at risk?", "NHLBI"),
        )
    )


def differential() -> tuple[Differential, ...]:
    return (
        Differential(
            condition="Acute coronary syndrome",
            icd10="I24.9",
            band="cannot_miss",
            probability_withheld="not_calibrated",
            claims_for=(
                Claim(
                    id="c1",
                    text="The pain radiates to the left arm and started on exertion.",
                    kind="patient_fact",
                    cites=(record("history", "radiating to the left arm"),),
                ),
                Claim(
                    id="c2",
                    text="Heart attack pain often spreads to the arm, neck or jaw.",
                    kind="guideline",
                    cites=(guideline("e1"),),
                ),
                Claim(
                    id="c3",
                    text="Troponin T is 64 ng/L, above the laboratory's range.",
                    kind="patient_fact",
                    cites=(record("labs.0", "64 ng/L"),),
                ),
            ),
            claims_missing=("A 12-lead ECG", "A second troponin"),
        ),
        Differential(
            condition="Pulmonary embolism",
            icd10="I26.9",
            band="possible",
            probability=Interval(low=0.08, high=0.21),
            claims_for=(
                Claim(
                    id="c4",
                    text="Fast heart rate and low saturation fit a pulmonary embolism.",
                    kind="inference",
                    verification="not_verified",
                    cites=(record("vitals.heart_rate", "112"), record("vitals.spo2", "94"), guideline("e2")),
                ),
            ),
            claims_against=(
                Claim(
                    id="c5",
                    text="No calf swelling was found.",
                    kind="patient_fact",
                    cites=(record("examination", "No calf swelling"),),
                ),
            ),
            claims_missing=("The D-dimer result is pending",),
        ),
        Differential(
            condition="Gastro-oesophageal reflux",
            icd10="K21.9",
            band="less_likely",
            probability_withheld="not_calibrated",
            claims_against=(Claim(id="c6", text="The pain started on exertion, not after a meal.", kind="inference"),),
        ),
    )


def full(**changes: Any) -> Assessment:
    """A released assessment; `changes` replace fields."""
    fields: dict[str, Any] = {
        "status": "released",
        "triage": Triage(level="emergency_now", floor="emergency_now", rules=RULES, news2=NEWS),
        "summary": Summary(
            headline="54-year-old female, chest pain for 25 minutes",
            claims=(
                Claim(
                    id="c0",
                    text="Pressing chest pain with sweating and nausea.",
                    kind="patient_fact",
                    cites=(record("history", "Sweating and nausea"),),
                ),
            ),
            record_refs=("medications", "allergies"),
        ),
        "differential": differential(),
        "red_flags": (
            RedFlag(
                id="acs",
                name="Suspected acute coronary syndrome",
                level="emergency_now",
                origin="rule",
                source="NICE CG95",
                evidence=("chest pain 25 minutes", "radiating to the left arm"),
            ),
            RedFlag(
                id="m1",
                name="Exertional breathlessness for two weeks",
                origin="model",
                claim=Claim(
                    id="c7",
                    text="Breathlessness on the stairs came before the pain.",
                    kind="patient_fact",
                    cites=(record("history", "Short of breath on the stairs for two weeks"),),
                ),
            ),
        ),
        "missing_information": ("Temperature and level of consciousness", "Time of the last meal"),
        "omissions": (Omission(kind="abnormal_value", item="systolic pressure 98 mmHg", ref="vitals.systolic_bp"),),
        "escalation": ESCALATION,
        "disclaimers": ("For clinicians. Check each statement against its source.", "It names no treatment."),
        "evidence": evidence(),
        "grounding": Grounding(claims=11, supported=8, removed=3, quotes_matched=9),
        "safety": SafetyReport(removed_sentences=2, codes=("B3", "B1")),
        "provenance": Provenance(
            backbone="reference",
            model="medassist-reference",
            prompt_version="assessment.v1",
            index_snapshot="3f9a2c",
            embedder="minilm",
            rule_set_version="2026.11",
            guard_version="1.0",
            prompt_tokens=2412,
            completion_tokens=611,
            timings_ms={"retrieve": 212, "draft": 841, "verify": 64, "guard": 18, "total": 1204},
            job_id=str(JOB_ID),
            created_at=CREATED + timedelta(seconds=2),
        ),
    }
    return Assessment(**{**fields, **changes})


def without_differential(status: Status, *reasons: str) -> Assessment:
    """What is left when the model's part may not be shown: flags, missing information, escalation."""
    return full(
        status=status,
        status_reasons=reasons,
        differential=(),
        evidence=(),
        summary=Summary(headline="54-year-old female, chest pain for 25 minutes", record_refs=("medications",)),
        grounding=Grounding(claims=4, supported=0, removed=4),
    )


def abstained() -> Assessment:
    return without_differential("abstained", "weak_retrieval", "a_code_from_the_future")


def withheld() -> Assessment:
    return without_differential("withheld", "guard_removed_too_much")


def job(state: State, *, step: str = "", reason: str = "", age: timedelta = timedelta(seconds=3)) -> JobView:
    now = datetime.now(UTC)
    ended = now if state in {"done", "dead", "cancelled"} else None
    return JobView(
        id=JOB_ID,
        kind="case.assess",
        clinic="alpha",
        state=state,
        lane="interactive",
        queue="llm",
        attempt=0 if state == "queued" else 1,
        created_at=now - age,
        started_at=None if state == "queued" else now - age,
        finished_at=ended,
        deadline_at=now + timedelta(minutes=15),
        reason=reason,
        step=step,
        references={"case_id": str(CASE_ID)},
        result_address="",
        tier="heavy",
        streaming=False,
        fence=1,
        idempotency_key=None,
        trace_id="",
    )
