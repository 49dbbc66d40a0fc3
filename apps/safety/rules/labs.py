"""Laboratory values in one unit each. A unit that is unknown or belongs to another test is not interpreted, never guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.safety.rules.assertion import normalise
from medassist.clinical.case import Lab


@dataclass(frozen=True, slots=True)
class Analyte:
    """`units` are factors to the rules' unit (the first); `bare` are the values that a report without a unit may hold:
    (low, high, factor) where they can mean one unit only."""

    name: str
    names: str
    units: Mapping[str, float]
    bare: tuple[tuple[float, float, float], ...] = ()
    possible: tuple[float, float] = (0, float("inf"))
    """In the rules' unit; anything else is a slip of the pen."""


@dataclass(frozen=True, slots=True)
class Reading:
    name: str
    value: float | None
    reason: str = ""
    """Why there is no value."""
    extreme_in_any_unit: bool = False


@dataclass(slots=True)
class Labs:
    values: dict[str, list[float]] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    not_interpreted: list[str] = field(default_factory=list)
    extreme: list[str] = field(default_factory=list)


_MOLAR = {"mmol/l": 1.0, "mmol": 1.0, "meq/l": 1.0, "mm": 1.0}
_COUNT = {"10^9/l": 1.0, "10^3/ul": 1.0, "k/ul": 1.0, "thou/ul": 1.0, "g/l": 1.0, "/nl": 1.0, "/ul": 0.001, "/mm3": 0.001}


def _all_bare(low: float, high: float) -> tuple[tuple[float, float, float], ...]:
    return ((low, high, 1.0),)


ANALYTES: tuple[Analyte, ...] = (
    Analyte(
        "glucose",
        r"(?:blood|plasma|capillary|random|fasting|finger\s?stick|serum|poc|venous)?\s*(?:glucose|sugars?)|cbg|bgl|fsbg|dextrostix|rbs|fbs",
        {"mmol/l": 1.0, "mmol": 1.0, "mg/dl": 1 / 18.016, "mg%": 1 / 18.016},
        ((0.2, 20, 1.0), (60, 2000, 1 / 18.016)), (0.2, 120),
    ),
    Analyte("glucose", r"bms?", {"mmol/l": 1.0, "mmol": 1.0, "mg/dl": 1 / 18.016}, _all_bare(0.2, 60), (0.2, 120)),
    Analyte(
        "ketones", r"(?:blood|capillary|plasma|serum)?\s*(?:ketones?|beta-?hydroxybutyrate|bhb)",
        {"mmol/l": 1.0, "mmol": 1.0, "mg/dl": 1 / 10.41}, _all_bare(0, 20), (0, 30),
    ),
    Analyte("potassium", r"(?:serum\s+|plasma\s+)?(?:potassium|k\+?)", _MOLAR, _all_bare(1, 12), (1, 12)),
    Analyte("sodium", r"(?:serum\s+|plasma\s+)?(?:sodium|na\+?)", _MOLAR, _all_bare(80, 200), (80, 200)),
    Analyte(
        "calcium", r"(?:adjusted\s+|corrected\s+|serum\s+|total\s+)*(?:calcium|ca(?:2\+)?)",
        {"mmol/l": 1.0, "mmol": 1.0, "mg/dl": 1 / 4.008, "meq/l": 0.5}, ((0.5, 4.99, 1.0), (5, 25, 1 / 4.008)), (0.5, 6),
    ),
    Analyte(
        "lactate", r"(?:venous\s+|arterial\s+|serum\s+|blood\s+|plasma\s+)?(?:lactate|lactic\s+acid)",
        {"mmol/l": 1.0, "mmol": 1.0, "meq/l": 1.0, "mg/dl": 1 / 9.008}, _all_bare(0.1, 25), (0.1, 40),
    ),
    Analyte(
        "hemoglobin", r"ha?emoglobin|hb|hgb", {"g/l": 1.0, "g/dl": 10.0, "gm/dl": 10.0, "g%": 10.0, "mmol/l": 16.11},
        ((2, 24.9, 10.0), (25, 260, 1.0)), (10, 260),
    ),
    Analyte("inr", r"inr", {"": 1.0, "ratio": 1.0}, _all_bare(0.5, 30), (0.5, 30)),
    Analyte("ph", r"(?:arterial\s+|venous\s+|blood\s+)?ph", {"": 1.0, "ph": 1.0, "units": 1.0}, _all_bare(6.4, 8), (6.4, 8)),
    Analyte("bicarbonate", r"bicarb(?:onate)?|hco3-?|tco2", _MOLAR, _all_bare(1, 60), (1, 60)),
    Analyte(
        "creatinine", r"(?:serum\s+|plasma\s+)?creatinine|cr|creat",
        {"umol/l": 1.0, "umol": 1.0, "mmol/l": 1000.0, "mg/dl": 88.4, "mg%": 88.4}, ((0.1, 19.9, 88.4), (20, 3000, 1.0)), (10, 3000),
    ),
    Analyte("egfr", r"e?gfr", {"ml/min/1.73m2": 1.0, "ml/min": 1.0, "ml/min/1.73": 1.0, "ml/min/1.73m^2": 1.0}, _all_bare(0, 200)),
    Analyte("urea", r"(?:serum\s+)?urea", {"mmol/l": 1.0, "mmol": 1.0, "mg/dl": 1 / 6.006}, _all_bare(0.5, 19.9), (0.3, 120)),
    Analyte("urea", r"bun|blood\s+urea\s+nitrogen", {"mg/dl": 1 / 2.801, "mmol/l": 1.0}, (), (0.3, 120)),
    Analyte(
        "neutrophils", r"(?:absolute\s+)?neutrophil(?:s|\s+count)?|anc", _COUNT, ((0, 99, 1.0), (100, 100_000, 0.001)), (0, 150)
    ),
    Analyte(
        "white_cells", r"wbc|white\s+(?:blood\s+)?cell(?:s|\s+count)?|wcc|leu[ck]ocytes", _COUNT,
        ((0, 400, 1.0), (500, 500_000, 0.001)), (0, 600),
    ),
    Analyte("platelets", r"platelets?(?:\s+count)?|plts?", _COUNT, ((0, 2000, 1.0), (2001, 3_000_000, 0.001)), (0, 3000)),
    Analyte("crp", r"crp|c-?reactive\s+protein", {"mg/l": 1.0, "mg/dl": 10.0}, _all_bare(0, 700)),
    Analyte("lithium", r"lithium(?:\s+level)?", _MOLAR, _all_bare(0, 10), (0, 15)),
    Analyte(
        "digoxin", r"digoxin(?:\s+level)?", {"ug/l": 1.0, "ng/ml": 1.0, "mcg/l": 1.0, "nmol/l": 0.781}, _all_bare(0, 20), (0, 50)
    ),
    Analyte(
        "paracetamol", r"(?:paracetamol|acetaminophen)\s+level", {"mg/l": 1.0, "ug/ml": 1.0, "mcg/ml": 1.0, "mmol/l": 151.2}, (), (0, 2000)
    ),
    Analyte(
        "bilirubin", r"(?:total\s+|serum\s+)?bilirubin", {"umol/l": 1.0, "umol": 1.0, "mg/dl": 17.1}, _all_bare(40, 900), (0, 1200)
    ),
    Analyte("osmolality", r"(?:serum\s+|plasma\s+)?osmolal?(?:ity|arity)", {"mosm/kg": 1.0, "mmol/kg": 1.0, "mosmol/kg": 1.0}, _all_bare(200, 450)),
    Analyte("pef_percent", r"(?:pef|pefr|peak\s+flow|peak\s+expiratory\s+flow)(?:\s+rate)?", {"%": 1.0, "percent": 1.0}, (), (1, 150)),
    # Compared with the laboratory's own limit only, so any unit will do.
    Analyte("d_dimer", r"d-?dimer", {"*": 1.0}),
    Analyte("troponin", r"(?:hs-?|high[\s-]sensitivity\s+)?(?:cardiac\s+)?troponin(?:[\s-]*[it])?|hs-?c?tn[it]?|tn[it]", {"*": 1.0}),
    Analyte("bnp", r"(?:nt-?pro-?)?bnp", {"*": 1.0}),
)  # fmt: skip
_BY_NAME = tuple((re.compile(rf"^(?:{analyte.names})$"), analyte) for analyte in ANALYTES)
_NUMBER = re.compile(r"[<>≤≥~]?\s*=?\s*(\d+(?:\.\d+)?)")


