"""Numbers of the record -> findings: vital signs by age, laboratory values by their range.

Adult limits follow the zero bands of NEWS2; children's pulse and breathing rates follow the upper limits
of NICE NG143 (feverish child). Laboratory limits are used only when the record gives none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_NUMBER = re.compile(r"(?<![\w.])[<>]?\s?-?(\d+(?:\.\d+)?)")
_REFERENCE = re.compile(r"\(reference (?:from )?(\d+(?:\.\d+)?)?(?:-|up to )?(\d+(?:\.\d+)?)?\)")
_POSITIVE = re.compile(r"\b(?:positive|detected|reactive|present|raised|high|elevated)\b|\+{1,3}", re.IGNORECASE)
_NEGATIVE = re.compile(r"\b(?:negative|not detected|non-?reactive|absent|normal|nil|undetectable)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one measured value says: findings it shows, findings it speaks against, whether it is abnormal."""

    shows: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    abnormal: bool = False


def read_vital(path: str, text: str, age: float | None) -> Reading:
    """The reading of a part such as `vitals.heart_rate`, "heart rate 138 /min"."""
    name = path.removeprefix("vitals.")
    if name == "consciousness":
        return _consciousness(text)
    if name == "on_oxygen":
        return Reading(shows=("low oxygen",), abnormal=True) if "supplemental" in text else Reading()
    match = _NUMBER.search(text)
    value = float(match.group(1)) if match else None
    if value is None:
        return Reading()
    if name == "heart_rate":
        return _rate(value, _pulse_limits(age), "fast heart rate", "slow heart rate")
    if name == "respiratory_rate":
        return _rate(value, _breathing_limits(age), "fast breathing", "slow breathing")
    if name == "temperature_c":
        return _temperature(value)
    if name == "spo2":
        return (
            Reading(("low oxygen",), abnormal=True)
            if value < 95
            else Reading(denies=("low oxygen",), abnormal=value < 96)
        )
    if name == "systolic_bp":
        return _systolic(value, age)
    if name == "diastolic_bp":
        return Reading(("high blood pressure",), abnormal=True) if value >= 90 else Reading(abnormal=value < 50)
    if name == "gcs":
        return Reading(("drowsiness",), abnormal=True) if value < 15 else Reading(denies=("drowsiness", "confusion"))
    return Reading()


def _consciousness(text: str) -> Reading:
    if "confusion" in text:
        return Reading(("confusion",), abnormal=True)
    if text.rstrip().endswith("alert"):
        return Reading(denies=("drowsiness",))
    return Reading(("drowsiness",), abnormal=True)


def _temperature(value: float) -> Reading:
    if value >= 39.0:
        return Reading(("high fever",), abnormal=True)
    if value >= 38.0:
        return Reading(("fever",), abnormal=True)
    if value < 35.0:
        return Reading(("low body temperature",), ("fever",), abnormal=True)
    return (
        Reading(denies=("fever",), abnormal=value < 36.1 or value > 37.9)
        if value <= 37.5
        else Reading(("low-grade fever",))
    )


def _systolic(value: float, age: float | None) -> Reading:
    low = 100.0 if age is None or age >= 12 else 70 + 2 * age
    if value < low:
        return Reading(("low blood pressure",), ("high blood pressure",), abnormal=True)
    if value >= 180:
        return Reading(("severely high blood pressure",), ("low blood pressure",), abnormal=True)
    if value >= 140:
        return Reading(("high blood pressure",), ("low blood pressure",), abnormal=True)
    return Reading(
        denies=("low blood pressure", "high blood pressure"), abnormal=value <= 110 and (age is None or age >= 16)
    )


def _rate(value: float, limits: tuple[float, float], fast: str, slow: str) -> Reading:
    low, high = limits
    if value > high:
        return Reading((fast,), (slow,), abnormal=True)
    if value < low:
        return Reading((slow,), (fast,), abnormal=True)
    return Reading(denies=(fast, slow))


def _pulse_limits(age: float | None) -> tuple[float, float]:
    table = ((1.0, (90, 160)), (2.0, (80, 150)), (5.0, (70, 140)), (12.0, (60, 120)))
    return next(
        (limits for upper, limits in table if age is not None and age < upper),
        (51, 90 if age is None or age >= 16 else 110),
    )


