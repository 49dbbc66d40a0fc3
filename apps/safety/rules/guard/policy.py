"""Judges one unit (a sentence, a row, a JSON member): default-deny over its skeleton.

A unit is allowed when every medicine in it is licensed, no directive points at one, and every dose,
count, frequency and duration in it is a restatement that the record confirms.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from apps.safety.rules.guard import directives, licences
from apps.safety.rules.guard.abstract import Skeleton, skeleton
from apps.safety.rules.guard.fidelity import RecordView, detailed, group, regimens
from apps.safety.rules.guard.particulars import contradicts, particulars
from apps.safety.rules.guard.reading import Reading, all_matches, find_directives, find_licences, mention_of
from apps.safety.rules.guard.unfamiliar import has_unfamiliar
from medassist.clinical.case import Audience


@dataclass(frozen=True, slots=True)
class Fault:
    rule: str
    reason: str
    item: int | None
    """Index of the skeleton's item that the fault is about; None for the whole unit."""


def judge(text: str, *, record: RecordView, audience: Audience, header: bool = False) -> list[Fault]:
    """Faults of one unit of cleaned text. `header` says that a line above named it a list of recorded medicines."""
    skel = skeleton(text)
    strange = has_unfamiliar(text)
    if strange and _DOSED.search(skeleton(text, wide=True).form):
        skel = skeleton(text, wide=True)  # what is dosed is a medicine, and the dose is its own
    return _judge_plain(skel, record, audience, header) or (_judge_unfamiliar(text, record, header) if strange else [])


def _judge_plain(skel: Skeleton, record: RecordView, audience: Audience, header: bool) -> list[Fault]:
    reading = _read(skel, header)
    if _self_adjusts(skel.form):
        return [Fault("B10", "self_adjustment", None)]
    if not skel.mentions and not skel.quantities and not reading.loose and audience != "patient":
        return []
    if audience == "patient" and _PROSPECT.search(skel.form) and not _excused(skel.form):
        return [Fault("B8", "treatment_in_prospect", None)]
    if audience == "patient" and _OFFERED.search(skel.form) and not _excused(skel.form):
        return [Fault("B10", "offered_to_a_patient", None)]
    if audience == "patient" and _loose_talk(reading) and not _excused(skel.form):
        return [Fault("B10", "medicine_talk_without_licence", None)]
    faults = _judge_quantities(reading, record)
    faults += _judge_mentions(reading, audience)
    faults += _judge_particulars(reading, record)
    faults += _judge_presence(reading, record, header or bool(licences.HEADER.search(skel.form)))
    if reading.loose and not faults:
        faults.append(Fault("B3", "directive", None))
    return faults


# What would do a patient good is for their clinician to say, whatever the thing is called.
_OFFERED = re.compile(
    r"\b[GACN]\d++(?:\s+[\w'-]+){0,2}?\s+(?:(?:is|are|can|may|might|will|would|should|could)\s+)?(?:(?!not)\w+\s+)?(?:useful|helpful|helps?|"
    r"eases?|soothes?|settles?|relieves?|worth\w*|be\s+(?:used|tried|bought|taken))\b"
    r"|(?:^\W*|[,;:.]\s*|\b(?:and|or|then|please|to|can|could|may|should)\s+)(?:give|repeat|take|double|skip|swap|halve|drop|restart|redo)\s+(?:(?!list|note)[\w']+\s+){0,4}?G\d++"
    r"(?!\s*(?:list|history|chart|as\s+(?:prescribed|directed|advised)|with\s+you|to\s+(?:the|your)))"
    r"|\b(?:make|making)\s+up\s+(?:for\s+)?(?:the|any|a|your)?\s*missed\b|(?:^\W*|[?!.]\s*)[#F]\d++\s+(?:today|now|tonight|tomorrow|at\s+once|together)\b"
    r"|\bA\d++\s+(?:\w+\s+){0,2}?(?:shortens?|boosts?|sensible|alongside|speeds?|worthwhile|advised|recommended)\b|\b(?:may|might|could)\s+(?:well\s+)?(?:be\s+)?(?:offered|given|started\s+on|put\s+on|moved|need|suggested|switched)\b[^.;]{0,40}?(?:[GCN]\d|treatment|injections?)"
    r"|\buse\s+(?:the|your)\s+(?:blue|brown|purple|pink|white|green|orange)\s+(?:one|inhaler)\b"
    r"|\bsomething\s+(?:stronger|for\s+(?:the|your|pain|fever|sleep)|to\s+(?:help|take|ease|settle))|\b(?:sip|drink|eat|chew|have)\s+[^.;]{0,30}?(?:[QN]\d|rehydration)"
)


