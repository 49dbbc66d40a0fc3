"""Judges one unit (a sentence, a row, a JSON member): default-deny over its skeleton.

A unit is allowed when every medicine in it is licensed, no directive points at one, and every dose,
count, frequency and duration in it is a restatement that the record confirms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.safety.rules.guard import patterns as p
from apps.safety.rules.guard.abstract import Skeleton, skeleton
from apps.safety.rules.guard.fidelity import RecordView, attached, group
from medassist.clinical.case import Audience

_CLAUSE = re.compile(
    r"[;]|\bbut\b|\bhowever\b|\balthough\b(?=.{30})|\bso\b(?=\s+(?:we|i|you|please|start|"
    r"give|stop|the\s+plan))|[.!?](?=\s|$)"
)
_INDEX = re.compile(r"[A-Z#](\d+)")


@dataclass(slots=True)
class Reading:
    """What the patterns found in one unit."""

    skel: Skeleton
    licences: dict[int, set[str]] = field(default_factory=dict)
    directives: dict[int, str] = field(default_factory=dict)
    loose: str = ""
    """A directive that needs no named medicine ("double it")."""

    def license(self, ids: Iterable[int], name: str) -> None:
        for index in ids:
            self.licences.setdefault(index, set()).add(name)


@dataclass(frozen=True, slots=True)
class Fault:
    rule: str
    reason: str
    item: int | None
    """Index of the skeleton's item that the fault is about; None for the whole unit."""


def judge(text: str, *, record: RecordView, audience: Audience, header: bool = False) -> list[Fault]:
    """Faults of one unit of cleaned text. `header` says that a line above named it a list of recorded medicines."""
    skel = skeleton(text)
    reading = Reading(skel)
    _find_directives(reading)
    _find_licences(reading, header)
    if _self_adjusts(skel.form):
        return [Fault("B10", "self_adjustment", None)]
    if not skel.mentions and not skel.quantities and not reading.loose:
        return []
    faults = _judge_quantities(reading, record)
    faults += _judge_mentions(reading, audience)
    faults += _judge_presence(reading, record)
    if reading.loose and not faults:
        faults.append(Fault("B3", "directive", None))
    return faults


def _index(token: str) -> int:
    return int(re.sub(r"\D", "", token))


def _mention_of(match: re.Match[str]) -> tuple[int, int]:
    """(item index, position in the skeleton) of the mention that a pattern caught."""
    for name in ("med", "med2", "med3"):
        if match.re.groupindex.get(name) and match[name]:
            return _index(match[name]), match.start(name)
    raise ValueError("the pattern names no mention")


def _find_directives(reading: Reading) -> None:
    form = reading.skel.form
    for pattern in (p.IMPERATIVE, p.GERUND, p.MODAL, p.PASSIVE, p.ENSURED, p.EVALUATED, p.SUGGESTED, p.HELPS, p.ARROW):
        position = 0
        while match := pattern.search(form, position):
            index, at = _mention_of(match)
            position = max(match.start() + 1, min(at, match.end() - 1))
            if not _harmless_directive(reading, pattern, match, index):
                reading.directives.setdefault(index, "directive")
    if p.FUTURE.search(form):
        for index, mention in reading.skel.mentions.items():
            if mention.kind in "NC" and not re.search(r"\b(?:was|were|had|took|taken|last|since)\b", form):
                reading.directives.setdefault(index, "future")
    _spread(reading)
    if (referent := p.REFERENT.search(form)) and not p.REPORTED_INFINITIVE.search(form[: _verb_start(referent)]):
        reading.loose = "referent"


def _verb_start(match: re.Match[str]) -> int:
    word = re.search(
        r"[a-z-]+\s+(?:it|them|this|that|these|one|two|both|the\s+(?:same|other|lot)|another|" r"[KFDQ#]\d++)",
        match.group(),
    )
    return match.start() + (word.start() if word else 0)


def _spread(reading: Reading) -> None:
    """A directive on one of several coordinated medicines is one on all that follow it."""
    for match in p.LINKED.finditer(reading.skel.form):
        left = _index(match[1] or match[2])
        following = re.match(r"[NCAOG](\d++)", reading.skel.form[match.end() :])
        if following and left in reading.directives:
            reading.directives.setdefault(int(following[1]), "directive")


