"""Turns a sentence into its skeleton: medicines, quantities and the words between them.

"Give metformin 500 mg bd" becomes "give N0 Q1 K2". Rules are then written over the skeleton, so that
they hold for every medicine and every amount and not for the examples that someone thought of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from apps.safety.rules.guard.lexicon import Mention, mentions
from apps.safety.rules.guard.quantities import Quantity, quantities
from apps.safety.rules.guard.unfamiliar import unfamiliar_mentions

MED = r"[NCAOGU]\d++"

_NOT_A_MEDICINE_AFTER = re.compile(
    r"[\s-]*(?:saturations?|sats|demand|consumption|content|tension|deliver|carrying|"
    r"tank|pressures?|loss|tests?|cultures?|counts?|group|film|sample|clots?|stream|"
    r"balance|retention|overload|status|collection|level|restriction|intake|thrill|wave|"
    r"shift|depletion|losses|cell|scan|scans|requirement|-sensitive|"
    r"diet|free|channels?|ion|metabolism|homeostasis|excretion|imbalance|disturbance|"
    r"abnormalit\w+|deficien\w+|tolerance|absorption|storage|studies|profile|"
    r"resistan\w+|sensitiv\w+|receptors?|stones?|oxalate|transport|pump|dyscrasia|addict\w*|"
    r"fiend|enforcement|trafficking)\b"
)
_NOT_A_MEDICINE_BEFORE = re.compile(
    r"(?:amniotic|cerebrospinal|pleural|pericardial|synovial|ascitic|peritoneal|joint|"
    r"spinal|seminal|free|body|extracellular|urine|urinary|serum|plasma|"
    r"menstrual|fresh|red|white|platelet|nasal|gravity|post-?nasal|cervical|skin|dental|blood)\s+$"
)
_ANALYTE_CONTEXT = re.compile(
    r"\b(?:serum|plasma|urine|urinary|blood|fasting|random|stool|csf|venous|arterial|"
    r"ionised|ionized|corrected|adjusted|dietary)\s+$"
)
_HORMONES = frozenset(
    {
        "insulin",
        "glucagon",
        "epinephrine",
        "levothyroxine",
        "oxytocin",
        "vasopressin",
        "noradrenaline",
        "hydrocortisone",
    }
)
_BODY = re.compile(
    r"\b(?:pancrea\w+|hormones?|beta[- ]cells?|islets?|body|bodies|bodys|body's|cells|"
    r"thyroid gland|adrenals?|pituitary|produc(?:e|es|ed|ing|tion)|mak(?:e|es|ing) (?:enough|"
    r"more|too|any|no)|releas(?:e|es|ed|ing)|secret\w+|endogenous|hypothalam\w+|surge)\b"
)
_INSULIN_ANALYTE = re.compile(
    r"[\s-]*(?:resistan|dependent|level|sensitiv|secret|production|assay|autoantibod|"
    r"antibod|to c-peptide|c-peptide|requiring|like)"
)


@dataclass(frozen=True, slots=True)
class Skeleton:
    text: str
    """The cleaned sentence."""
    form: str
    """The skeleton: items replaced by their kind and index."""
    mentions: dict[int, Mention]
    quantities: dict[int, Quantity]

    def ids(self, kinds: str) -> list[int]:
        """Indexes of mentions (or quantities) of these kinds, left to right."""
        return [int(m[2]) for m in re.finditer(r"([A-Z#])(\d+)", self.form) if m[1] in kinds]

    def place(self, index: int) -> int:
        """Where item `index` stands in the skeleton."""
        found = re.search(rf"[A-Z#]{index}(?!\d)", self.form)
        return found.start() if found else -1


@lru_cache(maxsize=256)
def skeleton(text: str, wide: bool = False) -> Skeleton:
    """The skeleton of one unit of cleaned text. Several rules and views ask for the same one, hence the cache.

    The wide one also holds unfamiliar words (U); in the plain one they stay words.
    """
    found = [_as_product(m, text) for m in mentions(text) if _is_medicine(m, text)]
    if wide:
        found += unfamiliar_mentions(text, found)
    amounts = [q for q in quantities(text) if not any(_overlap(q, m) for m in found if m.kind != "G")]
    found = [m for m in found if not any(q.kind in "QF" and _overlap(q, m) for q in amounts)]
    amounts = [q for q in (_settled(q, text, found) for q in amounts) if q is not None]
    items: list[Mention | Quantity] = sorted([*found, *amounts], key=lambda item: item.start)
    pieces: list[str] = []
    at = 0
    meds: dict[int, Mention] = {}
    numbers: dict[int, Quantity] = {}
    for index, item in enumerate(items):
        if item.start < at:
            continue
        pieces.append(_literal(text[at : item.start]))
        pieces.append(f" {item.kind}{index} ")
        at = item.end
        if isinstance(item, Mention):
            meds[index] = item
        else:
            numbers[index] = item
    pieces.append(_literal(text[at:]))
    form = re.sub(r"[ \t]+", " ", "".join(pieces)).strip()
    return Skeleton(text, _settle_numbers(form, numbers), meds, numbers)


_PRODUCT = re.compile(
    r"[\s-]+(?:supplement\w*|replacement|infusions?|tablets?|capsules?|gel|drops|injections?|cream|patch(?:es)?|gummies|powder|sachets?|spray|syrup|booster|jab)\b"
)


def _as_product(mention: Mention, text: str) -> Mention:
    """ "Vitamin D supplementation" is a medicine, "vitamin D" a measurement."""
    if mention.kind == "A" and _PRODUCT.match(text, mention.end):
        return replace(mention, kind="C")
    return mention


def _literal(text: str) -> str:
    """Words between items; a "#" of the text must not read like the sign of a number ("lesion #3")."""
    return text.replace("#", " ")


def _overlap(a: Mention | Quantity, b: Mention | Quantity) -> bool:
    return a.start < b.end and b.start < a.end


def _is_medicine(mention: Mention, text: str) -> bool:
    after, before = text[mention.end : mention.end + 30], text[max(0, mention.start - 20) : mention.start]
    if mention.canonical == "insulin":
        return not (_INSULIN_ANALYTE.match(after) or _ANALYTE_CONTEXT.search(before))
    if (
        mention.canonical in _HORMONES
        and _BODY.search(text)
        and not re.search(r"\d\s*(?:units?|iu|mg|mcg|u)\b|\b(?:inject|give|start|prescri|infus|sliding)\w*", text)
    ):
        return False
    if mention.canonical == "feeds" and re.search(
        r"\b(?:baby|infant|newborn|neonate|child|she|he|breast|bottle|mother|poorly|not)\s+$", before
    ):
        return False
    if text[mention.start : mention.end] == "sedation":
        return bool(
            re.search(
                r"\b(?:give|start|under|procedural|conscious|with|for|by|start|needs?|requires?)\s+(?:\w+\s+)?$", before
            )
        )
    if mention.kind == "A" and re.search(r"\b(?:low|high|reduced|rich|fortified|free)[- ]$", before):
        return False
    if mention.kind in "AOG":
        return not (
            _NOT_A_MEDICINE_AFTER.match(after)
            or _NOT_A_MEDICINE_BEFORE.search(before)
            or _ANALYTE_CONTEXT.search(before)
        )
    if mention.canonical == "aspirin" and text[mention.start : mention.end] == "asa":
        return not re.match(r"\s*(?:grade|class|score|\d|i{1,3}\b)", after)
    return True


_MEASURE_BEFORE = re.compile(
    r"\b(?:protein|albumin|urine|urinary|output|drain(?:ed|age|s)?|loss|lost|losing|effusion|"
    r"residual|residue|volumes?|aspirat\w+|drank|drinks?|drinking|drunk|alcohol|intake|"
    r"intakes|"
    r"weigh(?:s|ed|ing|t)?|birth ?weight|stools?|sputum|vomit(?:ed|ing|us)?|haematemesis|"
    r"hematemesis|haemoptysis|hemoptysis|clots?|haematoma|hematoma|prostate|thyroid volume|"
    r"(?:fluid |cumulative )?balance|net (?:positive|negative|gain|loss)|ingest\w*|"
    r"tidal|fev1?|fvc|fev|peak (?:expiratory )?flow|pefr?|flow rate|expiratory flow|feeds|"
    r"fed|salt|sugar|sugars|fib(?:re|er)|coffee|tea|water|wine|beer|carbohydrates?|carbs|"
    r"caffeine|capacity|diet|dietary|calories|consum\w+|eats?|eating|ate|spleen|placenta|"
    r"measur\w+|collected|passed|produc\w+|haemoglobin|hemoglobin|hb|ferritin|gained|"
    r"tumou?r|nodule|lesion|mass|smok\w+|cigarettes|tobacco|cannabis|void(?:ed|s|ing)?|"
    r"bladder|scan|"
    r"abscess|pus|ascites|tap|paracentesis|evacuated|estimated|ebl|stoma|ileostomy|ng "
    r"aspirates?|catheter|limits?|milk|juice|fluids? (?:intake|input)|oral fluids|creatinine|"
    r"clearance|egfr|gfr|excretion|cup)\b"
)
_MEASURE_AFTER = re.compile(
    r"^\s*(?:/?\s*(?:day|week|24 ?h\w*|d|wk)\s*)?(?:of\s+)?(?:(?:the|a|fresh|bright|dark|"
    r"red|frank|clear|cloudy|thick|straw-coloured|bloody|plain|tap|orange|haemorrhagic|"
    r"purulent|serous|dietary|weekly|daily|weight)\s+){0,3}"
    r"(?:urine|urinary|protein|water|coffee|tea|wine|beer|alcohol|vodka|spirits?|cider|"
    r"juice|milk|pus|blood(?! (?:transf|product))|sputum|vomit|fluid|ascit\w+|clots?|"
    r"stool|faeces|effusion|drained|residual|lost|loss|"
    r"weight|weight loss|weight gain|salt|sugar|fib(?:re|er)|carbohydrates?|carbs|fat|"
    r"drained|was drained|were drained|collection|haematoma|hematoma|tumou?r|nodule|mass|"
    r"lesion|cyst|abscess|uterus|spleen|gland|prostate|(?:baby|infant|newborn|foetus|fetus)(?!\s+\w)|"
    r"bladder|on bladder)\b"
)
_GIVING = re.compile(
    r"\b(?:give|giving|gave|given|administer\w*|inject\w*|infus\w*|start\w*|run|prescrib\w*|"
    r"bolus\w*|load\w*|dos(?:e|ed|es|ing|age|ages)|swallow|titrat\w*|transfus\w*|dispens\w*|"
    r"take|chew|repeat|increase|decrease|reduce|feed)\b"
)
_CONCENTRATION = re.compile(r"^(?:mg|mcg|ug|g|units?|iu|u|mmol|meq)\s*/?\s*(?:per\s+)?(?:ml|\d+\s?ml)")


def _settled(quantity: Quantity, text: str, found: list[Mention]) -> Quantity | None:
    """Decides between dose and measurement for an amount with a unit."""
    if quantity.kind == "Q":
        return replace(quantity, kind="V") if _measured(quantity, text, found) else quantity
    if quantity.kind == "V":
        near = [
            m
            for m in found
            if m.kind in "NAO" and (0 <= quantity.start - m.end <= 12 or 0 <= m.start - quantity.end <= 3)
        ]
        fact = next(iter(quantity.facts))
        if fact.startswith("percent:") and any(_solution(m, quantity, text) for m in near):
            return replace(quantity, kind="Q")
        if fact.startswith("level:") and re.search(r"(?:mg|mcg|ug|g|units?|iu|u)\s*/\s*(?:\d+\s?)?ml$", quantity.text):
            level = re.search(
                r"\b(?:level|levels|concentration|trough|peak|dimer|assay|titre)\b",
                text[max(0, quantity.start - 40) : quantity.start],
            )
            tight = (
                any(m.kind == "N" for m in near) and not level and not re.search(r"\b(?:ng|pg)\b|ug/ml", quantity.text)
            )
            return replace(quantity, kind="Q") if tight else quantity
    return quantity


def _solution(mention: Mention, quantity: Quantity, text: str) -> bool:
    between = text[min(mention.end, quantity.end) : max(mention.start, quantity.start)]
    if re.search(r"\b(?:of|in|risk|chance|patients|people)\b", between):
        return False
    if re.match(
        r"\s*(?:of\s+(?:patients|people|cases|those)|risk|chance|reduction|increase|higher|" r"lower)",
        text[quantity.end :],
    ):
        return False
    return mention.kind in "NO" or bool(
        re.match(r"\s*(?:cream|ointment|solution|gel|lotion|drops|infusion)", text[quantity.end :])
    )


# "Ultrafiltration was 900 ml": with no medicine about, a result; "it was 5 mg" may speak of one.
_CAME_TO = re.compile(
    r"(?<!\bit )(?<!\bthis )(?<!\bthat )(?<!\bwhich )(?<!\bone )"
    r"\b(?:was|were|reached|came\s+to|totall?ed|measured|averaged|fell\s+to|rose\s+to|is\s+now)\s+(?:about\s+|only\s+)?$"
)


def _measured(quantity: Quantity, text: str, found: list[Mention]) -> bool:
    if re.search(r"/\s*k(?:g|ilo)|per\s+k(?:g|ilo)", quantity.text) and not re.search(
        r"\b(?:ingest|urin|output|tidal|ventilat|drain|passed|losses)", text
    ):
        return False
    if quantity.unit in {"kg", "kgs", "kilogram", "kilograms"} and "/" not in quantity.text:
        return True
    clause_start = (
        max(
            (text.rfind(mark, 0, quantity.start) for mark in (";", ":", "|", ". ", " but ", " so ", " then ")),
            default=-1,
        )
        + 1
    )
    before = text[clause_start : quantity.start][-70:]
    after = text[quantity.end : quantity.end + 45]
    if not any(m.kind in "NCOG" for m in found) and _CAME_TO.search(before):
        return True
    near = any(
        (m.kind in "NOC" and -3 <= m.start - quantity.end <= 14)
        or (m.kind in "NOC" and 0 <= quantity.start - m.end <= 10)
        for m in found
    )
    if near:
        return False
    if _MEASURE_AFTER.match(after):
        return not re.search(r"\b(?:give|administer|inject|infuse|prescribe)\b", before)
    cues = list(_MEASURE_BEFORE.finditer(before))
    if not cues or _GIVING.search(before[cues[-1].end() :]):
        return False
    return not _GIVING.match(before.strip().split(" ")[0] if before.strip() else "")


_STRAIGHT_AFTER = re.compile(
    r"([NA])(\d+)((?: \(?(?:dose|dosage|at|of|to|iv|po|im|sc|oral|tablets?|caps(?:ules?)?|"
    r"tab|strength|x|mr|xl|sr|la|cr|er|xr|retard|depot|now|G\d++)\)?)*[ :=,|-]+)#(\d++)"
    r"(?!\s*(?:st|nd|rd|th|days?|weeks?|months?|years?|hours?|hrs?|minutes?|mins?|am|"
    r"pm|patients?|people|out|of|other|different|risk|times|/|:|drug|types?|medicines?|"
    r"trials?|studies|causes|components?|ingredients?|parts?|members?|examples?|forms?|-\s?(?:week|day|month|year|hour)))"
)
_DOSE_THEN = re.compile(
    r"\b((?:G\d++|max(?:imum)?|dos(?:e|age|ing))(?: (?:of|is|was|to|by|at|should be|would be))*[ :=|\"']+(?:N\d++ "
    r"?[:=|]? ?)?(?:about |around |roughly )?)#(\d++)(?! ?(?:/|of\b))"
)
_CHANGED_BY = re.compile(
    r"\b((?:increase|decrease|reduce|raise|lower|titrate|drop|cut|bump|go|step|put|turn|"
    r"taper)(?: (?:it|this|that|them|the|up|down|G\d++|N\d++|rate|back))* (?:by|to|at) "
    r"(?:a further )?)#(\d++)"
)
_NUMBER_THEN = re.compile(r"#(\d++)(?= ?(?:-? ?(?:and|to|or) #\d++ ?)?,? ?K\d++)")
_COUNT_OF_STRENGTH = re.compile(r"#(\d++)(?= (?:x )?Q\d++ (?:(?:[NC]\d++ )?G\d|[NC]\d))|#(\d++)(?= x Q\d)")
_COUNT_NAME_FORM = re.compile(r"#(\d++)(?= (?:x )?[NC]\d++ (?:G\d++|Q\d++ G\d++))")
_YEAR = re.compile(r"(?:19|20)\d\d")


def _settle_numbers(form: str, amounts: dict[int, Quantity]) -> str:
    """A bare number becomes a dose where the words around it make it one ("warfarin 5", "increase to 10")."""

    def upgrade(number: str, kind: str) -> str:
        index = int(number)
        if _YEAR.fullmatch(amounts[index].text):
            return f"#{index}"
        fact = next(iter(amounts[index].facts), "number:")
        facts = frozenset({fact.replace("number:", "form:tablet:")}) if kind == "F" else amounts[index].facts
        amounts[index] = replace(amounts[index], kind=kind, facts=facts)  # type: ignore[arg-type]
        return f"{kind}{index}"

    form = _COUNT_OF_STRENGTH.sub(lambda m: upgrade(m[1] or m[2], "F"), form)
    form = _COUNT_NAME_FORM.sub(lambda m: upgrade(m[1], "F"), form)
    form = _STRAIGHT_AFTER.sub(
        lambda m: f"{m[1]}{m[2]}{m[3]}" + (upgrade(m[4], "Q") if m[1] == "N" else f"#{m[4]}"), form
    )
    form = _DOSE_THEN.sub(lambda m: m[1] + upgrade(m[2], "Q"), form)
    form = _CHANGED_BY.sub(lambda m: m[1] + upgrade(m[2], "Q"), form)
    if re.search(MED, form) or re.match(r"\W*(?:take|give|use|inject|apply|administer)\b", form):
        form = _NUMBER_THEN.sub(lambda m: upgrade(m[1], "Q"), form)
    return form