# A treatment named or described as something that may come.
_PROSPECT = re.compile(
    r"\b(?:G\d++|tablets?|treatments?|injections?|therap(?:y|ies))\b(?:(?!\b(?:change|affect|effects?|cause|interact|your\s+(?:team|doctor|clinician))\b)[^.;]){0,50}?"
    r"\b(?:(?:could|may|might)\s+(?:well\s+)?(?:be|come|help|follow|suit)|on\s+the\s+cards|an\s+option|one\s+(?:thing|option|way|choice))\b(?![^.;]*\b(?:not|missing|recorded)\b)"
)


_TOLD_PATIENT = re.compile(
    r"\b(?:list|tell|told|bring|show|know|whether|names?|side|allerg\w*|interact\w*|review\w*|record\w*|notes?|decides?|will|team|clinician|doctor|pharmacist|nurse|"
    r"prescribed|recorded|missing|last|when|which|what|any|changes?|missed|were|was|taken|given|because|affect\w*|questions?|about|appointment|can|may|not|never)\b"
)


def _loose_talk(reading: Reading) -> bool:
    """To a patient medicines are spoken of to tell what is recorded or unknown, or who decides; nothing else."""
    form, found = reading.skel.form, reading.skel.mentions
    for index, mention in found.items():
        granted = reading.licences.get(index, set())
        if mention.kind == "G" and not granted and not _TOLD_PATIENT.search(form):
            return True
    return False


def _excused(form: str) -> bool:
    return bool(form.rstrip().endswith("?") or licences.REFUSAL.search(form) or licences.NO_CHANGE.search(form))


def _read(skel: Skeleton, header: bool) -> Reading:
    reading = Reading(skel)
    find_directives(reading)
    find_licences(reading, header)
    return reading


_DOSED = re.compile(
    r"U\d++ (?:\(?[G]\d++\)? |(?:iv|im|sc|po|sl|pr|oral|cream|gel|syrup) )*[QFK]\d|[QF]\d++ (?:of )?U\d"
)
_KEYED = re.compile(
    r"G\d++\W{1,6}(?P<med>U\d++)|\|\s*(?P<med2>U\d++)\s*\|[^|]*\b(?:start|stop|give|add|hold|continue|increase|reduce|new|commence|restart)\w*\b"
    r"|\b(?:medication|drug|medicine|agent|treatment|prescription|rx|add-on|therapy|order|plan)s?\W{1,6}(?P<med3>U\d++)"
)
_TAKEN = re.compile(
    r"\b(?:takes|taking|took|(?:is|was|been|started|remains|currently|regular)\s+on|prescribed|given|received|receiving|uses)\s+"
    r"(?:\w+ly\s+|regular\s+|oral\s+|iv\s+)?(?P<med>U\d++)(?=\s*(?:$|[.,;)]|and\b|for\b|at\b|daily\b|G\d|[QFKD]\d))"
)


def _judge_unfamiliar(text: str, record: RecordView, header: bool) -> list[Fault]:
    """Judges words that no list knows where they stand like a medicine: ordered, dosed, or listed as taken."""
    skel = skeleton(text, wide=True)
    form, names = skel.form, skel.mentions
    reading = Reading(skel)
    find_directives(reading)
    pointed = [index for index in reading.directives if names[index].kind == "U"]
    keyed = [mention_of(match)[0] for match in all_matches(_KEYED, form)]
    taken = {mention_of(match)[0] for match in all_matches(_TAKEN, form)}
    if header and re.match(r"\W*U\d", form):
        taken.add(next(iter(names)))
    dosed = bool(_DOSED.search(form))
    if not (pointed or keyed or taken or dosed):
        return []
    find_licences(reading, header)
    granted = reading.licences
    for index in (*pointed, *keyed):
        if "refusal" not in granted.get(index, ()) and (index in pointed or not granted.get(index)):
            return [Fault("B3", "unknown_name_directed", index)]
    if dosed and (faults := _judge_quantities(reading, record)):
        return faults
    for index in sorted(taken):
        if names[index].canonical not in record.names and not record.empty and "question" not in granted.get(index, ()):
            return [Fault("B5", "not_in_record", index)]
    return []


