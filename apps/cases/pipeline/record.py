"""The record as numbered, citable parts, in the words that a model sees and a quote is matched against."""

from __future__ import annotations

from collections.abc import Iterator

from medassist.clinical.case import CaseInput
from medassist.clinical.draft import Source

_VITAL_WORDS = {
    "respiratory_rate": "respiratory rate {} /min",
    "spo2": "oxygen saturation {} %",
    "systolic_bp": "systolic blood pressure {} mmHg",
    "diastolic_bp": "diastolic blood pressure {} mmHg",
    "heart_rate": "heart rate {} /min",
    "gcs": "Glasgow Coma Scale {}",
    "temperature_c": "temperature {} °C",
    "weight_kg": "weight {} kg",
}
_CONSCIOUSNESS = {
    "A": "alert",
    "C": "new confusion",
    "V": "responds to voice",
    "P": "responds to pain",
    "U": "unresponsive",
}


def number(value: float) -> str:
    """82.0 -> "82", 38.5 -> "38.5"."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def parts_of(case: CaseInput) -> tuple[Source, ...]:
    """One source per non-empty field; lists one per item; vitals one per value. Ids r1, r2, … in this order."""
    return tuple(
        Source(id=f"r{index}", kind="record", label=path, text=text)
        for index, (path, text) in enumerate(_texts(case), start=1)
    )


def _texts(case: CaseInput) -> Iterator[tuple[str, str]]:
    if about := patient_words(case):
        yield "patient", about
    for name in ("presenting_complaint", "history", "examination", "social_history"):
        if text := str(getattr(case, name)).strip():
            yield name, text
    for index, symptom in enumerate(case.symptoms):
        details = ", ".join(
            f"{word} {value}"
            for word, value in (
                ("onset", symptom.onset),
                ("duration", symptom.duration),
                ("severity", symptom.severity),
            )
            if value
        )
        presence = symptom.name if symptom.present else f"no {symptom.name}"
        yield f"symptoms.{index}", f"{presence} ({details})" if details else presence
    yield from _vitals(case)
    for index, lab in enumerate(case.labs):
        value = number(lab.value) if isinstance(lab.value, (int, float)) else lab.value
        limits = ""
        if lab.reference_low is not None or lab.reference_high is not None:
            limits = f" (reference {_range(lab.reference_low, lab.reference_high)})"
        yield f"labs.{index}", f"{lab.name} {value} {lab.unit}".strip() + limits
    for name in ("past_history", "family_history", "allergies", "medications"):
        for index, item in enumerate(getattr(case, name)):
            yield f"{name}.{index}", item
    for name in ("question", "own_impression"):
        if text := str(getattr(case, name)).strip():
            yield name, text


def _vitals(case: CaseInput) -> Iterator[tuple[str, str]]:
    vitals = case.vitals
    for name, words in _VITAL_WORDS.items():
        value = getattr(vitals, name)
        if value is not None:
            yield f"vitals.{name}", words.format(number(value))
    if vitals.on_oxygen is not None:
        yield "vitals.on_oxygen", "on supplemental oxygen" if vitals.on_oxygen else "breathing room air"
    if vitals.consciousness is not None:
        yield "vitals.consciousness", f"consciousness: {_CONSCIOUSNESS[vitals.consciousness]}"


def patient_words(case: CaseInput) -> str:
    """ "54-year-old female", with pregnancy where it matters."""
    patient = case.patient
    words = []
    if patient.age is not None:
        value, unit = number(patient.age.value), patient.age.unit.removesuffix("s")
        words.append(f"{value}-{unit}-old")
    if patient.sex != "unknown":
        words.append(patient.sex if patient.sex != "other" else "patient (sex: other)")
    elif words:
        words.append("patient")
    if patient.pregnancy == "pregnant":
        weeks = f", {number(patient.gestation_weeks)} weeks" if patient.gestation_weeks is not None else ""
        words.append(f"(pregnant{weeks})")
    elif patient.pregnancy == "postpartum":
        words.append("(postpartum)")
    return " ".join(words)


def headline_of(case: CaseInput, *, longest: int = 120) -> str:
    """Who and what in one line, written by the server from the fields."""
    complaint = " ".join((case.presenting_complaint or case.history).split())
    if len(complaint) > longest:
        complaint = complaint[: longest - 1].rsplit(" ", 1)[0] + "…"
    return ": ".join(part for part in (patient_words(case), complaint) if part)


def record_text(parts: tuple[Source, ...]) -> str:
    """The whole record as text, one part a line: what the medicine guard compares restatements with."""
    return "\n".join(part.text for part in parts)


def _range(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"from {number(low)}" if low is not None else f"up to {number(high or 0.0)}"
    return f"{number(low)}-{number(high)}"
