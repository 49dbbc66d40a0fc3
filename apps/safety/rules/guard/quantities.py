"""Amounts, rates, frequencies and durations in a cleaned text, normalised so that equal ones compare equal.

Masses in micrograms, volumes in millilitres, activity in units, amounts of substance in millimoles,
dose forms by their own name; frequencies as the interval in hours plus words such as "night", "prn".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from apps.safety.rules.words import words

QuantityKind = Literal["Q", "F", "K", "D", "V", "#"]
"""Q dose with a unit, F count of dose forms, K frequency, D duration, V measured value, # bare number."""

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
WORD_NUMBERS: dict[str, float] = {word: float(i) for i, word in enumerate(_ONES)} | {
    w: 20.0 + 10 * i for i, w in enumerate(_TENS)
}
_FOREIGN_NUMBERS: dict[str, float] = {
    "uno": 1,
    "una": 1,
    "dos": 2,
    "tres": 3,
    "cuatro": 4,
    "cinco": 5,
    "seis": 6,
    "siete": 7,
    "ocho": 8,
    "nueve": 9,
    "diez": 10,
    "doce": 12,
    "media": 0.5,
    "medio": 0.5,
    "mitad": 0.5,
    "quinientos": 500,
    "cien": 100,
    "ek": 1,
    "do": 2,
    "teen": 3,
    "char": 4,
    "chaar": 4,
    "panch": 5,
    "paanch": 5,
    "chhe": 6,
    "saat": 7,
    "aath": 8,
    "aadhi": 0.5,
    "adhi": 0.5,
    "aadha": 0.5,
    "adha": 0.5,
    "un": 1,
    "une": 1,
    "deux": 2,
    "trois": 3,
    "zwei": 2,
    "drei": 3,
    "eine": 1,
    "due": 2,
}
_FRACTIONS = {"half": 0.5, "quarter": 0.25, "third": 1 / 3}
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "viii": 8, "x": 10}