_MONITOR = re.compile(
    r"\b(?:monitor\w*|check\w*|recheck\w*|measur\w*|repeat(?!ed\s+G)\w*|review\w*|reassess\w*|"
    r"obs|observations?|inr|fbc|cbc|u&es?|ecgs?|troponins?|blood pressure|bp|glucose|"
    r"sugars?|test\w*|appointments?|follow-?up|visits?|dialysis|haemodialysis|hemodialysis|"
    r"vomit\w*|episodes?|symptoms?|stools?|urinat\w+|voids?|seizures?|fits|pain|cough\w*|"
    r"attacks?|headaches?|smok\w+|drinks?|drinking|exercise\w*|walk\w*|bleed\w*|bleeds?|"
    r"wak\w+|weigh\w*|weights?|scans?|screen\w*|imaging|fever\w*|temperatures?|rigors|"
    r"palpitations|"
    r"diarrh\w+|reading|readings|lfts?|levels?|hba1c|potassium|creatinine|lactate|neuro|"
    r"gcs|physiotherapy|sessions?|feeds|feeding|alcohol|cigarettes|contractions|spotting|"
    r"dizz\w+|falls?|angina|meals?|sleep\w*|coffee|tea|urine|fluid balance|bloods?|sats|"
    r"saturations?|dressings?|turns?|relapses?|A\d++)\b"
)


_NOT_SAID = re.compile(
    r"\b(?:is|are|was|were)\s+(?:not\s+(?:given|stated|recorded|known|clear|documented|legible|specified|enclosed)|illegible|unclear|unknown|missing)\b"
    r"|\b(?:record|notes?|letter|list|chart|history)\s+(?:does|do|did)\s+not\s+(?:say|state|show|mention|record|tell)|\b(?:unclear|unknown|not\s+\w+ed)\s+whether\b"
    r"|^\W*(?:an?\s+|the\s+)?(?:[NA]\d++\s+)?(?:levels?|monitoring|bloods?|tests?)\s+(?:is|are|was|were)\b"
)


def _judge_quantities(reading: Reading, record: RecordView) -> list[Fault]:
    skel = reading.skel
    doses = [i for i in skel.quantities if skel.quantities[i].kind in "QF"]
    if not any(skel.quantities[i].kind == "Q" for i in doses) and licences.REFUSAL.search(skel.form):
        return []
    timings = [i for i in skel.quantities if skel.quantities[i].kind in "KD" and _is_dosing(reading, i)]
    if _NOT_SAID.search(skel.form):
        timings = []
    if not doses and not timings:
        return []
    relevant = frozenset(fact for i in (*doses, *timings) for fact in skel.quantities[i].facts)
    clocks = frozenset(fact for q in skel.quantities.values() for fact in q.facts if fact.startswith("clock:"))
    first = (doses or timings)[0]
    rule, reason = (
        ("B1", "amount") if any(skel.quantities[i].kind == "Q" for i in doses) else ("B2", "count_or_frequency")
    )
    directed = bool(reading.directives) or bool(reading.loose) or _orders_amount(skel.form)
    reported = _reported(reading) and not directed
    same = all(
        record.says(group(skel.mentions[owner].canonical) if owner is not None else None, said)
        for owner, groups in regimens(skel).items()
        for facts in groups
        if (said := frozenset(f for f in facts if f in relevant | clocks or f.startswith("route:"))) & relevant
    )
    if same and reported:
        return []
    if same:
        return [
            Fault("B4" if directed else rule, "copied_dose_in_directive" if directed else "no_reporting_cue", first)
        ]
    known = any(group(m.canonical) in record.names for m in skel.mentions.values())
    if reported and (known or not record.empty):
        return [Fault("B5", "differs_from_record", first)]
    return [Fault(rule, reason, first)]


def _orders_amount(form: str) -> bool:
    match = directives.AMOUNT_ORDER.search(form)
    verb = (
        re.search(
            r"(?:take|give|use|inject|apply|swallow|administer|repeat|inhale|drink|infuse|run|" r"bolus|load)\b",
            match.group(),
        )
        if match
        else None
    )
    return bool(match and verb and not directives.REPORTED_INFINITIVE.search(form[: match.start() + verb.start()]))


_SAID_TO_TAKE = re.compile(
    rf"\b{licences.TAKING}\b|\b{licences.RECORDED}\b|^\W*(?:takes|took|taking|uses|used|had|has)\b|\b(?:takes|"
    rf"took|used|had|received)\s+[QF]\d"
)
_SATURATION = re.compile(
    r"\b(?:spo2|sats?|saturations?|saturat(?:ed|ing)|o2 sats|abg|pao2|satting|maintained)\b[^.;]*\bon\b"
)


