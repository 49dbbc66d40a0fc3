"""How amounts, units, frequencies and durations are written: the word tables and the one pattern over them."""

from __future__ import annotations

import re

from apps.safety.rules.words import words

_ONES = words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = words("twenty thirty forty fifty sixty seventy eighty ninety")
WORD_NUMBERS: dict[str, float] = {word: float(i) for i, word in enumerate(_ONES)} | {
    w: 20.0 + 10 * i for i, w in enumerate(_TENS)
}
FOREIGN_NUMBERS: dict[str, float] = {
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
FRACTIONS = {"half": 0.5, "quarter": 0.25, "third": 1 / 3}
ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "viii": 8, "x": 10}

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
    rf"half\s+an?|half\s+of\s+an?|half\s+the|{'|'.join(FOREIGN_NUMBERS)}|i{{1,3}}|iv|v|x)\b)"
)
_RANGE = rf"{NUMBER}(?:\s*(?:-|to|or|and|a|se)\s*{NUMBER})?"
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
    "ui": 1.0,
    "ie": 1.0,
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
    "micromol": 1e-3,
    "micromols": 1e-3,
    "micromoles": 1e-3,
    "nanomol": 1e-6,
    "nanomoles": 1e-6,
    "picomol": 1e-9,
    "millimol": 1.0,
    "nmol": 1e-6,
    "mol": 1e3,
}
UNIT_SCALE = (
    {k: ("mass", v) for k, v in _MASS.items()}
    | {k: ("volume", v) for k, v in _VOLUME.items()}
    | {k: ("activity", v) for k, v in _ACTIVITY.items()}
    | {k: ("molar", v) for k, v in _MOLAR.items()}
)
_UNITS = "|".join(sorted(map(re.escape, UNIT_SCALE), key=len, reverse=True))
_PER = (
    r"(?:\s*(?:/|per|each|every|a(?=\s(?:day|minute|min|hour|kg|week)\b)|x)\s*(?:kilogram|"
    r"kilo|kg|hours?|hrs?|hr|h|minutes?|mins?|min|24\s?h(?:ours?|rs?)?|days?|d|doses?|"
    r"week|wk|m2|m\^2|square met(?:re|er)|"
    r"litres?|liters?|l|dl|ml|mls|\d+\s?mls?|feed|puff|tablet|tab|injection|session|mmol|mol)\b)"
)
FORM_WORDS = {
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
_FORMS = "|".join(FORM_WORDS.values())

_FREQUENCY = (
    r"\b(?:o\.?d\.?|b\.?i\.?d\.?|b\.?d\.?s?|t\.?i\.?d\.?|t\.?d\.?s\.?|q\.?i\.?d\.?|q\.?d\.?s\.?|"
    r"q\.?d\.?|q\.?o\.?d\.?|q\s?\d{1,2}\s?(?:-\s?\d{1,2}\s?)?(?:h(?:rs?|ourly|ours?)?|"
    r"d|w|min)?|"
    r"qam|qpm|q\.?h\.?s\.?|hs|qday|q\s?daily|qhr|qwk|qds|nocte|mane|om|stat|p\.?r\.?n\.?|"
    r"sos|tid|ac|pc|qn|(?<=[gul]\s)[ap]m\b|(?<=[gul])[ap]m\b|(?:at\s+)?(?:mornings|evenings|nights)|alt(?:ernate)?\s+(?:days|nights)|c/\s?\d{1,2}\s?h|(?:once|one|twice|two|\d)\s?/\s?(?:day|d)\b|\d{1,2}/12ly|wkly|on\s+waking|cada\s+(?:\w+\s+)?(?:horas?|dias?|noche)|"
    r"(?:once|twice|thrice|hourly|nightly|weekly|monthly|fortnightly|yearly)(?:[\s-]+(?:and\s+only\s+)?(?:dail"
    r"y|nightly|weekly|monthly|an?\s+(?:day|night|week|month)|per\s+(?:day|night|week|"
    r"month)|each\s+day|every\s+(?:day|night|week)|in\s+24\s?h(?:ours|rs)?|only))?|"
    rf"(?:{NUMBER}|{'|'.join(FOREIGN_NUMBERS)})\s*(?:(?:x(?!\s?10)|times?|veces|fois|"
    rf"mal)\s*(?:(?:-\s*)?(?:daily|weekly|nightly)|(?:(?:an?|per|each|every|al|por|par|"
    rf"in\s+(?:a|one|24|the))\s+|/\s*|in\s+(?=24))(?:day|d\b|week|wk|night|hour|dia|jour|24\s?h(?:ours|rs)?|"
    rf"tag)|pro\s+tag)|(?:baar|bar)\s*(?:(?:din|roz)\s*(?:mein|me|main)?)?)|"
    rf"(?:din|roz)\s+(?:mein|me|main)\s+(?:{NUMBER}|{'|'.join(FOREIGN_NUMBERS)})\s*(?:baar|"
    rf"bar|dafa|martaba)?|har\s+\w+\s+(?:ghante|ghanta|din|hafte)|al\s+dia|subah|raat(?:\s+ko)?|khaali\s+pet|subah(?:\s*(?:-|"
    rf"aur|,)?\s*(?:dopahar|sham|shaam|raat))*|raat\s+ko|sone\s+se\s+pehle|por\s+la\s+(?:noche|"
    rf"manana)|antes\s+de\s+dormir|"
    rf"(?:every|each|alternate|every\s+other|every\s+second)\s+(?:(?:{_RANGE})\s*(?:-\s*)?)?(?:hours?|"
    rf"hourly|hrs?|h|minutes?|mins?|days?|nights?|mornings?|evenings?|weeks?|months?|bedtime|"
    rf"meals?|afternoons?|few\s+hours|mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|"
    rf"saturdays?|sundays?)|"
    rf"(?:{_RANGE})\s*-?\s*(?:hourly|hrly|h?rly|minutely|weekly|monthly)|\d{{1,2}}\s*/\s*24(?!\d)|"
    r"(?:once|one)\s+off|daily|per\s+day|a\s+day|per\s+week|each\s+(?:morning|night|evening)|"
    r"at\s+(?:bed\s?time|night)|before\s+bed|in\s+the\s+(?:morning|evening)|(?:with|before|"
    r"after)\s+(?:each\s+|every\s+)?(?:meals|food|breakfast|lunch|dinner)|at\s+breakfast|"
    r"as\s+(?:needed|required|necessary)|when\s+(?:needed|required|necessary)|if\s+(?:needed|"
    r"required)|round\s+the\s+clock|around\s+the\s+clock|morning\s+and\s+(?:night|evening)|"
    r"[0-4]\s?[-+]\s?[0-4]\s?[-+]\s?[0-4](?:\s?[-+]\s?[0-4])?(?![-+\d]))(?![\w%])"
)
_DURATION = (
    rf"(?:\bfor\s+(?:the\s+|a\s+|another\s+|at\s+least\s+|up\s+to\s+|about\s+|a\s+further\s+|"
    rf"a\s+total\s+of\s+)*(?:next\s+|last\s+|past\s+)?(?:{_RANGE}|a|an|several|few)\s*-?\s*(?:days?|"
    rf"weeks?|months?|years?|hours?|hrs?|nights?|wks?|d|doses?)\b|\b(?:{_RANGE})[\s-]+(?:day|"
    rf"week|month|night)s?[\s-]+(?:course|of(?!\s+(?:pregnancy|gestation|age|amenorrhoea|life))|supply|trial|taper|worth)\b|\bx\s?\d+\s*(?:days?|"
    rf"d|/7|weeks?|w|/52)\b|\bpor\s+(?:\w+)\s+dias\b|\bover\s+(?:{_RANGE}|an?)\s?-?\s?(?:hours?|hrs?|h|minutes?|mins?)\b|\bx\s?\d+\s?(?:h|hrs?|hours?|y|years?|m|months?)\b|\b\d+\s*/\s*(?:7|52|12)\b)"
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

# No quantity begins inside a word, and a look back is cheaper than a hundred alternatives.
PATTERN = re.compile(
    rf"(?!(?<=[a-z])[a-z]|[\s,;])(?:(?P<freq>{_FREQUENCY})|(?P<dur>{_DURATION})"
    rf"|(?P<pair>(?<![\w./])(?![1-3]/[2-4](?!\d))\d{{1,3}}(?:\.\d+)?/\d{{1,3}}(?:\.\d+)?(?![\w/.]|\s?(?:mmhg|mg|ml|mcg|g\b)))"
    rf"|(?P<level>(?:[<>]=?\s*)?{_RANGE}\s*-?\s*(?:(?:x\s?10\^?\d+)|(?:{_UNITS}|u|mu|iu|"
    rf"cells|meq|mosm|pmol|fmol|pg|mg\.?\s?h)(?=(?:{_LEVEL_PER}))(?:{_LEVEL_PER})))"
    rf"|(?P<dose>(?<![\w.])(?!(?:19|20)\d\d[a-z]\b)(?:[<>]=?\s*)?{_RANGE}\s*-?\s*(?P<unit>{_UNITS})(?![a-z0-9&]"
    rf"|\.s\.|-?\s?(?:needle|cannula|gauge))(?P<per>{_PER}*))"
    rf"|(?P<article>(?<![\w.-])(?:half\s+an?|an?|another)\s+(?:further\s+|full\s+|single\s+)?(?P<whole>{_WHOLE_UNITS}"
    rf")\b(?P<share>{_PER}*))"
    rf"|(?P<form>(?<![\w.])(?P<count>{_COUNT})\s*(?:-\s*)?(?:x\s*)?(?:or\s+{_COUNT}\s+|"
    rf"to\s+{_COUNT}\s+|-\s*{_COUNT}\s+)?(?:(?:more|extra|another|full|whole|additional|"
    rf"single|further|metered|crushed|small|large)\s+)*(?P<formword>{_FORMS})\b(?!-))"
    rf"|(?P<clock>\b(?:[01]\d|2[0-3]):[0-5]\d\b|(?<=at )\d:[0-5]\d\b|(?<=at )(?:[01]\d|2[0-3])[0-5]\d\b)"
    rf"|(?P<percent>(?<![\w.]){_RANGE}\s*(?:%|per\s?cent\b))"
    rf"|(?P<value>(?<![\w.]){_RANGE}\s*-?\s*(?:{_VALUE_UNITS})\b)"
    rf"|(?P<triple>(?<![\w./])\d+(?:\.\d+)?/\d+(?:\.\d+)?/\d+(?:\.\d+)?(?![\w/]))"
    rf"|(?P<bp>\b\d{{2,3}}\s?/\s?\d{{2,3}}\b)"
    rf"|(?P<number>(?<![\w.#-])(?:(?:{_RANGE})(?![\w])|\bi{{2,3}}\b(?=\s*(?:od|bd|tds|qds|daily|nocte|mane|prn|om|qn)\b))))"
)