_DIGITS = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?(?:\s?/\s?\d+(?![\d/]|\s?(?:mmhg|\d)))?|(?<!\d)\.\d+"
_WORDN = (
    r"(?:(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|"
    r"fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|"
    r"point|half|quarter)(?:[\s-]+(?:and[\s-]+)?(?:a[\s-]+)?"
    r"(?=(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|"
    r"fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|"
    r"twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|point|half|quarter)\b))?)+"
)
NUMBER = rf"(?:{_DIGITS}|\b{_WORDN}\b)"
_COUNT = (
    rf"(?:{NUMBER}|\b(?:an?|another|a\s+couple(?:\s+of)?|couple(?:\s+of)?|both|several|few|a\s+few|extra|double|"
    rf"half\s+an?|half\s+of\s+an?|half\s+the|{'|'.join(_FOREIGN_NUMBERS)}|i{{1,3}}|iv|v|x)\b)"
)
_RANGE = rf"{NUMBER}(?:\s*(?:-|to|or|and|a|se|x)\s*{NUMBER})?"
_MASS = {
    "mg": 1e3,
    "mgs": 1e3,
    "milligram": 1e3,
    "milligramme": 1e3,
    "miligramos": 1e3,
    "milligrams": 1e3,
    "milligrammes": 1e3,
    "miligram": 1e3,
    "miligrams": 1e3,
    "miligramo": 1e3,
    "mcg": 1.0,
    "mcgs": 1.0,
    "ug": 1.0,
    "microgram": 1.0,
    "micrograms": 1.0,
    "microgramme": 1.0,
    "microgrammes": 1.0,
    "microgramos": 1.0,
    "mikrogram": 1.0,
    "micg": 1.0,
    "ng": 1e-3,
    "nanogram": 1e-3,
    "nanograms": 1e-3,
    "g": 1e6,
    "gm": 1e6,
    "gms": 1e6,
    "gr": 1e6,
    "gram": 1e6,
    "grams": 1e6,
    "gramme": 1e6,
    "grammes": 1e6,
    "gramo": 1e6,
    "gramos": 1e6,
    "kg": 1e9,
    "kgs": 1e9,
    "kilogram": 1e9,
    "kilograms": 1e9,
}
_VOLUME = {
    "ml": 1.0,
    "mls": 1.0,
    "millilitre": 1.0,
    "millilitres": 1.0,
    "milliliter": 1.0,
    "milliliters": 1.0,
    "mililitros": 1.0,
    "mililitro": 1.0,
    "cc": 1.0,
    "ccs": 1.0,
    "cl": 10.0,
    "l": 1e3,
    "ltr": 1e3,
    "ltrs": 1e3,
    "litre": 1e3,
    "litres": 1e3,
    "liter": 1e3,
    "liters": 1e3,
    "litros": 1e3,
    "lpm": 1e3,
    "pint": 568.0,
    "pints": 568.0,
}
_ACTIVITY = {
    "unit": 1.0,
    "units": 1.0,
    "iu": 1.0,
    "ius": 1.0,
    "u": 1.0,
    "international units": 1.0,
    "unidades": 1.0,
    "miu": 1e6,
    "mu": 1e6,
    "million units": 1e6,
}
_MOLAR = {
    "mmol": 1.0,
    "mmols": 1.0,
    "millimole": 1.0,
    "millimoles": 1.0,
    "meq": 1.0,
    "milliequivalents": 1.0,
    "umol": 1e-3,
    "nmol": 1e-6,
    "mol": 1e3,
}
_UNIT_SCALE = (
    {k: ("mass", v) for k, v in _MASS.items()}
    | {k: ("volume", v) for k, v in _VOLUME.items()}
    | {k: ("activity", v) for k, v in _ACTIVITY.items()}
    | {k: ("molar", v) for k, v in _MOLAR.items()}
)
_UNITS = "|".join(sorted(map(re.escape, _UNIT_SCALE), key=len, reverse=True))
_PER = (
    r"(?:\s*(?:/|per|each|every|a(?=\s(?:day|minute|min|hour|kg|week)\b)|x)\s*(?:kilogram|"
    r"kilo|kg|hours?|hrs?|hr|h|minutes?|mins?|min|24\s?h(?:ours?|rs?)?|days?|d|doses?|"
    r"week|wk|m2|m\^2|square met(?:re|er)|"
    r"litres?|liters?|l|dl|ml|mls|\d+\s?mls?|feed|puff|tablet|tab|injection|session|mmol|mol)\b)"
)
_FORM_WORDS = {
    "tablet": r"tab(?:let)?s?|tabletas?|tablettes?|tabletten|goli(?:y?a+n?)?|golian|comprimidos?|"
    r"comprimes?|pastillas?|tikiya|compress[ae]|pills?",
    "capsule": r"caps?|capsules?|capsulas?|gelules?|kapsel",
    "puff": r"puffs?|inhalations?|actuations?|pumps?|sprays?|squirts?|whiffs?",
    "drop": r"drops?|gtts?|gotas?|qatre?|qatra|gouttes?|tropfen",
    "patch": r"patch(?:es)?|parches?",
    "ampoule": r"amp(?:oule|ule)?s?|ampollas?|vials?|syringes?|syringefuls?|pens?",
    "sachet": r"sachets?|sobres?",
    "suppository": r"supp(?:ositor(?:y|ies|io|ios)|s)?|pessar(?:y|ies)",
    "lozenge": r"lozenges?|gummies",
    "teaspoon": r"tsps?|teaspoon(?:ful)?s?|cucharaditas?|chamm?ach|spoon(?:ful)?s?|cucharadas?|tbsps?|"
    r"tablespoon(?:ful)?s?|cap-?fuls?",
    "nebule": r"neb(?:s|ules?|uli[sz]ers?)?",
    "dose": r"doses?|dosis|shots?|jabs?|injections?|applications?|fingertip\s+units?|ftus?|bolus(?:es)?|"
    r"courses?|rounds?",
    "bag": r"bags?",
}
_FORMS = "|".join(_FORM_WORDS.values())

