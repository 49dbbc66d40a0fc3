"""Abnormal values of a record, for the omission ledger: each must be addressed by a draft or is listed."""

from __future__ import annotations

from collections.abc import Iterator

from apps.safety.rules.readings import lab_name
from apps.safety.rules.facts import breathing_limit, pulse_limit
from apps.safety.schemas import AbnormalFinding
from medassist.clinical.case import CaseInput, Lab, Vitals

# Adults: outside the zero band of NEWS2 (systolic from 140 on, diastolic outside 60-90: NICE NG136).
# (field, words, unit, lowest normal, highest normal)
_ADULT = (
    ("systolic_bp", "systolic blood pressure", "mmHg", 111.0, 139.0),
    ("diastolic_bp", "diastolic blood pressure", "mmHg", 60.0, 89.0),
    ("heart_rate", "heart rate", "/min", 51.0, 90.0),
    ("respiratory_rate", "respiratory rate", "/min", 12.0, 20.0),
)
_ANY_AGE = (("temperature_c", "temperature", "°C", 36.1, 38.0), ("gcs", "Glasgow coma score", "", 15.0, 15.0))

# Common adult limits in SI units, used only where the laboratory gave none of its own.
_LAB_LIMITS: dict[str, tuple[float | None, float | None]] = {
    "glucose": (4.0, 11.0),
    "ketones": (None, 0.6),
    "potassium": (3.5, 5.3),
    "sodium": (133, 146),
    "calcium": (2.2, 2.6),
    "lactate": (None, 2.0),
    "hemoglobin": (120, 180),
    "inr": (None, 1.3),
    "ph": (7.35, 7.45),
    "bicarbonate": (20, 30),
    "creatinine": (None, 120),
    "neutrophils": (1.5, 8.0),
    "white_cells": (3.5, 11.5),
    "platelets": (140, 450),
    "crp": (None, 10),
    "bilirubin": (None, 21),
}


def abnormal_findings(case: CaseInput) -> tuple[AbnormalFinding, ...]:
    """Every vital sign and laboratory value outside its limits; `ref` is the dotted path in the case."""
    return (*_vitals(case), *_labs(case))


def _vitals(case: CaseInput) -> Iterator[AbnormalFinding]:
    vitals = case.vitals
    age = case.patient.age.years if case.patient.age else None
    if age is None or age >= 16:
        rows: tuple[tuple[str, str, str, float, float], ...] = _ADULT
    else:
        rows = (
            ("heart_rate", "heart rate", "/min", 0.0, pulse_limit(age) or 400.0),
            ("respiratory_rate", "respiratory rate", "/min", 0.0, breathing_limit(age) or 400.0),
        )
    for field, words, unit, low, high in (*rows, *_ANY_AGE):
        value = getattr(vitals, field)
        if value is not None and not low <= value <= high:
            yield AbnormalFinding(ref=f"vitals.{field}", text=f"{words} {value:g} {unit}".rstrip())
    yield from _saturation(vitals)
    if vitals.consciousness not in {None, "A"}:
        yield AbnormalFinding(
            ref="vitals.consciousness", text=f"consciousness {vitals.consciousness} on the ACVPU scale"
        )


def _saturation(vitals: Vitals) -> Iterator[AbnormalFinding]:
    if vitals.spo2 is None:
        return
    low = 88 if vitals.spo2_scale == 2 else 96
    if vitals.spo2 < low:
        yield AbnormalFinding(ref="vitals.spo2", text=f"oxygen saturation {vitals.spo2:g} %")


def _labs(case: CaseInput) -> Iterator[AbnormalFinding]:
    for index, lab in enumerate(case.labs):
        if _is_abnormal(lab):
            value = f"{lab.value:g}" if isinstance(lab.value, float) else lab.value
            yield AbnormalFinding(ref=f"labs.{index}", text=f"{lab.name} {value} {lab.unit}".rstrip())


def _is_abnormal(lab: Lab) -> bool:
    if not isinstance(lab.value, float):
        return lab.value.strip().lower() in {"positive", "detected", "reactive", "high", "low", "abnormal", "raised"}
    low, high = lab.reference_low, lab.reference_high
    if low is None and high is None:
        name = lab_name(lab.name)
        low, high = (
            _LAB_LIMITS.get(name, (None, None))
            if name and not lab.unit.lower().startswith(("mg", "g/dl"))
            else (None, None)
        )
    return (low is not None and lab.value < low) or (high is not None and lab.value > high)