def _breathing_limits(age: float | None) -> tuple[float, float]:
    table = ((1.0, (25, 50)), (5.0, (20, 40)), (12.0, (15, 30)))
    return next((limits for upper, limits in table if age is not None and age < upper), (12, 20))


@dataclass(frozen=True, slots=True)
class _Lab:
    names: re.Pattern[str]
    low: str
    high: str
    limits: tuple[tuple[str, float | None, float | None], ...]
    """(unit pattern, low, high): used when the record gives no range."""


def _lab(names: str, low: str, high: str, *limits: tuple[str, float | None, float | None]) -> _Lab:
    return _Lab(re.compile(rf"\b(?:{names})\b", re.IGNORECASE), low, high, limits)


_LABS = (
    _lab(r"hba1c|glycated|a1c", "", "high blood sugar", ("mmol", None, 48), ("%", None, 6.5)),
    _lab(r"ha?emoglobin|hb|hgb", "low haemoglobin", "", ("g/l", 120, 170), ("g/dl", 12, 17)),
    _lab(r"mcv", "small red cells", "large red cells", ("", 80, 100)),
    _lab(r"ferritin|iron", "small red cells", "", ("", 15, None)),
    _lab(r"b12|cobalamin", "large red cells", "", ("pg", 200, None), ("", 150, None)),
    _lab(
        r"w(?:hite )?(?:b(?:lood )?)?c(?:ells?|ount|c)?|wcc|wbc|leu[kc]ocytes?|white cell count|white cells",
        "low white cells",
        "raised white cells",
        ("", 4, 11),
    ),
    _lab(r"neutrophils?", "low white cells", "raised white cells", ("", 1.5, 8)),
    _lab(r"platelets?|plt", "low platelets", "", ("", 150, 450)),
    _lab(r"crp|c-reactive protein|esr|procalcitonin", "", "raised inflammation markers", ("", None, 20)),
    _lab(
        r"troponin(?: ?[it])?|hs-?c?tn[it]|trop",
        "",
        "raised troponin",
        ("ng/l", None, 14),
        ("ng/ml", None, 0.04),
        ("ug", None, 0.04),
    ),
    _lab(r"d-?dimer", "", "raised d-dimer", ("ng", None, 500), ("ug|mg", None, 0.5)),
    _lab(r"ketones?|beta-?hydroxybutyrate", "", "ketones", ("", None, 0.6)),
    _lab(r"glucose|blood sugar|bm|cbg", "low blood sugar", "high blood sugar", ("mg", 70, 200), ("", 4, 11)),
    _lab(r"creatinine kinase|creatine kinase|ck", "", "raised creatine kinase", ("", None, 250)),
    _lab(r"creatinine|urea|bun", "", "raised creatinine", ("mg", None, 1.3), ("mmol", None, 8), ("", None, 120)),
    _lab(r"e?gfr", "raised creatinine", "", ("", 60, None)),
    _lab(r"potassium|k\+?", "low potassium", "high potassium", ("", 3.5, 5.3)),
    _lab(r"sodium|na\+?", "low sodium", "", ("", 133, 146)),
    _lab(r"calcium|ca(?:2\+)?", "low calcium", "high calcium", ("mg", 8.5, 10.5), ("", 2.15, 2.6)),
    _lab(r"bilirubin", "", "raised bilirubin", ("mg", None, 1.2), ("", None, 21)),
    _lab(r"alt|ast|alanine|aspartate|transaminases?", "", "raised liver enzymes", ("", None, 50)),
    _lab(r"alp|alkaline phosphatase", "", "raised alkaline phosphatase", ("", None, 130)),
    _lab(r"amylase|lipase", "", "raised amylase or lipase", ("", None, 180)),
    _lab(r"lactate", "", "raised lactate", ("", None, 2)),
    _lab(r"tsh|thyroid stimulating", "low tsh", "raised tsh", ("", 0.4, 4.5)),
    _lab(r"(?:free )?(?:t4|thyroxine|t3)", "raised tsh", "low tsh", ("pmol", 9, 25), ("ng", 0.8, 1.8)),
    _lab(r"ur(?:ate|ic acid)", "", "raised uric acid", ("mg", None, 7), ("umol|µmol", None, 420), ("mmol", None, 0.42)),
    _lab(r"(?:nt-?pro)?-?bnp", "", "raised bnp", ("", None, 300)),
    _lab(r"inr|prothrombin time", "", "raised inr", ("", None, 1.3)),
    _lab(r"albumin", "low albumin", "", ("g/dl", 3.5, None), ("g/l", 35, None)),
    _lab(r"psa|prostate.specific antigen", "", "raised psa", ("", None, 4)),
    _lab(r"ph", "acidosis", "", ("", 7.35, None)),
    _lab(r"bicarbonate|hco3", "acidosis", "", ("", 20, None)),
    _lab(r"(?:beta-?)?hcg|pregnancy test", "", "positive pregnancy test", ("", None, 25)),
    _lab(r"rheumatoid factor|rf|anti-?ccp", "", "positive rheumatoid factor", ("", None, 20)),
    _lab(r"ana|antinuclear|anti-?dsdna", "", "positive ana"),
    _lab(r"urine (?:dip ?)?nitrites?|nitrites?|urine leu[kc]ocytes?|urine culture|urinalysis", "", "cloudy urine"),
    _lab(r"urine blood|urine (?:rbc|red cells)|ha?ematuria", "", "blood in urine"),
    _lab(
        r"(?:urine )?(?:protein|albumin)(?: ?(?:/|to) ?creatinine ratio)?|acr|pcr", "", "foamy urine", ("", None, 0.3)
    ),
    _lab(r"fa?ecal occult blood|fit|fobt", "", "occult blood in stool", ("", None, 10)),
    _lab(r"malaria(?: film| smear| rdt)?", "", "mosquito area travel"),
    _lab(r"monospot|heterophile", "", "large spleen"),
)