_FREQUENCY = (
    r"\b(?:o\.?d\.?|b\.?i\.?d\.?|b\.?d\.?s?|t\.?i\.?d\.?|t\.?d\.?s\.?|q\.?i\.?d\.?|q\.?d\.?s\.?|"
    r"q\.?d\.?|q\.?o\.?d\.?|q\s?\d{1,2}\s?(?:-\s?\d{1,2}\s?)?(?:h(?:rs?|ourly|ours?)?|"
    r"d|w|min)?|"
    r"qam|qpm|q\.?h\.?s\.?|hs|qday|q\s?daily|qhr|qwk|qds|nocte|mane|om|stat|p\.?r\.?n\.?|"
    r"sos|tid|ac|pc|cada\s+(?:\w+\s+)?(?:horas?|dias?|noche)|"
    r"(?:once|twice|thrice|hourly|nightly|weekly|monthly|fortnightly|yearly)(?:[\s-]+(?:and\s+only\s+)?(?:dail"
    r"y|nightly|weekly|monthly|an?\s+(?:day|night|week|month)|per\s+(?:day|night|week|"
    r"month)|each\s+day|every\s+(?:day|night|week)|in\s+24\s?h(?:ours|rs)?|only))?|"
    rf"(?:{NUMBER}|{'|'.join(_FOREIGN_NUMBERS)})\s*(?:(?:x(?!\s?10)|times?|veces|fois|"
    rf"mal)\s*(?:(?:-\s*)?(?:daily|weekly|nightly)|(?:an?|per|each|every|al|por|par|/|"
    rf"in\s+(?:a|one|24|the))\s*(?:day|d|week|wk|night|hour|dia|jour|24\s?h(?:ours|rs)?|"
    rf"tag)|pro\s+tag)|(?:baar|bar)\s*(?:(?:din|roz)\s*(?:mein|me|main)?)?)|"
    rf"(?:din|roz)\s+(?:mein|me|main)\s+(?:{NUMBER}|{'|'.join(_FOREIGN_NUMBERS)})\s*(?:baar|"
    rf"bar|dafa|martaba)?|har\s+\w+\s+(?:ghante|ghanta|din|hafte)|al\s+dia|subah(?:\s*(?:-|"
    rf"aur|,)?\s*(?:dopahar|sham|shaam|raat))*|raat\s+ko|sone\s+se\s+pehle|por\s+la\s+(?:noche|"
    rf"manana)|antes\s+de\s+dormir|"
    rf"(?:every|each|alternate|every\s+other|every\s+second)\s+(?:(?:{_RANGE})\s*(?:-\s*)?)?(?:hours?|"
    rf"hourly|hrs?|h|minutes?|mins?|days?|nights?|mornings?|evenings?|weeks?|months?|bedtime|"
    rf"meals?|afternoons?|few\s+hours|mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|"
    rf"saturdays?|sundays?)|"
    rf"(?:{_RANGE})\s*-?\s*(?:hourly|hrly|h?rly|minutely|weekly|monthly)|\d{{1,2}}\s*/\s*(?:24|7)(?!\d)|"
    r"(?:once|one)\s+off|daily|per\s+day|a\s+day|per\s+week|each\s+(?:morning|night|evening)|"
    r"at\s+(?:bed\s?time|night)|before\s+bed|in\s+the\s+(?:morning|evening)|(?:with|before|"
    r"after)\s+(?:each\s+|every\s+)?(?:meals|food|breakfast|lunch|dinner)|at\s+breakfast|"
    r"as\s+(?:needed|required|necessary)|when\s+(?:needed|required|necessary)|if\s+(?:needed|"
    r"required)|round\s+the\s+clock|around\s+the\s+clock|morning\s+and\s+(?:night|evening)|"
    r"[01]-[01]-[012](?:-[01])?)(?![\w%])"
)
_DURATION = (
    rf"(?:\bfor\s+(?:the\s+|a\s+|another\s+|at\s+least\s+|up\s+to\s+|about\s+|a\s+further\s+|"
    rf"a\s+total\s+of\s+)*(?:next\s+|last\s+|past\s+)?(?:{_RANGE}|a|an|several|few)\s*-?\s*(?:days?|"
    rf"weeks?|months?|years?|hours?|hrs?|nights?|wks?|d|doses?)\b|\b(?:{_RANGE})[\s-]+(?:day|"
    rf"week|month|night)s?[\s-]+(?:course|of|supply|trial|taper|worth)\b|\bx\s?\d+\s*(?:days?|"
    rf"d|/7|weeks?|w|/52)\b|\bpor\s+(?:\w+)\s+dias\b|\b\d+\s*/\s*(?:7|52|12)\b)"
)
_LEVEL_PER = (
    r"\s*/\s*(?:dl|l|ml|litres?|liters?|100\s?ml|mmol|mol|ul|mm3|hpf|lpf|g|kg\s*h2o|1\.73|"
    r"min/1\.73)\b|\s+per\s+(?:litre|liter|decilit(?:re|er)|millilit(?:re|er))\b"
)
_VALUE_UNITS = (
    r"mm\s?hg|bpm|beats|breaths|cm|mm|m(?!\w)|km|kpa|cmh2o|c(?!\w)|f(?!\w)|degrees|kcal|"
    r"calories|cells|seconds|secs?|s(?!\w)|ms|msec|mosm|fl|pg|hz|db|gy|joules?|j(?!\w)|"
    r"stone|lbs?|pounds?|years?|yrs?|yo|y/o|year-old|percentile|points?|packs?|pack-years?|"
    r"cigarettes?|episodes?|times(?!\s+(?:a|per|daily))|kg(?!\s*/)"
)

