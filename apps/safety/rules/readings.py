"""Numbers out of a case: structured vitals and laboratory values first, then those written in the free text.

A hospital may paste everything as text ("BP 82/54, HR 138, sats 88% on air"); such numbers count as measured.
Values keep the units of the contract; laboratory values are brought to SI units.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.safety.rules.assertion import normalise, statements, status_of
from medassist.clinical.case import CaseInput, Lab, Vitals

_N = r"(\d{1,3}(?:\.\d+)?)"
_LINK = r"(?:\s*(?:is|was|of|at|=|:|-|to|now|currently|approx\w*|about|around|measured\s+at|reads?))*\s*"


@dataclass(frozen=True, slots=True)
class Readings:
    """`values` by the names that rules use; `where` says what each was read from, for the evidence."""

    vitals: Vitals
    values: dict[str, float] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)


_TEXT_VITALS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("blood_pressure", re.compile(rf"\b(?:bp|blood\s+pressure|nibp){_LINK}(\d{{2,3}})\s*(?:/|over)\s*(\d{{2,3}})\b")),
    (
        "systolic_bp",
        re.compile(rf"\b(?:sbp|systolic(?:\s+(?:bp|blood\s+pressure|pressure))?){_LINK}(\d{{2,3}})\b(?!\s*(?:/|over))"),
    ),
    ("diastolic_bp", re.compile(rf"\b(?:dbp|diastolic(?:\s+(?:bp|blood\s+pressure|pressure))?){_LINK}(\d{{2,3}})\b")),
    (
        "heart_rate",
        re.compile(rf"\b(?:hr|heart\s+rate|pulse(?:\s+rate)?|pr|p){_LINK}(\d{{2,3}})\b(?!\s*(?:/|%|mg|ms))"),
    ),
    (
        "respiratory_rate",
        re.compile(
            rf"\b(?:rr|resp(?:s|iratory)?(?:\s+rate)?|respirations|breathing\s+rate){_LINK}(\d{{1,3}})\b(?!\s*/\s*\d)"
        ),
    ),
    (
        "spo2",
        re.compile(
            rf"\b(?:spo2|sp02|sao2|o2\s*sats?|sats?|oxygen\s+sat\w*|saturat\w+|pulse\s+ox\w*){_LINK}(\d{{2,3}})\s*%?"
        ),
    ),
    ("spo2", re.compile(r"\b(\d{2,3})\s*%\s*(?:on\s+(?:room\s+)?air|on\s+ra\b|ra\b|on\s+\d)")),
    (
        "temperature_c",
        re.compile(
            rf"\b(?:temp(?:erature)?|t|fever|pyrexia|febrile)(?:\s+(?:up\s+to|as\s+high\s+as|spik\w+\s+to))?{_LINK}{_N}\s*(?:°|degrees?|deg)?\s*([cf]?)\b"
        ),
    ),
    ("temperature_c", re.compile(r"\b(\d{2,3}(?:\.\d+)?)\s*(?:°|degrees?|deg)\s*([cf])\b")),
    ("gcs", re.compile(rf"\b(?:gcs|glasgow\s+coma\s+(?:scale|score)){_LINK}(\d{{1,2}})\b")),
)
_RANGES = {
    "systolic_bp": (40, 320),
    "diastolic_bp": (10, 250),
    "heart_rate": (15, 350),
    "respiratory_rate": (2, 120),
    "spo2": (40, 100),
    "temperature_c": (25, 45),
    "gcs": (3, 15),
}
_NORMAL = {
    "systolic_bp": 120,
    "diastolic_bp": 75,
    "heart_rate": 75,
    "respiratory_rate": 16,
    "spo2": 100,
    "temperature_c": 37,
    "gcs": 15,
}
_WORDS = {
    "systolic_bp": "systolic pressure",
    "diastolic_bp": "diastolic pressure",
    "heart_rate": "heart rate",
    "respiratory_rate": "respiratory rate",
    "spo2": "oxygen saturation",
    "temperature_c": "temperature",
    "gcs": "Glasgow coma score",
}
_OTHERS = re.compile(
    r"\b(?:baby|fetal|fetus|target|goal|threshold|cut-?off|mother'?s|baseline|usual(?:ly)?|normally)\b"
)


def readings(case: CaseInput) -> Readings:
    """Every number of the case that a rule may use."""
    values: dict[str, float] = {}
    where: dict[str, str] = {}
    given = case.vitals.model_dump(exclude_none=True)
    found: dict[str, Any] = {}
    for name, value, quote in _from_texts(case):
        if given.get(name) is not None or (
            name in found and abs(found[name] - _NORMAL[name]) >= abs(value - _NORMAL[name])
        ):
            continue
        found[name], where[name] = value, quote
    found |= _words_for_missing(case, given, found, where)
    vitals = case.vitals.model_copy(update=found)
    for name in _NORMAL:
        value = getattr(vitals, name)
        if value is not None:
            values[name] = float(value)
            where.setdefault(name, f"{_WORDS.get(name, name)} {value:g}")
    if vitals.consciousness:
        where.setdefault("consciousness", f"consciousness {vitals.consciousness}")
    for lab in case.labs:
        _add_lab(values, where, lab)
    for name, value, quote in _labs_from_texts(case):
        if name not in values:
            values[name], where[name] = value, quote
    return Readings(vitals=vitals, values=values, where=where)


def _words_for_missing(
    case: CaseInput, given: dict[str, Any], found: dict[str, Any], where: dict[str, str]
) -> dict[str, Any]:
    """What only words say: alertness and oxygen; and a coma score as the whole number that the contract asks for."""
    said: dict[str, Any] = {}
    if found.get("diastolic_bp", 0) > (given.get("systolic_bp") or found.get("systolic_bp") or 999):
        del found["diastolic_bp"]
    if "gcs" in found:
        said["gcs"] = int(found["gcs"])
    elif given.get("consciousness") is None and "gcs" not in given:
        said |= _consciousness_from_text(case, where)
    if given.get("on_oxygen") is None:
        said |= _oxygen_from_text(case)
    return said


def _texts(case: CaseInput) -> Iterator[str]:
    yield from (case.presenting_complaint, case.history, case.examination, case.own_impression)
    yield from (f"{s.name} {s.severity}" for s in case.symptoms if s.present)


def _from_texts(case: CaseInput) -> Iterator[tuple[str, float, str]]:
    for original in _texts(case):
        if not any(letter.isdigit() for letter in original):
            continue
        text = normalise(original).text
        for start, end in statements(text):
            statement = text[start:end]
            if _OTHERS.search(statement):
                continue
            for name, pattern in _TEXT_VITALS:
                for match in pattern.finditer(statement):
                    if status_of(statement, match.start(), match.end()) not in {"present", "absent"}:
                        continue
                    yield from _vital(name, match)


def _vital(name: str, match: re.Match[str]) -> Iterator[tuple[str, float, str]]:
    quote = match.group().strip()
    if name == "blood_pressure":
        systolic, diastolic = float(match.group(1)), float(match.group(2))
        if diastolic <= systolic and _in_range("systolic_bp", systolic):
            yield "systolic_bp", systolic, quote
            if _in_range("diastolic_bp", diastolic):
                yield "diastolic_bp", diastolic, quote
        return
    value = float(match.group(1))
    if name == "temperature_c" and (match.group(2) == "f" or 90 <= value <= 115):
        value = round((value - 32) / 1.8, 1)
    if _in_range(name, value):
        yield name, value, quote


def _in_range(name: str, value: float) -> bool:
    low, high = _RANGES[name]
    return low <= value <= high


_AVPU = re.compile(r"\b(?:avpu|acvpu)\s*(?:=|:|is|score)?\s*([acvpu])\b")
_ALERT = re.compile(r"\b(?:alert\s+and\s+orient\w*|a\s*&\s*o\s*x\s*[34]|fully\s+alert|gcs\s*15|aox[34])\b")
_ON_AIR = re.compile(r"\b(?:on\s+(?:room\s+)?air|on\s+ra|room\s+air|\d+\s*%\s+ra)\b")
_ON_OXYGEN = re.compile(
    r"\b(?:on\s+\d+(?:\.\d+)?\s*(?:l|litres?|liters?)\b|non-?rebreath\w*|on\s+(?:high[\s-]flow\s+|supplement\w*\s+)?(?:oxygen|o2)\b|\d+\s*l(?:/min)?\s+(?:via\s+)?(?:nasal|o2|oxygen|nc\b))"
)


def _consciousness_from_text(case: CaseInput, where: dict[str, str]) -> dict[str, Any]:
    text = normalise(case.examination + "\n" + case.history + "\n" + case.presenting_complaint).text
    letter = _AVPU.search(text)
    if letter:
        where["consciousness"] = letter.group()
        return {"consciousness": letter.group(1).upper()}
    return {"consciousness": "A"} if _ALERT.search(text) else {}


def _oxygen_from_text(case: CaseInput) -> dict[str, Any]:
    text = normalise(case.examination + "\n" + case.history + "\n" + case.presenting_complaint).text
    if "home oxygen" in text:
        return {}
    if _ON_OXYGEN.search(text):
        return {"on_oxygen": True}
    return {"on_oxygen": False} if _ON_AIR.search(text) else {}


Convert = Callable[[float, str], float]


def _same(value: float, _unit: str) -> float:
    return value


def _per(factor: float, *units: str, above: float | None = None) -> Convert:
    """Divides by `factor` when the unit begins with one of `units`, or when there is no unit and the value is above."""

    def convert(value: float, unit: str) -> float:
        if unit.startswith(units) or (not unit and above is not None and value > above):
            return value / factor
        return value

    return convert


def _times(factor: float, *units: str, below: float | None = None) -> Convert:
    def convert(value: float, unit: str) -> float:
        if unit.startswith(units) or (not unit and below is not None and value < below):
            return value * factor
        return value

    return convert


# name for rules | names on reports | conversion to the SI unit in the comment
_LABS: tuple[tuple[str, str, Convert], ...] = (
    (
        "glucose",  # mmol/L
        r"(?:blood|plasma|capillary|random|fasting|finger\s?stick|serum|poc)?\s*(?:glucose|sugars?)|bm|cbg|bgl|fsbg|dextrostix",
        _per(18.016, "mg", above=45),
    ),
    ("ketones", r"(?:blood|capillary|plasma|serum)?\s*(?:ketones?|beta-?hydroxybutyrate|bhb)", _same),  # mmol/L
    ("potassium", r"(?:serum\s+)?(?:potassium|k\+?)", _same),  # mmol/L
    ("sodium", r"(?:serum\s+)?(?:sodium|na\+?)", _same),  # mmol/L
    ("calcium", r"(?:adjusted\s+|corrected\s+|serum\s+)*(?:calcium|ca(?:2\+)?)", _per(4.008, "mg", above=5)),  # mmol/L
    ("lactate", r"(?:venous\s+|arterial\s+|serum\s+|blood\s+)?(?:lactate|lactic\s+acid)", _per(9.008, "mg", above=30)),  # mmol/L
    ("hemoglobin", r"hemoglobin|hb|hgb", _times(10, "g/dl", "gm/dl", "g%", below=30)),  # g/L
    ("inr", r"inr", _same),
    ("ph", r"(?:arterial\s+|venous\s+|blood\s+)?ph", _same),
    ("bicarbonate", r"bicarb(?:onate)?|hco3-?", _same),  # mmol/L
    ("creatinine", r"(?:serum\s+)?creatinine|cr", _times(88.4, "mg", below=15)),  # umol/L
    ("egfr", r"e?gfr", _same),  # mL/min/1.73 m2
    ("urea", r"urea", _same),  # mmol/L
    ("neutrophils", r"(?:absolute\s+)?neutrophil(?:s|\s+count)?|anc", _per(1000, "/u", "/mm", "cells/u", above=100)),  # 10^9/L
    (
        "white_cells",  # 10^9/L
        r"wbc|white\s+(?:blood\s+)?cell(?:s|\s+count)?|wcc|leu[ck]ocytes",
        _per(1000, "/u", "/mm", "cells/u", above=500),
    ),
    ("platelets", r"platelets?(?:\s+count)?|plts?", _per(1000, "/u", "/mm", "cells/u", above=2000)),  # 10^9/L
    ("crp", r"crp|c-?reactive\s+protein", _times(10, "mg/dl")),  # mg/L
    ("lithium", r"lithium(?:\s+level)?", _same),  # mmol/L
    ("digoxin", r"digoxin(?:\s+level)?", _per(1.281, "nmol")),  # ug/L
    ("paracetamol", r"(?:paracetamol|acetaminophen)\s+level", _same),  # mg/L
    ("bilirubin", r"(?:total\s+|serum\s+)?bilirubin", _times(17.1, "mg")),  # umol/L
    ("osmolality", r"(?:serum\s+)?osmolal?(?:ity|arity)", _same),  # mOsm/kg
    ("d_dimer", r"d-?dimer", _same),
    ("troponin", r"(?:hs-?|high[\s-]sensitivity\s+)?troponin(?:\s*[it])?|hs-?tn[it]?|tn[it]", _same),
    ("bnp", r"(?:nt-?pro-?)?bnp", _same),
    ("pef_percent", r"(?:pef|pefr|peak\s+flow|peak\s+expiratory\s+flow)(?:\s+rate)?", _same),
)  # fmt: skip
_LAB_NAMES = tuple((name, re.compile(rf"^(?:{pattern})$"), convert) for name, pattern, convert in _LABS)
# K, Na, Ca, Cr and pH are read from prose only with their number right behind them.
_LAB_TEXT = tuple(
    (
        name,
        re.compile(
            rf"\b(?:{pattern})(?:\s+level)?{_LINK}(\d{{1,5}}(?:\.\d+)?)\s*(%|mmol/l|mg/dl|g/dl|g/l|umol/l|µmol/l|mg/l|mmol|mg|/ul|/mm3|u/l|ng/l|ng/ml)?(?![\d/])"
        ),
        convert,
    )
    for name, pattern, convert in _LABS
)
_SANE = {
    "potassium": (1, 12),
    "sodium": (80, 200),
    "calcium": (0.5, 6),
    "ph": (6.4, 8),
    "inr": (0.5, 30),
    "hemoglobin": (10, 260),
    "glucose": (0.2, 150),
    "lactate": (0.1, 40),
    "bicarbonate": (1, 60),
    "creatinine": (10, 3000),
    "neutrophils": (0, 100),
    "platelets": (0, 3000),
    "ketones": (0, 20),
    "lithium": (0, 10),
    "digoxin": (0, 30),
}
_DECIMAL = re.compile(r"[<>≤≥~]?\s*(\d+(?:\.\d+)?)")


def lab_name(name: str) -> str | None:
    """The rules' name of a laboratory test, or None for one that no rule uses."""
    plain = normalise(name).text.strip()
    return next((known for known, pattern, _ in _LAB_NAMES if pattern.match(plain)), None)