def _reported(reading: Reading) -> bool:
    names = [i for i, m in reading.skel.mentions.items() if m.kind in "NCO"] or list(reading.skel.mentions)
    if not names:
        return bool(_SAID_TO_TAKE.search(reading.skel.form) or _SATURATION.search(reading.skel.form))
    return all("reporting" in reading.licences.get(i, ()) or _oxygen_vital(reading, i) for i in names)


def _oxygen_vital(reading: Reading, index: int) -> bool:
    oxygen = group(reading.skel.mentions[index].canonical) == "oxygen"
    return oxygen and bool(_SATURATION.search(reading.skel.form))


def _is_dosing(reading: Reading, index: int) -> bool:
    """True for a frequency or duration that belongs to a medicine and not to monitoring, symptoms or habits."""
    skel = reading.skel
    at = skel.place(index)
    drugs = [i for i in skel.mentions if skel.mentions[i].kind in "NCOG" or _names_dose(skel, i)]
    counts = [i for i in skel.quantities if skel.quantities[i].kind in "QF"]
    if not drugs and not counts:
        return bool(
            re.search(
                rf"(?:^|[;:,.]\s*|\b(?:please|then|and|to)\s+)(?:take|give|inject|swallow|administer|"
                rf"apply|use|inhale|instil)\s+(?:\w+\s+){{0,3}}[KD]{index}\b",
                skel.form,
            )
        )
    if skel.quantities[index].kind == "D":
        if re.search(r"\b(?:not|never|no|without|missed|stopped|off)\b[^.;:]{0,40}$", skel.form[:at]):
            return False
        return _near_duration(skel, index, at, drugs + counts)
    nearest = min(abs(skel.place(i) - at) for i in (*drugs, *counts))
    left = max((m.end() for m in re.finditer(r"[;:,]", skel.form[:at])), default=0)
    monitors = [
        abs(m.end() - at) if m.end() <= at else m.start() - at
        for m in _MONITOR.finditer(skel.form)
        if left <= m.start() or m.start() > at
    ]
    return not monitors or nearest <= min(monitors) or (nearest <= 4 and min(monitors) > 1)


def _names_dose(skel: Skeleton, index: int) -> bool:
    return skel.mentions[index].kind == "U" and bool(re.search(rf"U{index} (?:G\d++ )?[QFK]\d", skel.form))


def _near_duration(skel: Skeleton, index: int, at: int, items: list[int]) -> bool:
    after = skel.form[at : at + 30]
    if re.match(rf"D{index} (?:(?:of|course)\s+)*(?:\w+\s+){{0,2}}[NCOG]\d", after):
        return True
    for item in items:
        place = skel.place(item)
        if place < at:
            between = re.sub(r"[A-Z#]\d+", "", skel.form[place:at])
            if len(re.findall(r"[a-z]+", between)) <= 3 and not re.search(r"[;:,.]|\band\b", between):
                return True
    return False


def _judge_mentions(reading: Reading, audience: Audience) -> list[Fault]:
    faults = []
    for index, mention in reading.skel.mentions.items():
        granted = reading.licences.get(index, set())
        fault = _judge_mention(reading, index, mention.kind, granted, audience)
        if fault is not None:
            faults.append(fault)
    return faults


def _judge_mention(reading: Reading, index: int, kind: str, granted: set[str], audience: Audience) -> Fault | None:
    form = reading.skel.form
    if "refusal" in granted:
        return None
    if index in reading.directives:
        if kind == "C" and _consideration(form, audience, reading):
            return None
        return Fault("B8" if kind == "C" and audience == "patient" else "B3", "directive", index)
    quoted = (
        kind in "NCA"
        and audience == "patient"
        and (granted <= {"reporting"} or _USE.search(form))
        and licences.attributed(form)
    )
    if kind == "O" and not granted and not _kept_going(form):
        return Fault("B1", "support_without_licence", index)
    if kind in "OG" or (kind == "A" and not (quoted and _BY_MOUTH.search(form))) or (granted and not quoted):
        return None
    if kind == "C":
        if _consideration(form, audience, reading) or (audience == "clinician" and licences.attributed(form)):
            return None
        return Fault("B8", "class_without_decider", index)
    if licences.attributed(form) and audience == "clinician" and not licences.PATIENT_SPECIFIC.search(form):
        return None
    return Fault("B9" if licences.attributed(form) else "B3", "named_medicine_without_licence", index)