_ANALYTE_VERBS = re.compile(
    r"^(?:give|start|replace|replete|supplement|administer|infuse|prescribe|commence|"
    r"take|inject|push|load|initiate|restart|offer|try|add|use|drink|swallow|buy|run|"
    r"hang|transfuse|stop|deliver|apply|titrate|wean|bolus|resuscitate|dose)$"
)
_TEST_OBJECT = re.compile(
    r"\b(?:level|levels|test|tests|check|bloods?|sample|culture|monitoring|measurement|" r"reading|history)\b"
)


def _harmless_directive(reading: Reading, pattern: re.Pattern[str], match: re.Match[str], index: int) -> bool:
    form, mention = reading.skel.form, reading.skel.mentions[index]
    tail = re.sub(r"^[A-Z]\d+", "", form[reading.skel.place(index) : reading.skel.place(index) + 40])
    if re.match(
        r"[\s-]*(?:induced|associated|related|toxicity|overdose|poisoning|allerg|level|withdrawal|"
        r"resistan|hypersens|reaction|deficien|concentration|antibod|intoleran|side|misuse|"
        r"abuse|adverse|interaction|monitoring|effects?\b)",
        tail,
    ):
        return True
    if pattern is p.IMPERATIVE:
        return _harmless_imperative(reading, match, mention.kind)
    if pattern is p.GERUND:
        return bool(p.HARMLESS_GERUND.search(form[: match.start()]))
    if pattern is p.PASSIVE:
        return _harmless_passive(form, match)
    if pattern is p.SUGGESTED:
        return _harmless_suggestion(form, match)
    if pattern is p.MODAL:
        checked = (
            r"\b(?:repeated|reviewed|checked|measured|corrected|monitored)$"
            if mention.kind == "A"
            else r"\b(?:reviewed|prescribed|recorded|checked|dispensed)$"
        )
        return mention.kind in "AG" and bool(re.search(checked, match.group()))
    return mention.kind in "AG" and pattern is not p.ARROW


def _harmless_imperative(reading: Reading, match: re.Match[str], kind: str) -> bool:
    form, verb = reading.skel.form, match["verb"]
    before = form[: match.start("verb")]
    if p.REPORTED_INFINITIVE.search(before) or re.search(
        r"\b(?:did|does|do|had|has|was|were|could)(?:\s+\w+)?\s*(?:n't|not)\s+$|\b(?:does|"
        r"did)\s+(?:the\s+patient|she|he|they)\s+(?:\w+ly\s+)?$",
        before,
    ):
        return not re.search(r"\b(?:please\s+do|you\s+do|^\W*do)\s+not\s+$", before)
    if verb in {"consider", "recommend", "suggest"}:
        return False
    if kind == "A":
        return (
            not _ANALYTE_VERBS.match(verb)
            or match["object"].startswith("up ")
            or bool(_TEST_OBJECT.search(match["object"]))
            or bool(re.match(r"\s*(?:rich|containing|intake|-rich)", form[match.end() :]))
        )
    if kind == "O":
        return verb in {
            "repeat",
            "consider",
            "push",
            "order",
            "avoid",
            "increase",
            "maintain",
            "treat",
            "manage",
            "keep",
            "drink",
            "take",
        } and not re.search(r"[QF]\d", form)
    if kind == "G":
        if verb in {"prescribe", "dispense", "provide", "issue"} or re.match(
            r"[^.;]{0,60}\bas\s+(?:prescribed|directed|advised|instructed)\b", form[match.end() :]
        ):
            return not re.search(r"[QFKD]\d", form)
        return bool(
            re.search(r"\b(?:patient|case|fever|pain|symptoms|infection|woman|man|child)\s*$", match["object"])
        ) or bool(
            re.match(
                r"\s*(?:history|list|reconciliation|review|chart|record|reviews|interactions|allerg)",
                form[match.end() :],
            )
        )
    return False


_TO_BE = re.compile(r"(?:^|\s)to\s+(?:\w+\s+){0,2}?(?:be|get|being|go|stay|come|remain|receive|have|need|require)\b")


def _harmless_passive(form: str, match: re.Match[str]) -> bool:
    """ "Known to be on warfarin", "may have been given aspirin": what is thought to be so, not what is to be done."""
    if re.match(
        r"\S+\s+(?:not\s+)?(?:\w+\s+)?have\s+(?:\w+\s+)?(?:been|had|taken|used|missed|received|" r"stopped|started)\b",
        match.group(),
    ):
        return True
    to_be = _TO_BE.match(form, match.start()) or _TO_BE.match(form, max(0, match.start() - 1))
    return bool(to_be and p.REPORTED_INFINITIVE.search(form[: match.start()]))


