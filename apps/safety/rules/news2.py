"""NEWS2, computed exactly as on the chart of the Royal College of Physicians.

Source: Royal College of Physicians. National Early Warning Score (NEWS) 2: Standardising the
assessment of acute-illness severity in the NHS. Updated report of a working party. London: RCP, 2017.
Not for anyone under 16 or pregnant. Unknown is not normal: what was not measured is listed.
"""

from __future__ import annotations

from collections.abc import Callable

from medassist.clinical.case import Vitals
from medassist.clinical.triage import News2

PARAMETERS = (
    "respiratory_rate",
    "spo2",
    "oxygen",
    "systolic_bp",
    "heart_rate",
    "consciousness",
    "temperature_c",
)


def news2(vitals: Vitals, *, age_years: float | None, pregnant: bool) -> News2:
    """The score of one set of vitals; `total` sums what was measured.

    A Glasgow coma score stands in where no ACVPU letter is given: 15 is alert, less is not.
    """
    if age_years is not None and age_years < 16:
        return News2(applicable=False, total=None, missing=(), reason="NEWS2 is not for patients under 16.")
    if pregnant:
        return News2(applicable=False, total=None, missing=(), reason="NEWS2 is not for use in pregnancy.")
    scores = {name: score(vitals) for name, score in _SCORES.items()}
    found = {name: value for name, value in scores.items() if value is not None}
    missing = tuple(name for name, value in scores.items() if value is None)
    reason = "" if age_years is not None else "Age not given: scored as an adult."
    return News2(
        applicable=True,
        total=sum(found.values()) if found else None,
        parameters=found,
        missing=missing,
        reason=reason if found else (reason + " Nothing was measured.").strip(),
    )


# A value between two columns of the chart (respirations of 8.5) takes the more urgent of the two.


def _respiratory_rate(vitals: Vitals) -> int | None:
    value = vitals.respiratory_rate
    if value is None:
        return None
    if value < 9 or value > 24:
        return 3
    if value > 20:
        return 2
    return 1 if value < 12 else 0


def _spo2(vitals: Vitals) -> int | None:
    value = vitals.spo2
    if value is None:
        return None
    return _spo2_scale_2(value, on_oxygen=bool(vitals.on_oxygen)) if vitals.spo2_scale == 2 else _spo2_scale_1(value)


def _spo2_scale_1(value: float) -> int:
    return next((score for bound, score in ((92, 3), (94, 2), (96, 1)) if value < bound), 0)


def _spo2_scale_2(value: float, *, on_oxygen: bool) -> int:
    low = next((score for bound, score in ((84, 3), (86, 2), (88, 1)) if value < bound), 0)
    if low or not on_oxygen:
        return low
    return next((score for bound, score in ((96, 3), (94, 2), (92, 1)) if value > bound), 0)


def _oxygen(vitals: Vitals) -> int | None:
    return None if vitals.on_oxygen is None else 2 * int(vitals.on_oxygen)


def _systolic_bp(vitals: Vitals) -> int | None:
    value = vitals.systolic_bp
    if value is None:
        return None
    if value < 91 or value > 219:
        return 3
    return next((score for bound, score in ((101, 2), (111, 1)) if value < bound), 0)


def _heart_rate(vitals: Vitals) -> int | None:
    value = vitals.heart_rate
    if value is None:
        return None
    if value < 41 or value > 130:
        return 3
    if value > 110:
        return 2
    return 1 if value < 51 or value > 90 else 0


def _consciousness(vitals: Vitals) -> int | None:
    if vitals.consciousness is not None:
        return 0 if vitals.consciousness == "A" else 3
    if vitals.gcs is not None:
        return 0 if vitals.gcs == 15 else 3
    return None


def _temperature(vitals: Vitals) -> int | None:
    value = vitals.temperature_c
    if value is None:
        return None
    # Thermometers give one decimal; binary fractions must not move a reading across a column.
    value = round(value, 2)
    if value < 35.1:
        return 3
    if value > 39.0:
        return 2
    return 1 if value < 36.1 or value > 38.0 else 0


_SCORES: dict[str, Callable[[Vitals], int | None]] = {
    "respiratory_rate": _respiratory_rate,
    "spo2": _spo2,
    "oxygen": _oxygen,
    "systolic_bp": _systolic_bp,
    "heart_rate": _heart_rate,
    "consciousness": _consciousness,
    "temperature_c": _temperature,
}


def points(name: str, value: object, *, vitals: Vitals | None = None) -> int:
    """The points that one parameter would score with this value, beside the others of `vitals` (which saturation
    needs); 0 for what the chart does not score."""
    score = _SCORES.get(name)
    return (score((vitals or Vitals()).model_copy(update={name: value})) or 0) if score else 0