_BY_MOUTH = re.compile(r"\b(?:oral|supplements?|supplementation|extra|topical|intravenous|iv)\b")
_USE = re.compile(r"\b(?:used|option|treatment|choice|given|medicines?|G\d++)\s+(?:\w+\s+)?(?:for|in|of|to\s+treat)\b")
# Oxygen, fluids, blood and feeds in the vitals, in what went in or out, or as a thing of the past.
_ROUTINE = re.compile(
    r"\b(?:spo2|sats?|saturat\w+|abg|pao2|o2|air|requirement|requiring|needed|needing|dependent|balance|intake|output|input|oral|clear|fasting|plenty|drinking|drank|drink|loss|"
    r"overload|restrict\w*|responsive\w*|group|save|match|cross-?match\w*|product|products|reaction|history|was|were|had|has|have|received|receiving|on|since|after|during|"
    r"despite|without|no|not|nil|refus\w+|declin\w+|recorded|charted|running|started|stopped|given|tolerat\w+|feeds?|vital|peep|pressure|mask)\b|V\d"
)


def _kept_going(form: str) -> bool:
    return bool(_ROUTINE.search(form) or licences.attributed(form) or (licences.DECIDER.search(form)))


_FOR_THEM = re.compile(r"\b(?:is|are|remains?|rests?|lies)\s+(?:\w+\s+)?(?:for|with|up\s+to)\b")
_ORDERED = re.compile(
    r"(?:^\W*|[;:]\s*)(?:start|give|administer|stop|commence|initiate|add|prescribe|use|"
    r"take|begin|continue|hold|withhold|increase|reduce|switch)\b"
)


def _consideration(form: str, audience: Audience, reading: Reading) -> bool:
    """B8: a class as a consideration that names who decides; never with a named agent or an order."""
    if audience == "patient" or reading.skel.ids("NQF") or _ORDERED.search(form):
        return False
    return bool(licences.DECIDER.search(form) and (licences.CONSIDERATION.search(form) or _FOR_THEM.search(form)))


def _judge_particulars(reading: Reading, record: RecordView) -> list[Fault]:
    """Years, hours, weekdays, counts, sides and devices of a restatement are the record's where it gives any (B5)."""
    if record.empty or licences.attributed(reading.skel.form) or not particulars(reading.skel.text):
        return []
    ratios = {fact for entry in record.entries for fact in entry.facts if fact.startswith("ratio:")}
    for owner, facts in detailed(reading.skel).items():
        if owner is None and any(contradicts(fact, ratios) for fact in facts if fact.startswith("ratio:")):
            return [Fault("B5", "detail_differs_from_record", None)]
        granted = reading.licences.get(owner, set()) if owner is not None else set()
        if owner is None or "reporting" not in granted or granted & {"question", "missing", "refusal"}:
            continue
        held = {fact for entry in record.of(group(reading.skel.mentions[owner].canonical)) for fact in entry.facts}
        if any(contradicts(fact, held) for fact in facts):
            return [Fault("B5", "detail_differs_from_record", owner)]
    return []


def _judge_presence(reading: Reading, record: RecordView, listed: bool) -> list[Fault]:
    """A restated medicine that the record does not know differs from it (B5); denials are no restatement.

    Without a record only a medication list is held against it: it is empty.
    """
    if (record.empty and not listed) or licences.attributed(reading.skel.form):
        return []
    negated = {mention_of(m)[0] for m in all_matches(licences.NEGATED, reading.skel.form)}
    for index, mention in reading.skel.mentions.items():
        if mention.kind != "N" or index in negated or reading.licences.get(index) != {"reporting"}:
            continue
        if index not in reading.directives and group(mention.canonical) not in record.names:
            return [Fault("B5", "not_in_record", index)]
    return []


def _self_adjusts(form: str) -> bool:
    if directives.SELF_CARE.search(form) and not form.rstrip().endswith("?"):
        return True
    for pattern in directives.SELF_ADJUST:
        match = pattern.search(form)
        if (
            match
            and not licences.NO_CHANGE.search(form)
            and not _reported_habit(form)
            and not licences.REFUSAL.search(form)
        ):
            return True
    return False


def _reported_habit(form: str) -> bool:
    if re.search(r"\b(?:you|your)\b", form) and not form.rstrip().endswith("?"):
        return False
    return bool(directives.REPORTED_SELF.search(form)) and not re.match(
        r"\W*(?:take|use|skip|double|halve|buy|try|get)\b", form
    )