_WHOLE_UNITS = (
    r"lit(?:re|er)|gram(?:me)?|milligram(?:me)?|microgram(?:me)?|millilit(?:re|er)|pint|" r"unit(?=\s+(?:of\s|per\s))"
)

PATTERN = re.compile(
    rf"(?P<freq>{_FREQUENCY})|(?P<dur>{_DURATION})"
    rf"|(?P<level>(?:[<>]=?\s*)?{_RANGE}\s*-?\s*(?:(?:x\s?10\^?\d+)|(?:{_UNITS}|u|mu|iu|"
    rf"cells|meq|mosm|pmol|fmol|pg)(?=(?:{_LEVEL_PER}))(?:{_LEVEL_PER})))"
    rf"|(?P<dose>(?<![\w.])(?!(?:19|20)\d\d[a-z]\b)(?:[<>]=?\s*)?{_RANGE}\s*-?\s*(?P<unit>{_UNITS})(?![a-z0-9&]"
    rf"|\.s\.|-?\s?(?:needle|cannula|gauge))(?P<per>{_PER}*))"
    rf"|(?P<article>(?<![\w.-])(?:half\s+an?|an?|another)\s+(?:further\s+|full\s+|single\s+)?(?P<whole>{_WHOLE_UNITS}"
    rf")\b(?P<share>{_PER}*))"
    rf"|(?P<form>(?<![\w.])(?P<count>{_COUNT})\s*(?:-\s*)?(?:x\s*)?(?:or\s+{_COUNT}\s+|"
    rf"to\s+{_COUNT}\s+|-\s*{_COUNT}\s+)?(?:(?:more|extra|another|full|whole|additional|"
    rf"single|further|metered|crushed|small|large)\s+)*(?P<formword>{_FORMS})\b(?!-))"
    rf"|(?P<percent>(?<![\w.]){_RANGE}\s*(?:%|per\s?cent\b))"
    rf"|(?P<value>(?<![\w.]){_RANGE}\s*-?\s*(?:{_VALUE_UNITS})\b)"
    rf"|(?P<bp>\b\d{{2,3}}\s?/\s?\d{{2,3}}\b)"
    rf"|(?P<number>(?<![\w.#-])(?:{_RANGE})(?![\w]))"
)


@dataclass(frozen=True, slots=True)
class Quantity:
    start: int
    end: int
    kind: QuantityKind
    facts: frozenset[str]
    """Normalised facts, e.g. {"mass:500000"}, {"every:12"}, {"form:tablet:2"}; equal facts mean the same thing."""
    unit: str = ""
    text: str = ""


def number(text: str) -> float | None:
    """The value of a number in digits, words, fractions or Roman numerals; None when it is none."""
    text = text.strip().lower()
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"\d*[.,]?\d+", text):
        return float(text.replace(",", "."))
    if fraction := re.fullmatch(r"(\d+(?:\.\d+)?)\s?/\s?(\d+)", text):
        return float(fraction[1]) / float(fraction[2]) if float(fraction[2]) else None
    if text in _ROMAN:
        return float(_ROMAN[text])
    if text in {"a", "an", "another", "extra"}:
        return 1.0
    if text.startswith(("a couple", "couple")) or text in {"both", "double"}:
        return 2.0
    if text.startswith("half"):
        return 0.5
    return _FOREIGN_NUMBERS.get(text, _spoken(re.findall(r"[a-z]+", text)))


