"""What the patterns find in one unit: which medicines are licensed, and which a directive points at."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from apps.safety.rules.guard import directives, licences, patterns
from apps.safety.rules.guard.abstract import Skeleton
from apps.safety.rules.guard.orders import loose_order
from apps.safety.rules.guard.reports import reported_spans

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


def _index(token: str) -> int:
    return int(re.sub(r"\D", "", token))


def mention_of(match: re.Match[str]) -> tuple[int, int]:
    """(item index, position in the skeleton) of the mention that a pattern caught."""
    for name in ("med", "med2", "med3"):
        if match.re.groupindex.get(name) and match[name]:
            return _index(match[name]), match.start(name)
    raise ValueError("the pattern names no mention")


def find_directives(reading: Reading) -> None:
    if reading.skel.mentions:
        _point(reading)
    reading.loose = _order_without_name(reading)


def _point(reading: Reading) -> None:
    """Which medicines a directive points at."""
    form = reading.skel.form
    for pattern in (
        directives.IMPERATIVE,
        directives.GERUND,
        directives.MODAL,
        directives.PASSIVE,
        directives.ENSURED,
        directives.EVALUATED,
        directives.SUGGESTED,
        directives.HELPS,
        directives.PERSIST,
        directives.PURPOSE,
        directives.ARROW,
        directives.SUITED,
        directives.DEONTIC,
        directives.VACCINE,
        directives.REASON,
        directives.ACTIVE,
        directives.VERBLESS,
    ):
        position = 0
        while match := pattern.search(form, position):
            index, at = mention_of(match)
            position = max(match.start() + 1, min(at, match.end() - 1))
            if not _harmless_directive(reading, pattern, match, index):
                reading.directives.setdefault(index, "directive")
    if (soon := directives.FUTURE.search(form)) and not _TELL_SOON.search(form[: soon.start()]):
        for index, mention in reading.skel.mentions.items():
            if mention.kind in "NC" and not re.search(r"\b(?:was|were|had|took|taken|last|since)\b", form):
                reading.directives.setdefault(index, "future")
    _spread(reading)


def _order_without_name(reading: Reading) -> str:
    form = reading.skel.form
    if (referent := directives.REFERENT.search(form)) and not directives.REPORTED_INFINITIVE.search(
        form[: _verb_start(referent)]
    ):
        return "referent"
    if loose := loose_order(form, reading.skel.text):
        return loose
    if (verb := directives.MEDICATE.search(form)) and not directives.REPORTED_INFINITIVE.search(
        form[: _last_word(verb)]
    ):
        return "medicate"
    return ""


def _verb_start(match: re.Match[str]) -> int:
    word = re.search(
        r"[a-z-]+\s+(?:it|them|this|that|these|one|two|both|the\s+(?:same|other|lot)|another|" r"[KFDQ#]\d++)",
        match.group(),
    )
    return match.start() + (word.start() if word else 0)


def _last_word(match: re.Match[str]) -> int:
    return match.start() + match.group().rfind(" ") + 1


_TELL_SOON = re.compile(r"\b(?:tell|call|contact|seek|report|ring|phone|see|speak\s+to|get\s+help)\b[^.;]{0,40}$")


def _spread(reading: Reading) -> None:
    """A directive on one of several coordinated medicines is one on all that follow it."""
    for match in patterns.LINKED.finditer(reading.skel.form):
        left = _index(match[1] or match[2])
        following = re.match(r"[NCAOGU](\d++)", reading.skel.form[match.end() :])
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
        r"abuse|adverse|interaction|monitoring|effects?\b|\w*(?:opath|toxic))",
        tail,
    ):
        return True
    if pattern is directives.IMPERATIVE:
        return _harmless_imperative(reading, match, mention.kind)
    if pattern is directives.GERUND:
        return bool(directives.HARMLESS_GERUND.search(form[: match.start()]) or _TOOK_PLACE.search(form[match.end() :]))
    if pattern is directives.PASSIVE:
        return _harmless_passive(form, match)
    if pattern is directives.SUGGESTED:
        return _harmless_suggestion(form, match)
    if pattern is directives.MODAL:
        checked = (
            r"\b(?:repeated|reviewed|checked|measured|corrected|monitored)$"
            if mention.kind == "A"
            else r"\b(?:reviewed|prescribed|recorded|checked|dispensed)$"
        )
        return mention.kind in "AG" and bool(re.search(checked, match.group()))
    if pattern is directives.DEONTIC:
        subject = form[match.start() : match.start("duty")]
        return bool(_OTHER_SUBJECT.search(subject)) or (
            mention.kind in "AG" and not _PUT.match(form, match.end("duty"))
        )
    if pattern is directives.HELPS and re.search(r"\bhow\s+(?:[\w'-]+\s+){0,3}$", form[: match.start()]):
        return True
    if pattern is directives.EVALUATED and _HAPPENED.search(match.group()):
        return True
    if pattern in {directives.EVALUATED, directives.SUGGESTED, directives.HELPS} and _described(form):
        return True
    named_or_not = {directives.ARROW, directives.PERSIST, directives.PURPOSE, directives.VACCINE, directives.VERBLESS}
    return mention.kind in "AG" and pattern not in named_or_not


# What took place is told and not asked for: "was given with good effect", "switching ... took place in 2018".
_HAPPENED = re.compile(rf"\b(?:was|were|(?:has|have|had)\s+been)\s+(?:\w+ly\s+|first\s+|also\s+)?{patterns.PAST}\b")
_TOOK_PLACE = re.compile(r"^[^.;:]{0,40}\b(?:took\s+place|(?:was|were)\s+done|happened|occurred|had\s+been)\b")
# "Warfarin is recorded and the scan should be repeated": the scan is what should be.
_OTHER_SUBJECT = re.compile(
    r"(?<!is )(?<!are )(?<!was )\b(?:the|a|an|his|her|their|this|that|your|any)\s+[\w-]+(?:\s+[\w-]+){0,3}\s*$"
    r"|\b(?:he|she|you|they|we|who|patients?|people|anyone)\s*$"
)
_PUT = re.compile(
    r"\s+(?:be\s+)?(?:dropped|go\b|cut|taken|given|started|stopped|continued|binned|removed|increased|reduced|doubled|halved)"
)
_TOLD_TO = re.compile(
    r"\b(?:should|must|start|starting|give|giving|stop|stopping|add|adding|switch|switching|offer|offered|initiat\w+|need|needs|immediately|now)\b|[QFKD]\d"
)


def _described(form: str) -> bool:
    """A source that describes what a medicine is for orders nothing (B9)."""
    return (
        licences.attributed(form)
        and bool(licences.DESCRIBES.search(form))
        and not licences.PATIENT_SPECIFIC.search(form)
        and not _TOLD_TO.search(form)
    )


def _harmless_imperative(reading: Reading, match: re.Match[str], kind: str) -> bool:
    form, verb = reading.skel.form, match["verb"]
    before = form[: match.start("verb")]
    if directives.REPORTED_INFINITIVE.search(before) or re.search(
        r"\b(?:did|does|do|had|has|was|were|could)(?:\s+\w+)?\s*(?:n't|not)\s+$|\b(?:does|"
        r"did)\s+(?:the\s+patient|she|he|they)\s+(?:\w+ly\s+)?$",
        before,
    ):
        return not re.search(r"\b(?:please\s+do|you\s+do|^\W*do)\s+not\s+$", before)
    if verb in {"consider", "recommend", "suggest"}:
        return False
    if kind == "A" and verb == "draw" and match["object"].startswith("up "):
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
        if verb == "discharge" and not re.search(r"\b(?:on|with)\b", match["object"]):
            return True
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
    return bool(to_be and directives.REPORTED_INFINITIVE.search(form[: match.start()]))


_COURSE_OVER = re.compile(
    r"\b(?:had|received|took|taken|complet\w+|finish\w+|follow(?:s|ed|ing)|after|since|during|recent|previous|last)\s+"
    r"(?:an?\s+|the\s+|his\s+|her\s+)?(?:\w+\s+){0,2}$"
)


def _harmless_suggestion(form: str, match: re.Match[str]) -> bool:
    before = form[: match.start()]
    cue = match["cue"]
    if cue.startswith("course") and _COURSE_OVER.search(before):
        return True
    if cue.startswith("indication") and re.search(r"\b(?:what|which)\s+(?:was|were|is)\s+(?:the\s+)?$", before):
        return True
    if re.search(r"\b(?:was|were|been|previously|being)\s+(?:\w+ly\s+)?$", before) and re.match(
        r"treat|manag|prefer|propos|plan", cue
    ):
        return True
    if re.search(r"\b(?:recorded|documented|listed|charted|noted)\b", match.group()):
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
            licences.attributed(form)
            and not re.match(r"recommended|advised|advice", cue)
            and not licences.PATIENT_SPECIFIC.search(form)
            and not re.search(r"\b(?:start|giv|stop|add|switch)\w*", match.group())
        )
    if re.match(r"usually|normally|typically|standard|best", cue):
        if re.search(r"\b(?:put|placed|started|commenced)\b", match.group()):
            return False
        return bool(re.search(r"\b(?:takes?|uses?|on|is|has)\s*$", before)) or bool(
            re.search(r"\b(?:takes|uses|took|used|on)\b", match.group())
        )
    return False


def find_licences(reading: Reading, header: bool) -> None:
    form = reading.skel.form
    everything = list(reading.skel.mentions)
    if not everything:
        return
    if header or licences.HEADER.search(form):
        reading.license(everything, "reporting")
    for start, end in reported_spans(form):
        reading.license(_inside(reading, start, end), "reporting")
    for name, group_of in (("reporting", licences.REPORTING), ("harm", licences.HARM), ("missing", licences.MISSING)):
        for pattern in group_of:
            for match in all_matches(pattern, form):
                reading.license([mention_of(match)[0]], name)
    _license_effects(reading)
    _license_phrases(reading)
    if _WARNED.search(form):
        reading.license(everything, "harm")
    if licences.ASKS.search(form):
        reading.license(everything, "question")
    for start, end in _clauses(form):
        clause = form[start:end]
        if licences.REFUSAL.search(clause) or licences.NO_CHANGE.search(clause):
            reading.license(_inside(reading, start, end), "refusal")
    _share(reading)


def _license_phrases(reading: Reading) -> None:
    """Licences of set phrases: "opioid toxicity", "warfarin use", "serum lithium", "a decision about heparin"."""
    form = reading.skel.form
    decided = bool(licences.DECIDER.search(form))
    for pattern, name in (
        (licences.COMPOUND, "harm"),
        (licences.USE_OF, "reporting"),
        (licences.LEVEL, "level"),
        (licences.MEASURED, "measured"),
        (licences.DECISION_ABOUT, "decision"),
        (licences.PLAN_OF, "decision"),
    ):
        if name == "decision" and not decided:
            continue
        for match in all_matches(pattern, form):
            if name != "level" or _is_level(reading, match):
                reading.license([mention_of(match)[0]], name)


def _license_effects(reading: Reading) -> None:
    """What a medicine does, with the other medicines that it does it to."""
    form = reading.skel.form
    acted = [mention_of(match) for pattern in licences.EFFECTS for match in all_matches(pattern, form)]
    reading.license([index for index, _ in acted], "harm")
    places = [reading.skel.place(index) for index, granted in reading.licences.items() if "harm" in granted]
    if not places:
        return
    first = min(places)
    for match in all_matches(licences.ACTED_ON, form):
        index, at = mention_of(match)
        if at > first and not re.search(r"[.;:]", form[first:at]):
            reading.license([index], "harm")


def _is_level(reading: Reading, match: re.Match[str]) -> bool:
    """A length or a weight beside a medicine is no level of it."""
    value = int(match.group().rsplit("V", 1)[1])
    fact = next(iter(reading.skel.quantities[value].facts), "")
    return reading.skel.mentions[mention_of(match)[0]].kind == "A" or fact.startswith(("level:", "percent:", "bp:"))


# A3 for a patient: something may happen, and the clinician is to be told.
_WARNED = re.compile(
    r"\b(?:can|may|might|could|sometimes|often|some|rarely|many)\b[^.!?]*[.;,]?[^.!?]*\b(?:tell|let|mention\s+(?:it|this)\s+to|ask|inform)\s+(?:your|the|a)\s+(?:\w+\s+)?"
    r"(?:clinician|doctor|nurse|team|midwife|pharmacist|gp|clinic)\b"
)


def _inside(reading: Reading, start: int, end: int) -> list[int]:
    found = [int(m[1]) for m in _INDEX.finditer(reading.skel.form, start, end)]
    return [index for index in found if index in reading.skel.mentions]


def all_matches(pattern: re.Pattern[str], form: str) -> Iterable[re.Match[str]]:
    """All matches, also those that begin inside an earlier one."""
    position = 0
    while position <= len(form) and (match := pattern.search(form, position)):
        yield match
        position = max(
            match.start() + 1, mention_of(match)[1] + 1 if pattern.pattern.startswith("^") else match.start() + 1
        )


def _share(reading: Reading) -> None:
    """Coordinated medicines share a licence ("warfarin, aspirin and ibuprofen were recorded")."""
    links = []
    for match in patterns.LINKED.finditer(reading.skel.form):
        following = re.match(r"[NCAOGU](\d++)", reading.skel.form[match.end() :])
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