def _add_lab(values: dict[str, float], where: dict[str, str], lab: Lab) -> None:
    name = lab_name(lab.name)
    if name is None:
        return
    number = lab.value if isinstance(lab.value, float) else None
    if number is None:
        match = _DECIMAL.match(str(lab.value).strip())
        if not match:
            return
        number = float(match.group(1))
    convert = next(c for known, _, c in _LAB_NAMES if known == name)
    unit = normalise(lab.unit).text.replace(" ", "")
    value = convert(number, unit)
    if _is_sane(name, value):
        values[name] = value
        where[name] = f"{lab.name} {number:g} {lab.unit}".strip()
        if lab.reference_high is not None and number > lab.reference_high:
            values[f"{name}_high"] = 1.0


def _labs_from_texts(case: CaseInput) -> Iterator[tuple[str, float, str]]:
    for original in _texts(case):
        if not any(letter.isdigit() for letter in original):
            continue
        text = normalise(original).text
        for start, end in statements(text):
            statement = text[start:end]
            if not any(letter.isdigit() for letter in statement):
                continue
            for name, pattern, convert in _LAB_TEXT:
                match = pattern.search(statement)
                if match is None or status_of(statement, match.start(), match.end()) == "past":
                    continue
                value = convert(float(match.group(1)), match.group(2) or "")
                if _is_sane(name, value):
                    yield name, value, match.group().strip()


def _is_sane(name: str, value: float) -> bool:
    low, high = _SANE.get(name, (0, float("inf")))
    return low <= value <= high