def _harmless_suggestion(form: str, match: re.Match[str]) -> bool:
    before = form[: match.start()]
    cue = match["cue"]
    if re.search(r"\b(?:was|were|been|previously|being)\s+(?:\w+ly\s+)?$", before) and re.match(
        r"treat|manag|prefer|propos|plan", cue
    ):
        return True
    if re.match(r"treat|manag", cue) and re.search(
        r"\b(?:patients?|people|those|already|after|when|was|were|been|despite|not|who\s+(?:is|"
        r"are|was|were))\s+(?:\w+ly\s+)?$",
        before,
    ):
        return True
    if re.match(r"indication", cue) and re.search(
        r"\b(?:confirm|clarify|ask|asking|check|establish|document|verify|about|know|record)\s+(?:\w+\s+){0,3}$", before
    ):
        return True
    if re.match(r"recommend|suggest|advis", cue):
        # "NICE lists and recommends" is judged with the attribution; "findings suggest opioid toxicity" by what follows the mention.
        return (
            bool(p.ATTRIBUTED.search(form))
            and not re.match(r"recommended|advised|advice", cue)
            and not p.PATIENT_SPECIFIC.search(form)
            and not re.search(r"\b(?:start|giv|stop|add|switch)\w*", match.group())
        )
    if re.match(r"usually|normally|typically|standard|best", cue):
        if re.search(r"\b(?:put|placed|started|commenced)\b", match.group()):
            return False
        return bool(re.search(r"\b(?:takes?|uses?|on|is|has)\s*$", before)) or bool(
            re.search(r"\b(?:takes|uses|took|used|on)\b", match.group())
        )
    return False


def _find_licences(reading: Reading, header: bool) -> None:
    form = reading.skel.form
    clauses = _clauses(form)
    everything = list(reading.skel.mentions)
    if header or p.HEADER.search(form):
        reading.license(everything, "reporting")
    for name, group_of in (("reporting", p.REPORTING), ("harm", p.HARM), ("missing", p.MISSING)):
        for pattern in group_of:
            for match in _all(pattern, form):
                reading.license([_mention_of(match)[0]], name)
    for pattern, name in (
        (p.COMPOUND, "harm"),
        (p.USE_OF, "reporting"),
        (p.LEVEL, "level"),
        (p.DECISION_ABOUT, "decision"),
    ):
        for match in _all(pattern, form):
            if name != "decision" or p.DECIDER.search(form):
                reading.license([_mention_of(match)[0]], name)
    if p.ASKS.search(form):
        reading.license(everything, "question")
    for start, end in clauses:
        clause = form[start:end]
        inside = [int(m[1]) for m in _INDEX.finditer(clause) if int(m[1]) in reading.skel.mentions]
        if p.REFUSAL.search(clause):
            reading.license(inside, "refusal")
        if p.NO_CHANGE.search(clause):
            reading.license(inside, "refusal")
    _share(reading)


def _all(pattern: re.Pattern[str], form: str) -> Iterable[re.Match[str]]:
    """All matches, also those that begin inside an earlier one."""
    position = 0
    while position <= len(form) and (match := pattern.search(form, position)):
        yield match
        position = max(
            match.start() + 1, _mention_of(match)[1] + 1 if pattern.pattern.startswith("^") else match.start() + 1
        )


def _share(reading: Reading) -> None:
    """Coordinated medicines share a licence ("warfarin, aspirin and ibuprofen were recorded")."""
    links = []
    for match in p.LINKED.finditer(reading.skel.form):
        following = re.match(r"[NCAOG](\d++)", reading.skel.form[match.end() :])
        if following:
            links.append((_index(match[1] or match[2]), int(following[1])))
    for left, right in links:
        reading.licences.setdefault(right, set()).update(reading.licences.get(left, set()))
    for left, right in reversed(links):
        reading.licences.setdefault(left, set()).update(reading.licences.get(right, set()))


