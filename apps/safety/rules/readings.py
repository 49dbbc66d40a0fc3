"""Numbers out of a case: structured vitals and laboratory values first, then those written in the free text.

A hospital may paste everything as text ("BP 82/54, HR 138, sats 88% on air"); such numbers count as measured.
Values keep the units of the contract; laboratory values are brought to SI units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.safety.rules.assertion import RELATIVE, normalise, statements, status_of
from apps.safety.rules.labs import ANALYTES, Labs, add, add_lab, analyte_of
from apps.safety.rules.news2 import points
from medassist.clinical.case import Age, CaseInput, Vitals

_N = r"(\d{1,3}(?:\.\d+)?)"
_LINK = (
    r"(?:\s*(?:is|was|of|at|=|:|-|to|now|currently|approx\w*|about|around|measured\s+at|reads?|in\s+the|up|down|only|just|low|high|"
    r"dropp?\w*|fall\w*|ris\w*|,|~|>|<))*\s*"
)


@dataclass(frozen=True, slots=True)
class Readings:
    """`values` by the names that rules use; `where` says what each was read from, for the evidence."""

    vitals: Vitals
    """The structured ones; where one is not given, what the text says."""
    graver: Vitals
    """The same with the graver of the structured value and those in the text, parameter by parameter: a value in the
    text counts beside a structured one, so that neither hides the other."""
    values: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """All values of a name: a comparison holds when it holds for one of them."""
    where: dict[str, str] = field(default_factory=dict)
    by_value: dict[tuple[str, float], str] = field(default_factory=dict)
    not_interpreted: tuple[str, ...] = ()
    extreme: tuple[str, ...] = ()
    """Values whose unit is not given and that are extreme in each."""
    age: Age | None = None
    """The structured age, or the one that the text gives."""


_TEXT_VITALS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("blood_pressure", re.compile(rf"\b(?:bp|blood\s+pressure|nibp){_LINK}(\d{{2,3}})\s*(?:/|over)\s*(\d{{2,3}})\b")),
    (
        "systolic_bp",
        re.compile(
            rf"\b(?:sbp|systolic(?:\s+(?:bp|blood\s+pressure|pressure))?){_LINK}(\d{{2,3}})(?:s\b|\b(?!\s*(?:/|over)))"
        ),
    ),
    ("diastolic_bp", re.compile(rf"\b(?:dbp|diastolic(?:\s+(?:bp|blood\s+pressure|pressure))?){_LINK}(\d{{2,3}})\b")),
    (
        "heart_rate",
        re.compile(
            rf"\b(?:hr|heart\s+rate|pulse(?:\s+rate)?|pr|p|tachycardi\w*|bradycardi\w*){_LINK}(\d{{2,3}})(?:s\b|\b(?!\s*(?:/(?!min)|%|mg|ms|weeks?|years?|days?|y)))"
        ),
    ),
    (
        "respiratory_rate",
        re.compile(
            rf"\b(?:rr|resps?|resp(?:iratory)?(?:\s+rate)?|respirations|breathing(?:\s+rate)?|breaths|tachypn\w*){_LINK}(\d{{1,3}})\b(?!\s*(?:/\s*\d|%|days?|weeks?|hours?|hrs?|months?|min(?:ute)?s?\b|years?))"
        ),
    ),
    ("respiratory_rate", re.compile(r"\b(\d{1,3})\s*(?:breaths|resps|respirations)(?:\s*(?:/|a|per)\s*min\w*)?")),
    ("heart_rate", re.compile(r"\b(\d{2,3})\s*(?:bpm|beats(?:\s*(?:/|a|per)\s*min\w*)?)")),
    ("systolic_bp", re.compile(r"\b(\d{2,3})\s*(?:mmhg\s+)?(?:systolic|palp\b)")),
    ("blood_pressure", re.compile(r"(?<![\d/])(\d{2,3})/(\d{2,3})\s*(?:mm\s?hg|blood\s+pressure)")),
    (
        "spo2",
        re.compile(
            rf"\b(?:spo2|sp02|sao2|o2\s*sats?|sats?|oxygen(?:\s+(?:sat\w*|level))?|saturat\w+|pulse\s+ox\w*|o2){_LINK}(\d{{2,3}})(?:s\b|\s*%|\b(?!\s*(?:l\b|lit)))"
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
    given = case.vitals.model_dump(exclude_none=True)
    letters = _consciousness_from_text(case)
    oxygen = _oxygen_from_text(case)
    by_value = _told(given, _from_texts(case))
    # Oxygen first: on the second scale it decides how a saturation counts.
    filled: dict[str, Any] = {} if given.get("on_oxygen") is not None or oxygen is None else {"on_oxygen": oxygen}
    gravest: dict[str, Any] = {"on_oxygen": True} if oxygen or given.get("on_oxygen") else dict(filled)
    known = case.vitals.model_copy(update=gravest)
    values: dict[str, tuple[float, ...]] = {}
    for name in _NORMAL:
        values[name] = tuple(value for called, value in by_value if called == name)
        if not values[name]:
            del values[name]
            continue
        worst = max(values[name], key=lambda value: _gravity(name, value, known))
        gravest[name] = int(worst) if name == "gcs" else worst
        if name not in given:
            filled[name] = gravest[name]
    gravest["consciousness"] = _gravest_letter(given.get("consciousness"), letters)
    if "consciousness" not in given and "gcs" not in given and "gcs" not in filled and letters:
        filled["consciousness"] = gravest["consciousness"]
    if gravest.get("gcs", 15) < 15 and gravest["consciousness"] == "A":
        # The chart reads the letter first: an "alert" must not hide the coma score beside it.
        gravest["consciousness"] = None
    where = {name: by_value[name, float(gravest[name])] for name in values}
    if letter := gravest["consciousness"]:
        where["consciousness"] = next((quote for said, quote in letters if said == letter), f"consciousness {letter}")
    labs = _labs(case)
    values |= {name: tuple(several) for name, several in labs.values.items()}
    return Readings(
        vitals=case.vitals.model_copy(update=filled), graver=case.vitals.model_copy(update=gravest),
        values=values, where=labs.where | where, by_value=by_value,
        not_interpreted=tuple(dict.fromkeys(labs.not_interpreted)), extreme=tuple(labs.extreme),
        age=case.patient.age or age_from_words(case),
    )  # fmt: skip


def _told(given: dict[str, Any], said: Iterator[tuple[str, float, str]]) -> dict[tuple[str, float], str]:
    """Every value of every name with its words; of one that is told twice, the structured field."""
    found: dict[tuple[str, float], str] = {}
    for name, value, quote in said:
        found.setdefault((name, value), quote)
    for name in _NORMAL:
        if (measured := given.get(name)) is not None:
            found[name, float(measured)] = f"{_WORDS[name]} {measured:g}"
    return found


def _gravity(name: str, value: float, known: Vitals) -> tuple[int, float]:
    """What NEWS2 scores higher is graver, then what is further from normal."""
    return points(name, value, vitals=known), abs(value - _NORMAL[name])


def _gravest_letter(given: str | None, letters: list[tuple[str, str]]) -> str | None:
    return max((given or "", *(letter for letter, _ in letters)), key="ACVPU".find) or None


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


_AGE = (
    re.compile(r"\b(\d{1,3})\s*-?\s*(year|yr|month|week|day|hour|hr)s?\s*-?\s*(?:olds?|of\s+age)\b"),
    re.compile(r"\b(\d{1,3})\s*-?\s*(y)(?:/?o|rs?\s*/?o|\.o\.?)\b"),
    re.compile(r"\baged?\s*:?\s*(?:of\s+)?(\d{1,3})\s*(years?|yrs?|months?|weeks?|days?)?\b"),
    re.compile(
        r"(?:^|[\n.;:]\s*|\b(?:is|a|an)\s+)(\d{1,3})\s*-?\s*(y)?(?:ear)?\s*-?(?:f|m|female|male|man|woman|lady|gentleman|boy|girl)\b"
    ),
    re.compile(r"\b(\d{1,2})/(12|52|7)\s+old\b"),
    re.compile(r"\bday\s+(\d{1,2})\s+(of\s+life)\b"),
)
_AGE_UNITS = {
    "y": "years",
    "m": "months",
    "w": "weeks",
    "d": "days",
    "h": "hours",
    "o": "days",
    "1": "months",
    "5": "weeks",
    "7": "days",
}
_NEWBORN = re.compile(r"\b(?:newborn|neonate|new-?born)\b")
_SOMEBODY = re.compile(rf"\b{RELATIVE}\s*,?\s*(?:\(|who\s+is\s+|is\s+)?(?:an?\s+|aged?\s+)?$")


def age_from_words(case: CaseInput) -> Age | None:
    """The patient's age as the text gives it; a relative's is none."""
    for original in (case.presenting_complaint, case.history):
        text = normalise(original).text
        found = sorted((match for pattern in _AGE for match in pattern.finditer(text)), key=lambda match: match.start())
        for match in found:
            if _SOMEBODY.search(text[max(0, match.start() - 30) : match.start()]):
                continue
            unit = _AGE_UNITS[(match.group(2) or "y")[0]]
            number = float(match.group(1))
            years = number / {"years": 1, "months": 12, "weeks": 52.1786, "days": 365.25, "hours": 8766}[unit]
            if years <= 120:
                if unit == "hours":
                    number, unit = round(number / 24, 3), "days"
                return Age.model_validate({"value": number, "unit": unit})
        if _NEWBORN.search(text):
            return Age(value=7.0, unit="days")
    return None


_AVPU = re.compile(r"\b(?:avpu|acvpu)\s*(?:=|:|is|score)?\s*([acvpu])\b")
_ALERT = re.compile(r"\b(?:alert\s+and\s+orient\w*|a\s*&\s*o\s*x\s*[34]|fully\s+alert|gcs\s*15|aox[34])\b")
_ON_AIR = re.compile(r"\b(?:on\s+(?:room\s+)?air|on\s+ra|room\s+air|\d+\s*%\s+ra)\b")
_ON_OXYGEN = re.compile(
    r"\b(?:on\s+\d+(?:\.\d+)?\s*(?:l|litres?|liters?)\b|non-?rebreath\w*|on\s+(?:high[\s-]flow\s+|supplement\w*\s+)?(?:oxygen|o2)\b|\d+\s*l(?:/min)?\s+(?:via\s+)?(?:nasal|o2|oxygen|nc\b))"
)


def _consciousness_from_text(case: CaseInput) -> list[tuple[str, str]]:
    """Letters of ACVPU that the text gives, each with its words."""
    text = normalise(case.examination + "\n" + case.history + "\n" + case.presenting_complaint).text
    letters = [(match.group(1).upper(), match.group()) for match in _AVPU.finditer(text)]
    return letters + [("A", match.group()) for match in _ALERT.finditer(text)]


def _oxygen_from_text(case: CaseInput) -> bool | None:
    """Whether the patient breathes oxygen now; oxygen at home is a habit."""
    text = normalise(case.examination + "\n" + case.history + "\n" + case.presenting_complaint).text
    now = [text[start:end] for start, end in statements(text) if "home oxygen" not in text[start:end]]
    if any(_ON_OXYGEN.search(statement) for statement in now):
        return True
    return False if any(_ON_AIR.search(statement) for statement in now) else None


# K, Na, Ca, Cr and pH are read from prose only with their number right behind them.
_UNIT = (
    r"(%|mmol/l|mmol|meq/l|mg/dl|mg%|g/dl|g/l|umol/l|umol|mg/l|ug/l|mcg/l|ng/ml|ug/ml|nmol/l|x?10\^?9/l|"
    r"k/ul|/ul|/mm3|u/l|ng/l|mosm/kg|l/min)"
)
_LAB_TEXT = tuple(
    (
        analyte,
        re.compile(
            rf"\b(?:{analyte.names})(?:\s+(?:level|result))?{_LINK}(\d{{1,6}}(?:\.\d+)?)\s*{_UNIT}?(?![\d/]|\.\d)"
        ),
    )
    for analyte in ANALYTES
)


def lab_name(name: str) -> str | None:
    """The rules' name of a laboratory test, or None for one that no rule uses."""
    analyte = analyte_of(name)
    return analyte.name if analyte else None