def analyte_of(name: str) -> Analyte | None:
    """The test that the rules know by this name, or None."""
    plain = normalise(name).text.strip()
    return next((analyte for pattern, analyte in _BY_NAME if pattern.match(plain)), None)


def unit_of(written: str) -> str:
    """One spelling of a unit: "×10⁹/L", "10*9/l" and "x10e9/L" are one."""
    text = normalise(written).text.replace("μ", "u").replace("µ", "u").replace(" ", "").replace("litre", "l").replace("liter", "l")
    text = re.sub(r"^[x×]", "", text).replace("mcl", "ul").replace("mcmol", "umol").replace("cumm", "mm3").replace("cmm", "mm3")
    text = re.sub(r"^10[\^*e(]*\+?0?(\d)\)?(?=/)", r"10^\1", text)
    return re.sub(r"^cells?(?=/)|^(?:cells|c)/(?=mm3)", "", text)


def read(analyte: Analyte, number: float, unit: str) -> Reading:
    """The value in the rules' unit, or the reason why there is none."""
    key = unit_of(unit)
    if "*" in analyte.units:
        return Reading(analyte.name, number)
    if key in analyte.units:
        value = number * analyte.units[key]
    elif key:
        return Reading(analyte.name, None, "this unit is not known for this test")
    else:
        fitting = [factor for low, high, factor in analyte.bare if low <= number <= high]
        if len(fitting) != 1:
            # Between 20 and 60 a glucose is far too high in mmol/L and far too low in mg/dL.
            return Reading(analyte.name, None, "the unit is not given", analyte.name == "glucose" and 20 <= number < 60)
        value = number * fitting[0]
    low, high = analyte.possible
    if not low <= value <= high:
        return Reading(analyte.name, None, "the value is outside what is possible")
    return Reading(analyte.name, value)


def add(labs: Labs, analyte: Analyte, number: float, unit: str, words: str) -> None:
    """Puts one measured value where it belongs; several of one test are all kept."""
    reading = read(analyte, number, unit)
    if reading.value is None:
        labs.not_interpreted.append(f"{words}: {reading.reason}")
        if reading.extreme_in_any_unit:
            labs.extreme.append(words)
        return
    labs.values.setdefault(analyte.name, []).append(reading.value)
    labs.where[analyte.name] = "; ".join(filter(None, (labs.where.get(analyte.name), words)))


def add_lab(labs: Labs, lab: Lab) -> None:
    """One structured result; what no rule speaks of is left alone."""
    analyte = analyte_of(lab.name)
    if analyte is None:
        return
    number = lab.value if isinstance(lab.value, float) else None
    if number is None:
        match = _NUMBER.match(normalise(str(lab.value)).text.strip())
        if not match:
            return
        number = float(match.group(1))
    add(labs, analyte, number, lab.unit, f"{lab.name} {number:g} {lab.unit}".strip())
    if lab.reference_high is not None and number > lab.reference_high:
        labs.values[f"{analyte.name}_high"] = [1.0]
