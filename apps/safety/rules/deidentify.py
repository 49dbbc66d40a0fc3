"""Takes direct identifiers out of a case before a model sees it, with placeholders that can be undone.

The same person gets the same placeholder throughout, so that a text stays readable ("[NAME-1]'s
daughter [NAME-2]"). Ages, measurements, medicines and eponyms stay: they carry the case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.guard.lexicon import lexicon
from apps.safety.rules.words import words
from apps.safety.schemas import Deidentified
from medassist.clinical.case import CaseInput

_DATA = Path(__file__).resolve().parent / "data" / "given_names.txt"
_FREE_TEXT = ("presenting_complaint", "history", "examination", "social_history", "question", "own_impression")
_LISTS = ("medications", "allergies", "past_history", "family_history")

_EPONYMS = frozenset(
    words(
        """
        parkinson crohn wells glasgow alzheimer hodgkin graves addison cushing down turner marfan kawasaki raynaud
        sjogren sjögren bell murphy mcburney babinski romberg kernig brudzinski hartmann ringer foley doppler holter
        apgar barrett behcet bowen brugada burkitt charcot child-pugh chvostek trousseau colles dupuytren epstein barr
        ewing fallot fournier gilbert goodpasture guillain barre barré henoch schonlein hirschsprung horner huntington
        kaposi korsakoff wernicke kussmaul lambert eaton lewy lyme mallory weiss marie meniere ménière osgood
        schlatter paget peyronie pott prader willi reiter reye rinne weber rovsing stevens johnson takayasu tourette
        virchow waldenstrom whipple wilms wilson wolff zollinger ellison ehlers danlos hashimoto quervain tay sachs
        bartholin baker becker duchenne gram coombs schilling well rorschach homan homans cullen grey turner levine
        beck kehr perthes legg calvé still felty caplan sheehan conn gleason breslow clark dukes ann arbor canadian
        york heart fontaine rutherford ranson bishop manchester edinburgh norton waterlow braden barthel rankin
        mallampati cormack centor blatchford rockall child pugh san francisco ottawa canadian-c boston kings king
        thomas ct mri mount sinai hampton hill light kerley osler janeway roth heberden bouchard adams stokes cheyne
        biot austin flint graham steell corrigan quincke duroziez argyll robertson adie
        """
    )
)
_NEVER = frozenset(
    words(
        """
        the a an he she they his her their this that no not and or but with without on in at for from to of by is was
        has had have pain fever cough chest abdominal patient history review plan examination exam past medical social
        family drug allergies medications medication current presenting complaint impression assessment diagnosis
        blood pressure heart rate respiratory temperature oxygen saturation today yesterday monday tuesday wednesday
        thursday friday saturday sunday january february march april may june july august september october november
        december unit ward hospital clinic emergency department accident intensive care disease syndrome sign score
        scale test criteria lymphoma palsy fracture rule coma type stage grade class hepatitis covid influenza english
        spanish french british american european asian african caucasian indian chinese caribbean muslim christian
        jewish reports reported denies presents presented states says lives works who which there since after before
        when while gp nhs icu consultant registrar nurse doctor surgeon physician team mother father son daughter wife
        husband brother sister aunt uncle partner carer
        """
    )
)
_MONTHS = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
_DATE = (
    rf"(?:\d{{1,2}}[/.\-]\d{{1,2}}[/.\-](?:19|20)?\d{{2}}|(?:19|20)\d{{2}}-\d{{2}}-\d{{2}}|"
    rf"\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTHS},?\s+(?:19|20)\d{{2}}|{_MONTHS}\s+\d{{1,2}}(?:st|"
    rf"nd|rd|th)?,?\s+(?:19|20)\d{{2}})"
)
_UP, _LOW = (
    "A-ZÀ-ÖØ-ÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮİĴĶĹĻĽĿŁŃŅŇŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽ",
    "a-zß-öø-ÿāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįıĵķĺļľŀłńņňōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷźżž",
)
_WORD = rf"Mc[A-Z][a-z]+|Mac[A-Z][a-z]+|[{_UP}]['’][{_UP}][{_LOW}]+|[{_UP}][{_LOW}]+(?:['’\-][{_UP}{_LOW}]+)*"
_NAME = (
    rf"(?:{_WORD}|[A-Z]\.)(?:[ \t]+(?:{_WORD}|[A-Z]\.?(?=\s+[A-Z])|(?:van|von|de|der|den|"
    rf"del|da|di|bin|al|el|la|le|ter|dos)(?=\s+[A-Z]))){{0,3}}"
)

_STRUCTURED: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("EMAIL", re.compile(r"\b[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}\b")),
    ("URL", re.compile(r"\b(?:https?://|www\.)[^\s<>\"')]+", re.IGNORECASE)),
    (
        "ID",
        re.compile(
            r"(?i:\b(?:nhs|mrn|hospital|patient|unit|record|chart|hosp|medical\s+record|case|"
            r"ssn|social\s+security|passport|licen[cs]e|insurance|policy|member|account|chi|h&c|"
            r"medicare|medicaid|curp|cnic|aadhaar|national|id)\b[\s.]*(?:number|no\.?|num|id|"
            r"#|nr)?\s*(?:is\s+)?[:#=]?\s*)(?P<id>(?=[A-Z0-9\-/ ]*\d[A-Z0-9\-/ ]*\d)[A-Z]{0,4}[-/]?\d[\dA-Z\-/]{3,18}("
            r"?:[ -]\d{3,4}){0,3})"
        ),
    ),
    ("ID", re.compile(r"\b\d{3}-\d{2}-\d{4}\b")),
    ("ID", re.compile(r"\b\d{3}[ -]\d{3}[ -]\d{4}\b(?=[^\d]|$)")),
    (
        "ID",
        re.compile(
            r"\b(?:[A-Z]{2}\d{2}[ ]?(?:[A-Z0-9]{4}[ ]?){2,7}[A-Z0-9]{1,4}|(?:\d{4}[ -]?){3}\d{3,4}|"
            r"\d{10,19}|[A-Z]{2}\s?\d{2}\s?\d{2}\s?\d{2}\s?[A-D])\b"
        ),
    ),
    ("ID", re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b")),
    (
        "PHONE",
        re.compile(
            r"(?i:\b(?:tel|telephone|phone|mobile|mob|cell|fax|call(?:ed)?(?:\s+on)?|contact|"
            r"ring|number|bleep|pager|ext)\b\.?\s*(?:number|no\.?|is)?\s*(?:on|at)?\s*[:#]?\s*)(?P<id>\+?\(?\d[\d\s()."
            r"\-]{4,18}\d)"
        ),
    ),
    (
        "PHONE",
        re.compile(
            r"(?<![\w.])(?:\+\d{1,3}[\s.\-]?(?:\(0\))?[\s.\-]?\(?\d{1,5}\)?(?:[\s.\-]?\d{2,5}){2,4}|"
            r"\(\d{2,5}\)\s?\d{3,4}[\s.\-]?\d{3,4}|0\d{2,4}[\s.\-]\d{3,4}[\s.\-]?\d{3,4}|0\d{9,10}|"
            r"\d{3}[.\-]\d{3}[.\-]\d{4})(?![\w])"
        ),
    ),
    (
        "DOB",
        re.compile(
            rf"(?i:\b(?:d\.?o\.?b\.?|date\s+of\s+birth|born(?:\s+on)?|birth\s?date|birthday)\b\s*[:=-]?\s*(?:is\s+)?)(?"
            rf"P<id>(?i:{_DATE}))"
        ),
    ),
    ("ADDRESS", re.compile(r"\b(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})\b")),
    (
        "ADDRESS",
        re.compile(
            rf"\b(?:[Ff]lat|[Aa]pt\.?|[Aa]partment|[Uu]nit|[Ss]uite)?\s*(?:\d{{1,5}}[a-zA-Z]?,?\s+)(?:(?:{_WORD}|"
            rf"\d{{1,4}}(?:st|nd|rd|th)?|St\.?|[NSEW]\.?)\s+){{1,4}}(?:Street|St|Road|Rd|Avenue|"
            rf"Ave|Lane|Ln|Drive|Dr|Close|Court|Ct|Crescent|Way|Place|Pl|Gardens|Terrace|Boulevard|"
            rf"Blvd|Square|Grove|Mews|Hill|Park|Row|Parade|Highway)\b\.?(?:,?\s*(?:Apt\.?|Suite|"
            rf"Flat|Unit|Floor)\s*\w+)?(?:,\s*{_WORD}(?:\s+{_WORD})?)?(?:,?\s*[A-Z]{{2}}\s+\d{{5}}(?:-\d{{4}})?)?"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"(?i:\b(?:address|lives\s+at|resid(?:es|ing)\s+at|located\s+at|home\s+address|addr)\b\s*(?:is|"
            r":)?\s*)(?P<id>(?:\d|[A-Z])[^\n.;]{5,80})"
        ),
    ),
    (
        "ADDRESS",
        re.compile(
            r"\bP\.?O\.?\s?Box\s+\d+\b|\b[A-Z]{2}\s+\d{5}(?:-\d{4})\b|(?i:\bzip(?:\s*code)?\s*[:#]?\s*)(?P<id>\d{5}(?:"
            r"-\d{4})?)\b"
        ),
    ),
)
_TITLE = (
    r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Sir|Dame|Rev|Sister|Nurse|Doctor|Master|"
    r"Sr|Sra|Señor|Señora|Herr|Frau|Mme|Madame|Monsieur)\.?"
)
_NAME_CUES: tuple[re.Pattern[str], ...] = (
    re.compile(rf"\b(?P<cue>{_TITLE})[ \t]+(?P<id>{_NAME})"),
    re.compile(
        rf"(?P<cue>(?i:\b(?:name|surname|forename|patient\s+name|pt\s+name|full\s+name|next\s+of\s+kin|"
        rf"nok|named|called|known\s+as|signed|seen\s+by|reviewed\s+by|referred\s+by|discussed\s+with|"
        rf"d/w|my\s+name\s+is|i\s+am|i'm|this\s+is|from|dear|regards|sincerely|cc|author|contact|"
        rf"under|spoke\s+(?:to|with)|consultant|registrar|gp|carer|witness(?:ed\s+by)?|accompanied\s+by)\b)\s*(?:is"
        rf"|:|=|,|-)?\s*(?:(?:his|her|the|their|consultant|{_TITLE})\s+){{0,2}})(?P<id>{_NAME})"
    ),
    re.compile(
        rf"(?P<cue>(?i:\b(?:pt|patient|client|resident|baby|infant|child|mother|father|mum|"
        rf"mom|dad|son|daughter|wife|husband|partner|brother|sister|aunt|uncle|niece|nephew|"
        rf"cousin|grandson|granddaughter|grandmother|grandfather|friend|neighbou?r|carer|fianc[ée]e?|"
        rf"spouse|girlfriend|boyfriend|guardian|dr|nurse)\b)(?:\s*\(|,?\s+(?:is\s+|named\s+|"
        rf"called\s+)?))(?P<id>{_NAME})"
    ),
)


@lru_cache(maxsize=1)
def _given_names() -> frozenset[str]:
    lines = _DATA.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


class _Vault:
    """Hands out placeholders: one per distinct form, so that restoring is exact.

    Forms of one person share the number: "John Smith" is [NAME-1], "Smith" alone [NAME-1B].
    """

    def __init__(self, taken: str) -> None:
        self._taken = taken
        """All the text: what already looks like a placeholder in it is never handed out again."""
        self.tokens: dict[str, str] = {}
        self._given: dict[tuple[str, str], str] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._last: dict[str, int] = {}
        self._forms: dict[tuple[str, str], int] = {}
        self.names: dict[str, str] = {}
        """Form of a name -> the person (the fullest form that was seen first)."""
        self.count = 0

    def token(self, kind: str, original: str, person: str | None = None) -> str:
        self.count += 1
        key = (kind, original)
        if key not in self._given:
            owner = (kind, person or original)
            if owner not in self._numbers:
                number = self._last.get(kind, 0) + 1
                while f"[{kind}-{number}" in self._taken:
                    number += 1
                self._last[kind] = self._numbers[owner] = number
            forms = self._forms[owner] = self._forms.get(owner, 0) + 1
            letter = "" if forms == 1 else chr(ord("A") + forms - 1) if forms <= 26 else f"Z{forms}"
            self._given[key] = f"[{kind}-{self._numbers[owner]}{letter}]"
            self.tokens[self._given[key]] = original
        return self._given[key]


@fails_closed("removal of identifiers")
def deidentify(case: CaseInput) -> Deidentified:
    """The case without names, numbers, addresses and birth dates of people; `patient.reference` is dropped.

    Ages stay as they are, also above 89: triage rests on them.
    """
    texts = _texts(case)
    vault = _Vault("\n".join(texts))
    for text in texts:
        _collect_names(text, vault)

    def scrub(text: str) -> str:
        return _scrub(text, vault)

    patient = case.patient.model_copy(update={"reference": None})
    if case.patient.reference:
        vault.count += 1
    update: dict[str, Any] = {"patient": patient}
    for field in _FREE_TEXT:
        update[field] = scrub(getattr(case, field))
    for field in _LISTS:
        update[field] = tuple(scrub(item) for item in getattr(case, field))
    update["symptoms"] = tuple(
        s.model_copy(update={key: scrub(getattr(s, key)) for key in ("name", "onset", "duration", "severity")})
        for s in case.symptoms
    )
    update["labs"] = tuple(
        lab.model_copy(update={"value": scrub(lab.value)} if isinstance(lab.value, str) else {}) for lab in case.labs
    )
    return Deidentified(case=case.model_copy(update=update), count=vault.count, tokens=vault.tokens)


def deidentify_text(text: str) -> tuple[str, dict[str, str]]:
    """One text without identifiers, and what each placeholder stands for."""
    vault = _Vault(text)
    _collect_names(text, vault)
    return _scrub(text, vault), vault.tokens


def _texts(case: CaseInput) -> list[str]:
    texts = [getattr(case, field) for field in _FREE_TEXT]
    return texts + [item for field in _LISTS for item in getattr(case, field)] + [s.name for s in case.symptoms]


def _collect_names(text: str, vault: _Vault) -> None:
    """Learns the names in a text, so that a surname seen once with its title is replaced everywhere."""
    for index, pattern in enumerate(_NAME_CUES):
        for match in pattern.finditer(text):
            parts = _name_parts(match["id"], titled=index == 0, cue=match["cue"].strip().lower())
            if parts:
                _remember(parts, vault)
    _collect_pairs(text, vault)
    words = list(re.finditer(rf"{_WORD}", text))
    for at, word in enumerate(words):
        if word.group().lower() in _given_names() and not _medical_after(text, word.end()):
            parts = [word.group()]
            for follower in words[at + 1 : at + 3]:
                if not re.fullmatch(
                    r"[ \t]+(?:[A-Z]\.?[ \t]+)?", text[words[at + len(parts) - 1].end() : follower.start()]
                ) or not _surname(follower.group()):
                    break
                parts.append(follower.group())
            if len(parts) > 1 or _alone(text, word, parts[0]):
                _remember(parts, vault)


_PAIR = re.compile(
    rf"(?<![\w\[-])(?:{_WORD})(?:[ \t]+[{_UP}]\.?)?(?:[ \t]+(?:van|von|de|der|den|del|"
    rf"da|di|bin|al|el|la|le|ter))?(?:[ \t]+(?:{_WORD})){{1,2}}(?![\w-])"
)
_SPEAKER = re.compile(
    rf"(?<![\w\[-])(?P<id>{_WORD})(?=\s+(?:says|said|reports|reported|denies|denied|feels|"
    rf"felt|complains|complained|lives|works|attended|presented|presents|tells|told|thinks|"
    rf"remembers)\b|,\s+(?:aged\s+)?\d{{1,3}}\b)"
)


def _collect_pairs(text: str, vault: _Vault) -> None:
    """Two or three capitalised words of which one is no word of any list: most likely a name."""
    for match in _PAIR.finditer(text):
        parts = re.findall(rf"{_WORD}", match.group())
        rare = [w for w in parts if not lexicon().known_word(w.lower()) and not lexicon().phrases.get(w.lower())]
        if rare and all(_surname(w) for w in parts) and not _medical_after(text, match.end()):
            _remember(parts if len(re.findall(r"\b[A-Z]\b", match.group())) == 0 else match.group().split(), vault)
    for match in _SPEAKER.finditer(text):
        low = match["id"].lower()
        if not lexicon().known_word(low) and not lexicon().phrases.get(low) and _surname(match["id"]):
            _remember([match["id"]], vault)


def _alone(text: str, word: re.Match[str], name: str) -> bool:
    if name.lower() in _EPONYMS or name.lower() in _NEVER or lexicon().named(name.lower()):
        return False
    after = text[word.end() : word.end() + 20]
    return bool(
        re.match(
            r"(?:\s+(?:is|was|has|had|says|said|reports|reported|denies|felt|feels|complains|"
            r"presented|presents|lives|works|aged|who)\b|['’]s\b|,|\.|\s*\(|\s*$|\s+\()",
            after,
        )
    ) and name.lower() not in {
        "mark",
        "june",
        "may",
        "grace",
        "rose",
        "will",
        "iris",
        "ivy",
        "dean",
        "ray",
        "frank",
        "miles",
        "jean",
        "dawn",
        "bill",
        "pat",
        "sally",
        "gene",
        "art",
        "rob",
        "tim",
        "jack",
        "heather",
        "hazel",
        "violet",
        "ruby",
        "robin",
        "olive",
        "amber",
        "glen",
        "lee",
        "max",
        "ali",
    }


def _medical_after(text: str, end: int) -> bool:
    return bool(
        re.match(
            r"(?:['’]s)?[\s-]+(?:disease|syndrome|sign|palsy|lymphoma|score|scale|criteria|test|"
            r"tumou?r|fracture|thyroiditis|coma|encephalopathy|sarcoma|chorea|triad|duct|cyst|"
            r"oesophagus|esophagus|phenomenon|reflex|stage|classification|catheter|solution|rule|"
            r"bodies|body|contracture|tetralogy|disease|law|point|node|nodes|spots|line)\b",
            text[end : end + 30],
            re.IGNORECASE,
        )
    )


def _surname(word: str) -> bool:
    low = word.lower()
    return low not in _NEVER and low not in _EPONYMS and not lexicon().named(low)


def _name_parts(raw: str, *, titled: bool, cue: str) -> list[str]:
    """The words of a candidate that are a name; empty when it is none."""
    parts: list[str] = []
    for word in re.findall(rf"{_WORD}|[A-Z]\.?|\b(?:van|von|de|der|den|del|da|di|bin|al|el|la|le|ter|dos)\b", raw):
        low = word.lower().rstrip(".")
        if (
            low in _NEVER
            or lexicon().named(low)
            or lexicon().phrases.get(low)
            or re.fullmatch(r"[A-Z]{2,}", word)
            or re.fullmatch(_TITLE, word)
        ):
            break
        if low in _EPONYMS and not titled and low not in _given_names() and not parts:
            break
        parts.append(word)
    if not parts or len("".join(parts).replace(".", "")) < 2:
        return []
    return parts if titled or _believable(parts, cue) else []


def _believable(parts: list[str], cue: str) -> bool:
    first = parts[0].lower()
    if first in _given_names():
        return True
    ordinary = lexicon().english
    rare = [w for w in parts if len(w) > 2 and w.lower() not in ordinary and w.lower() not in lexicon().ordinary]
    strong = re.search(r"name|called|named|dear|regards|sincerely|signed|next of kin|nok|dr|i'm|i am", cue) is not None
    return (
        bool(rare)
        and (
            len(parts) > 1
            or strong
            or re.fullmatch(
                r"pt|patient|mother|father|son|daughter|wife|husband|partner|brother|sister|friend|"
                r"carer|baby|mum|mom|dad|spouse",
                cue.strip(" (,"),
            )
            is not None
        )
    ) or (strong and len(parts) > 1)


def _remember(parts: list[str], vault: _Vault) -> None:
    full = " ".join(parts)
    known = next((vault.names[p] for p in parts if len(p) > 2 and p in vault.names), full)
    vault.names.setdefault(full, known)
    for part in parts:
        if (
            len(part.rstrip(".")) > 2
            and part.lower() not in _EPONYMS
            and part.lower() not in _NEVER
            and part[0].isupper()
        ):
            vault.names.setdefault(part, known)


def _scrub(text: str, vault: _Vault) -> str:
    if not text:
        return text
    for kind, pattern in _STRUCTURED:
        text = pattern.sub(lambda m, kind=kind: _replaced(m, kind, vault), text)  # type: ignore[misc]
    for name in sorted(vault.names, key=len, reverse=True):
        pattern = re.compile(rf"(?<![\w\[-]){re.escape(name).replace(chr(92) + ' ', r'[ ]+')}(?![\w-])")
        text = pattern.sub(lambda m, name=name: _named(m, name, vault), text)  # type: ignore[misc]
    return text


def _named(match: re.Match[str], name: str, vault: _Vault) -> str:
    if _medical_after(match.string, match.end()):
        return match.group()
    return vault.token("NAME", match.group(), vault.names[name])


def _replaced(match: re.Match[str], kind: str, vault: _Vault) -> str:
    if "id" in match.re.groupindex and match["id"] is not None:
        start, end = match.span("id")
        original = match["id"].rstrip()
        tail = match["id"][len(original) :]
        return (
            match.string[match.start() : start] + vault.token(kind, original) + tail + match.string[end : match.end()]
        )
    lead = len(match.group()) - len(match.group().lstrip())
    return match.group()[:lead] + vault.token(kind, match.group()[lead:])