def read_lab(text: str) -> Reading:
    """The reading of a part such as "Troponin I 0.8 ng/mL (reference 0-0.04)"."""
    reference = _REFERENCE.search(text)
    bare = text[: reference.start()] if reference else text
    test = _which(bare)
    name_end = 0 if test is None else (match.end() if (match := test.names.search(bare)) else 0)
    number = _NUMBER.search(bare, name_end) or _NUMBER.search(bare)
    if number is None:
        return _in_words(bare, test)
    low, high = _limits(reference, test, bare)
    side = _side(float(number.group(1)), low, high)
    if side == "in":
        return Reading(denies=tuple(finding for finding in (test.low, test.high) if finding)) if test else Reading()
    if test is None:
        return Reading(abnormal=side != "unknown")
    if side == "unknown":
        return Reading(shows=(test.high,) if test.high and _POSITIVE.search(bare) else ())
    finding = test.low if side == "low" else test.high
    return Reading(shows=(finding,) if finding else (), abnormal=True)


def _which(text: str) -> _Lab | None:
    head = text.split("(", maxsplit=1)[0]
    if head.lower().startswith("urine") or head.lower().startswith("urin"):
        return next((lab for lab in _LABS if lab.names.match(head)), None)
    return next((lab for lab in _LABS if lab.names.search(head)), None)


def _in_words(text: str, test: _Lab | None) -> Reading:
    finding = () if test is None or not test.high else (test.high,)
    if _NEGATIVE.search(text):
        return Reading(denies=finding)
    if _POSITIVE.search(text):
        return Reading(shows=finding, abnormal=True)
    return Reading()


def _limits(reference: re.Match[str] | None, test: _Lab | None, text: str) -> tuple[float | None, float | None]:
    if reference:
        return tuple(float(value) if value else None for value in reference.groups())  # type: ignore[return-value]
    lowered = text.lower()
    for unit, low, high in test.limits if test else ():
        if not unit or re.search(unit, lowered):
            return low, high
    return None, None


def _side(value: float, low: float | None, high: float | None) -> Literal["low", "high", "in", "unknown"]:
    if low is None and high is None:
        return "unknown"
    if low is not None and value < low:
        return "low"
    if high is not None and value > high:
        return "high"
    return "in"
