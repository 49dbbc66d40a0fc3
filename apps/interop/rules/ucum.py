"""Units of measure (UCUM, https://ucum.org): what our vital signs come in, to the unit that the case holds.

An unknown unit is a problem, never a guess. Factors: 1 lb = 0.45359237 kg and 1 oz = 28.349523125 g exactly
(international pound), 1 kPa = 7.500617 mmHg, Celsius = (Fahrenheit - 32) / 1.8.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

UCUM = "http://unitsofmeasure.org"
_SYSTEMS = frozenset({UCUM, "urn:oid:2.16.840.1.113883.6.8"})

_PRESSURE = {"mm[Hg]": (1.0, 0.0), "cm[Hg]": (10.0, 0.0), "kPa": (7.500617, 0.0)}
_RATE = {"/min": (1.0, 0.0), "1/min": (1.0, 0.0), "min-1": (1.0, 0.0), "/s": (60.0, 0.0), "Hz": (60.0, 0.0)}
_SHARE = {"%": (1.0, 0.0), "1": (100.0, 0.0)}
_TEMPERATURE = {"Cel": (1.0, 0.0), "[degF]": (1 / 1.8, -32 / 1.8), "K": (1.0, -273.15)}
_MASS = {
    "kg": (1.0, 0.0), "g": (0.001, 0.0), "mg": (0.000001, 0.0), "[lb_av]": (0.45359237, 0.0), "[oz_av]": (0.028349523125, 0.0),
    "[stone_av]": (6.35029318, 0.0),
}  # fmt: skip
_TIME = {"wk": (1.0, 0.0), "d": (1 / 7, 0.0)}
_COUNT = {"1": (1.0, 0.0), "": (1.0, 0.0)}
_FLOW = {"L/min": (1.0, 0.0), "l/min": (1.0, 0.0), "mL/min": (0.001, 0.0), "ml/min": (0.001, 0.0)}

KINDS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "pressure": _PRESSURE, "rate": _RATE, "share": _SHARE, "temperature": _TEMPERATURE, "mass": _MASS, "weeks": _TIME,
    "score": _COUNT, "flow": _FLOW,
}  # fmt: skip
"""Kind of quantity -> UCUM code -> (factor, offset) to mmHg, per minute, %, degrees Celsius, kg, weeks, 1, L/min."""

# Spellings that people use when a quantity has no code. Each can mean one unit only for its kind of quantity.
_SPELT: Mapping[str, Mapping[str, str]] = {
    "pressure": {"mmhg": "mm[Hg]", "mm hg": "mm[Hg]", "kpa": "kPa"},
    "rate": {
        "bpm": "/min", "beats/min": "/min", "beats/minute": "/min", "beats per minute": "/min", "breaths/min": "/min",
        "breaths/minute": "/min", "breaths per minute": "/min", "per minute": "/min", "/minute": "/min", "/min": "/min",
        "1/min": "/min",
    },
    "share": {"%": "%", "percent": "%"},
    "temperature": {
        "c": "Cel", "°c": "Cel", "degc": "Cel", "deg c": "Cel", "celsius": "Cel", "degrees celsius": "Cel", "cel": "Cel",
        "f": "[degF]", "°f": "[degF]", "degf": "[degF]", "deg f": "[degF]", "fahrenheit": "[degF]",
        "degrees fahrenheit": "[degF]",
    },
    "mass": {
        "kg": "kg", "kilogram": "kg", "kilograms": "kg", "g": "g", "gram": "g", "grams": "g", "lb": "[lb_av]", "lbs": "[lb_av]",
        "pound": "[lb_av]", "pounds": "[lb_av]", "oz": "[oz_av]",
    },
    "weeks": {"week": "wk", "weeks": "wk", "wk": "wk", "wks": "wk", "day": "d", "days": "d", "d": "d"},
    "score": {"score": "", "points": "", "": ""},
    "flow": {"l/min": "L/min", "litres/min": "L/min", "liters/min": "L/min", "lpm": "L/min"},
}  # fmt: skip
_ANNOTATION = re.compile(r"\{[^{}]*\}")


def bare(code: str) -> str:
    """A UCUM code without its annotations: "{beats}/min" and "/min{beats}" are "/min"."""
    return _ANNOTATION.sub("", code).strip()


def convert(kind: str, value: float, *, system: str, code: str, unit: str) -> float | None:
    """The value in the case's unit for this kind of quantity; None when the unit is unknown or of another kind.

    The code decides where there is one, in UCUM's spelling. Without a code the written unit is looked up.
    """
    table = KINDS[kind]
    if code:
        if system and system not in _SYSTEMS:
            return None
        known = table.get(bare(code))
    else:
        written = " ".join(unit.lower().split())
        known = table.get(_SPELT[kind].get(written, "?"))
    if known is None:
        return None
    factor, offset = known
    return value if (factor, offset) == (1.0, 0.0) else round(value * factor + offset, 4)


# What a laboratory's unit reads like; the code itself is kept in the list of codes.
_AS_PEOPLE_WRITE = {
    "1": "", "[pH]": "pH", "mL/min/{1.73_m2}": "mL/min/1.73m2", "mL/min/1.73_m2": "mL/min/1.73m2",
    "mL/min/{1.73m2}": "mL/min/1.73m2", "mL/min/1.73.m2": "mL/min/1.73m2", "Cel": "°C", "mm[Hg]": "mmHg",
    "10*3/uL": "10^3/uL", "10*6/uL": "10^6/uL", "10*9/L": "10^9/L", "10*12/L": "10^12/L", "m[IU]/L": "mIU/L",
    "u[IU]/mL": "uIU/mL", "[IU]/L": "IU/L", "k[IU]/L": "kIU/L",
}  # fmt: skip


def readable(*, system: str, code: str, unit: str) -> str:
    """How a measured value's unit is written in the case; only its spelling changes, never the unit."""
    if code and (not system or system in _SYSTEMS):
        return _AS_PEOPLE_WRITE.get(code) if code in _AS_PEOPLE_WRITE else bare(code)  # type: ignore[return-value]
    return unit