def _labs(case: CaseInput) -> Labs:
    labs = Labs()
    for lab in case.labs:
        add_lab(labs, lab)
    structured = {name: tuple(values) for name, values in labs.values.items()}
    for original in _texts(case):
        if not any(letter.isdigit() for letter in original):
            continue
        text = normalise(original).text.replace("µ", "u").replace("μ", "u")
        for start, end in statements(text):
            _labs_of_statement(text[start:end], labs, structured)
    return labs


def _labs_of_statement(statement: str, labs: Labs, structured: dict[str, tuple[float, ...]]) -> None:
    """A result in words counts beside structured ones, so that none of them hides a graver one; told twice it counts once."""
    if not any(letter.isdigit() for letter in statement):
        return
    for analyte, pattern in _LAB_TEXT:
        known = structured.get(analyte.name, ())
        for match in pattern.finditer(statement):
            if float(match.group(1)) in known:
                continue
            if status_of(statement, match.start(), match.end()) != "past":
                add(labs, analyte, float(match.group(1)), match.group(2) or "", match.group().strip())


def labs_as_written(text: str) -> list[tuple[str, float, str]]:
    """(test as a rule calls it, value, unit as it stands there) of each result that a text gives as present."""
    plain = normalise(text).text.replace("µ", "u").replace("μ", "u")
    found: list[tuple[str, float, str]] = []
    for start, end in statements(plain):
        statement = plain[start:end]
        for analyte, pattern in _LAB_TEXT:
            found.extend(
                (analyte.name, float(match.group(1)), match.group(2) or "")
                for match in pattern.finditer(statement)
                if status_of(statement, match.start(), match.end()) != "past"
            )
    return list(dict.fromkeys(found))
