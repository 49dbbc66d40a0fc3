"""`CaseInput`: what a clinician, a file or a hospital system says about one patient at one moment.

The JSON names are fixed (files, API, commands and tests agree on them). Unknown keys are refused by
name. Plausible ranges only catch slips of the pen: a heart rate of 190 passes, one of 800 does not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

LONG_TEXT = 200_000
LINE = 2_000

LongText = Annotated[str, StringConstraints(max_length=LONG_TEXT)]
Line = Annotated[str, StringConstraints(max_length=LINE)]
Term = Annotated[str, StringConstraints(min_length=1, max_length=LINE, strip_whitespace=True)]

Sex = Literal["female", "male", "other", "unknown"]
Pregnancy = Literal["pregnant", "not_pregnant", "postpartum", "unknown"]
Consciousness = Literal["A", "C", "V", "P", "U"]
Audience = Literal["clinician", "patient"]


class Frozen(BaseModel):
    """Base of every value that crosses a border: immutable, closed, no infinities."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=False)


def _measure(low: float, high: float) -> object:
    return Field(default=None, ge=low, le=high, strict=True)


class Age(Frozen):
    value: float = Field(ge=0, le=46_000, strict=True)
    unit: Literal["years", "months", "weeks", "days"] = "years"

    @model_validator(mode="after")
    def _plausible(self) -> Age:
        if self.years > 125:
            raise ValueError("an age above 125 years is not plausible")
        return self

    @property
    def years(self) -> float:
        """Age in years (365.25 days, 12 months, 52.18 weeks)."""
        return self.value / {"years": 1.0, "months": 12.0, "weeks": 52.1786, "days": 365.25}[self.unit]

    def __str__(self) -> str:
        value = int(self.value) if self.value == int(self.value) else self.value
        return f"{value} {self.unit if value != 1 else self.unit[:-1]}"


class Patient(Frozen):
    age: Age | None = None
    sex: Sex = "unknown"
    pregnancy: Pregnancy = "unknown"
    gestation_weeks: Annotated[float | None, _measure(0, 45)] = None
    reference: Annotated[str, StringConstraints(max_length=200)] | None = None
    """The caller's own opaque identifier; never sent to a model."""


class Symptom(Frozen):
    name: Term
    present: bool = True
    onset: Line = ""
    duration: Line = ""
    severity: Line = ""


class Vitals(Frozen):
    """Rates per minute, pressures in mmHg, saturation in %, temperature in degrees Celsius, weight in kg."""

    respiratory_rate: Annotated[float | None, _measure(0, 120)] = None
    spo2: Annotated[float | None, _measure(20, 100)] = None
    spo2_scale: Literal[1, 2] = 1
    on_oxygen: Annotated[bool | None, Field(strict=True)] = None
    systolic_bp: Annotated[float | None, _measure(20, 320)] = None
    diastolic_bp: Annotated[float | None, _measure(5, 250)] = None
    heart_rate: Annotated[float | None, _measure(0, 350)] = None
    consciousness: Consciousness | None = None
    gcs: Annotated[int | None, _measure(3, 15)] = None
    temperature_c: Annotated[float | None, _measure(20, 46)] = None
    weight_kg: Annotated[float | None, _measure(0.2, 650)] = None
    taken_at: datetime | None = None

    @model_validator(mode="after")
    def _pressures_agree(self) -> Vitals:
        if self.systolic_bp is not None and self.diastolic_bp is not None and self.diastolic_bp > self.systolic_bp:
            raise ValueError("diastolic_bp is above systolic_bp")
        return self


class Lab(Frozen):
    name: Term
    value: (
        Annotated[float, Field(strict=True)]
        | Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]
    )
    """A number, or the laboratory's own words ("positive", "<0.01")."""
    unit: Annotated[str, StringConstraints(max_length=60)] = ""
    reference_low: Annotated[float | None, Field(strict=True)] = None
    reference_high: Annotated[float | None, Field(strict=True)] = None
    taken_at: datetime | None = None


class CaseInput(Frozen):
    """One case. Only `presenting_complaint` or `history` is required."""

    patient: Patient = Patient()
    presenting_complaint: LongText = ""
    history: LongText = ""
    examination: LongText = ""
    social_history: LongText = ""
    symptoms: tuple[Symptom, ...] = Field(default=(), max_length=200)
    vitals: Vitals = Vitals()
    labs: tuple[Lab, ...] = Field(default=(), max_length=500)
    medications: tuple[Term, ...] = Field(default=(), max_length=200)
    allergies: tuple[Term, ...] = Field(default=(), max_length=200)
    past_history: tuple[Term, ...] = Field(default=(), max_length=200)
    family_history: tuple[Term, ...] = Field(default=(), max_length=200)
    documents: tuple[UUID, ...] = Field(default=(), max_length=50)
    question: LongText = ""
    own_impression: LongText = ""
    locale: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z]{2})?$")] = "en-GB"
    audience: Audience = "clinician"

    @model_validator(mode="after")
    def _says_something(self) -> CaseInput:
        if not self.presenting_complaint.strip() and not self.history.strip():
            raise ValueError("presenting_complaint or history is required")
        return self