def _spoken(words: list[str]) -> float | None:
    total, current, seen, decimals = 0.0, 0.0, False, ""
    after_point = False
    for word in words:
        if word in {"and", "a"}:
            continue
        if word == "point":
            after_point, seen = True, True
        elif after_point and word in WORD_NUMBERS:
            decimals += str(int(WORD_NUMBERS[word]))
        elif word in WORD_NUMBERS:
            current, seen = current + WORD_NUMBERS[word], True
        elif word in {"hundred", "thousand", "million"}:
            scale = {"hundred": 100.0, "thousand": 1e3, "million": 1e6}[word]
            current, seen = (current or 1.0) * scale, True
            if scale > 100:
                total, current = total + current, 0.0
        elif word in _FRACTIONS:
            current, seen = current + _FRACTIONS[word], True
        else:
            return None
    return total + current + (float(f"0.{decimals}") if decimals else 0.0) if seen else None


_NUMBER_RE = re.compile(NUMBER)


def _numbers(text: str) -> list[float]:
    values = [number(m.group()) for m in _NUMBER_RE.finditer(text)]
    return [value for value in values if value is not None]


def _say(value: float) -> str:
    return f"{value:.6g}"


_INTERVALS = (
    (r"q\.?o\.?d|every other day|alternate days?|every second day", 48.0),
    (
        r"o\.?d\.?|q\.?d\.?|qday|q\s?daily|(?:once )?daily|once (?:a|per|each|every) day|"
        r"once daily|a day|per day|every day|each day|al dia",
        24.0,
    ),
    (r"b\.?i\.?d\.?|b\.?d\.?s?|twice.*(?:day|daily)|morning and (?:night|evening)", 12.0),
    (r"t\.?i\.?d\.?|t\.?d\.?s\.?|thrice.*", 8.0),
    (r"q\.?i\.?d\.?|q\.?d\.?s\.?", 6.0),
    (r"hourly", 1.0),
    (r"(?:once )?weekly|once (?:a|per|every) week|per week|every week|(?:every|each) \w+days?", 168.0),
    (r"twice.*week(?:ly)?", 84.0),
    (r"(?:once )?monthly|once (?:a|per) month|every month", 720.0),
    (r"fortnightly|every (?:2|two) weeks", 336.0),
)
_MOMENTS = (
    ("night", r"nocte|night|bed|q\.?h\.?s|\bhs\b|qpm|noche|raat|sone se"),
    ("morning", r"mane|morning|\bom\b|qam|breakfast|subah|manana"),
    ("evening", r"evening|sham|shaam|dinner"),
    ("prn", r"p\.?r\.?n|needed|required|necessary|\bsos\b"),
    ("stat", r"\bstat\b|one off|once only|once and only"),
    ("meals", r"meal|food|\bac\b|\bpc\b|lunch"),
)


def _frequency(text: str) -> frozenset[str]:
    text = re.sub(r"[\s-]+", " ", text.strip())
    facts = {name for name, pattern in _MOMENTS if re.search(pattern, text)}
    interval = next((hours for pattern, hours in _INTERVALS if re.fullmatch(pattern, text)), None)
    if interval is None and (clock := re.fullmatch(r"(\d{1,2})\s*/\s*24", text)):
        interval = float(clock[1])
    if interval is None:
        interval = _counted_interval(text)
    if interval is not None and not (interval == 24 and facts & {"night", "morning", "evening"}):
        facts.add(f"every:{_say(interval)}")
    elif not facts and re.fullmatch(
        r"nightly|each night|every night|(?:each|every) (?:morning|evening)|once nightly|"
        r"nocte|mane|q\.?h\.?s\.?|at (?:night|bed ?time)|in the (?:morning|evening)",
        text,
    ):
        facts.add("every:24")
    return frozenset(facts or {f"freq:{text}"})


def _counted_interval(text: str) -> float | None:
    values = _numbers(text) or [v for word in text.split() if (v := _FOREIGN_NUMBERS.get(word))]
    if not values:
        return None
    if re.search(r"times|\bx\b|\dx|veces|baar|\bbar\b|fois|dafa", text):
        period = 168.0 if "week" in text else 24.0
        return period / values[0] if values[0] else None
    scale = (
        1 / 60
        if "min" in text
        else 24.0
        if re.search(r"day|dias|\d\s?d\b", text)
        else 168.0
        if re.search(r"week|\dw", text)
        else 720.0
        if "month" in text
        else 1.0
    )
    return values[0] * scale if len(values) == 1 else None