def _clauses(form: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for match in _CLAUSE.finditer(form):
        spans.append((start, match.start()))
        start = match.end()
    return [*spans, (start, len(form))]


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


def _judge_quantities(reading: Reading, record: RecordView) -> list[Fault]:
    skel = reading.skel
    doses = [i for i in skel.quantities if skel.quantities[i].kind in "QF"]
    timings = [i for i in skel.quantities if skel.quantities[i].kind in "KD" and _is_dosing(reading, i)]
    if not doses and not timings:
        return []
    owners = attached(skel)
    relevant = frozenset(fact for i in (*doses, *timings) for fact in skel.quantities[i].facts)
    first = (doses or timings)[0]
    rule, reason = (
        ("B1", "amount") if any(skel.quantities[i].kind == "Q" for i in doses) else ("B2", "count_or_frequency")
    )
    directed = bool(reading.directives) or bool(reading.loose) or _orders_amount(skel.form)
    reported = _reported(reading) and not directed
    same = True
    for owner, facts in owners.items():
        said = frozenset(f for f in facts if f in relevant or f.startswith("route:"))
        if said & relevant and not record.says(
            group(skel.mentions[owner].canonical) if owner is not None else None, said
        ):
            same = False
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
    match = p.AMOUNT_ORDER.search(form)
    verb = (
        re.search(
            r"(?:take|give|use|inject|apply|swallow|administer|repeat|inhale|drink|infuse|run|" r"bolus|load)\b",
            match.group(),
        )
        if match
        else None
    )
    return bool(match and verb and not p.REPORTED_INFINITIVE.search(form[: match.start() + verb.start()]))


_SAID_TO_TAKE = re.compile(
    rf"\b{p.TAKING}\b|\b{p.RECORDED}\b|^\W*(?:takes|took|taking|uses|used|had|has)\b|\b(?:takes|"
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
    drugs = [i for i in skel.mentions if skel.mentions[i].kind in "NCOG"]
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
        licences = reading.licences.get(index, set())
        fault = _judge_mention(reading, index, mention.kind, licences, audience)
        if fault is not None:
            faults.append(fault)
    return faults


def _judge_mention(reading: Reading, index: int, kind: str, licences: set[str], audience: Audience) -> Fault | None:
    form = reading.skel.form
    if "refusal" in licences:
        return None
    if index in reading.directives:
        if kind == "C" and _consideration(form, audience, reading):
            return None
        return Fault("B8" if kind == "C" and audience == "patient" else "B3", "directive", index)
    quoted = kind in "NC" and audience == "patient" and licences <= {"reporting"} and p.ATTRIBUTED.search(form)
    if kind in "AOG" or (licences and not quoted):
        return None
    if kind == "C":
        if _consideration(form, audience, reading) or (audience == "clinician" and p.ATTRIBUTED.search(form)):
            return None
        return Fault("B8", "class_without_decider", index)
    if p.ATTRIBUTED.search(form) and audience == "clinician" and not p.PATIENT_SPECIFIC.search(form):
        return None
    return Fault("B9" if p.ATTRIBUTED.search(form) else "B3", "named_medicine_without_licence", index)


_ORDERED = re.compile(
    r"(?:^\W*|[;:]\s*)(?:start|give|administer|stop|commence|initiate|add|prescribe|use|"
    r"take|begin|continue|hold|withhold|increase|reduce|switch)\b"
)


def _consideration(form: str, audience: Audience, reading: Reading) -> bool:
    """B8: a class as a consideration that names who decides; never with a named agent or an order."""
    if audience == "patient" or reading.skel.ids("NQF") or _ORDERED.search(form):
        return False
    return bool(p.DECIDER.search(form) and p.CONSIDERATION.search(form))


def _judge_presence(reading: Reading, record: RecordView) -> list[Fault]:
    """A restated medicine that the record does not know differs from it (B5); denials are no restatement."""
    if record.empty or p.ATTRIBUTED.search(reading.skel.form):
        return []
    negated = {_mention_of(m)[0] for m in _all(p.NEGATED, reading.skel.form)}
    for index, mention in reading.skel.mentions.items():
        if mention.kind != "N" or index in negated or reading.licences.get(index) != {"reporting"}:
            continue
        if index not in reading.directives and group(mention.canonical) not in record.names:
            return [Fault("B5", "not_in_record", index)]
    return []


def _self_adjusts(form: str) -> bool:
    if p.SELF_CARE.search(form) and not form.rstrip().endswith("?"):
        return True
    for pattern in p.SELF_ADJUST:
        match = pattern.search(form)
        if match and not p.NO_CHANGE.search(form) and not _reported_habit(form) and not p.REFUSAL.search(form):
            return True
    return False


def _reported_habit(form: str) -> bool:
    if re.search(r"\b(?:you|your)\b", form) and not form.rstrip().endswith("?"):
        return False
    return bool(p.REPORTED_SELF.search(form)) and not re.match(r"\W*(?:take|use|skip|double|halve|buy|try|get)\b", form)