def _amount(match: re.Match[str]) -> frozenset[str]:
    if match["article"]:
        dimension, scale = _UNIT_SCALE[match["whole"]]
        values = [0.5 if match["article"].startswith("half") else 1.0]
    else:
        dimension, scale = _UNIT_SCALE[match["unit"]]
        values = _numbers(match["dose"][: match.start("unit") - match.start("dose")])
    per = re.sub(r"\s+|per|each|every", "", match["per"] or match["share"] or "")
    per = (
        re.sub(r"(?<=/)?hours?|hrs?", "h", per)
        .replace("minutes", "min")
        .replace("minute", "min")
        .replace("days", "d")
        .replace("day", "d")
        .strip("/")
    )
    joined = "-".join(_say(value * scale) for value in values)
    parts = [part for part in per.split("/") if part]
    # "75 mg a day" and "75 mg daily" are the same statement.
    daily = {"every:24"} if parts and parts[-1] in {"d", "24h"} else set()
    rate = "/".join(parts[:-1] if daily else parts)
    return frozenset({f"{dimension}:{joined}" + (f"/{rate}" if rate else ""), *daily})


def _form(match: re.Match[str]) -> frozenset[str]:
    word = match["formword"]
    name = next(form for form, pattern in _FORM_WORDS.items() if re.fullmatch(pattern, word))
    head = match["form"][: match.start("formword") - match.start("form")]
    values = [value for part in re.split(r"\b(?:or|to|more|extra)\b|-", head) if (value := number(part)) is not None]
    return frozenset({f"form:{name}:{'-'.join(map(_say, values)) or head.strip()}"})


def _plain(match: re.Match[str]) -> frozenset[str]:
    return frozenset({f"number:{_say(value)}" for value in _numbers(match.group())})


def quantities(text: str) -> list[Quantity]:
    """All quantities in a cleaned text, left to right."""
    found: list[Quantity] = []
    for match in PATTERN.finditer(text):
        group = (
            match.lastgroup if match.lastgroup not in {"unit", "per", "count", "formword", "whole", "share"} else None
        )
        name = group or ("dose" if match["dose"] else "form")
        if name == "form" and _names_only(match):
            continue
        kind, facts = _read(name, match)
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        found.append(
            Quantity(
                start,
                match.end(),
                kind,
                facts,
                match["unit"] or match["whole"] or match["formword"] or "",
                match.group().strip(),
            )
        )
    return found


def _names_only(match: re.Match[str]) -> bool:
    """ "A dose", "several injections" name a thing; "another dose", "two doses" count it."""
    vague = re.match(r"(?:an?|several|few|a\s+few)\s", match["form"].lstrip()) and not re.match(
        r"a\s+couple", match["form"].lstrip()
    )
    thing = re.fullmatch(f"{_FORM_WORDS['dose']}|{_FORM_WORDS['bag']}", match["formword"])
    return bool(vague and thing) or bool(
        re.match(r"\s+of\s+(?!N|the\s+same)", match.string[match.end() :])
        and re.fullmatch(_FORM_WORDS["patch"], match["formword"])
    )


def _read(name: str, match: re.Match[str]) -> tuple[QuantityKind, frozenset[str]]:
    if name == "freq":
        return "K", _frequency(match.group())
    if name == "dur":
        return "D", frozenset({f"for:{_duration(match.group())}"})
    if name in {"dose", "article"}:
        return "Q", _amount(match)
    if name == "form":
        return "F", _form(match)
    if name == "number":
        return "#", _plain(match)
    facts = frozenset({f"{name}:{'-'.join(map(_say, _numbers(match.group())))}"})
    return ("V", facts)


def _duration(text: str) -> str:
    values = _numbers(text) or [1.0]
    days = (
        7.0
        if re.search(r"week|wk|/\s*52|\dw", text)
        else 30.0
        if re.search(r"month|/\s*12", text)
        else 365.0
        if "year" in text
        else 1 / 24
        if re.search(r"hour|hr", text)
        else 1.0
    )
    return "-".join(_say(value * days) for value in values[: 2 if "-" in text or " to " in text else 1])
