"""Takes direct identifiers out of a case before a model sees it, with placeholders that can be undone.

The same person gets the same placeholder throughout, so that a text stays readable ("[NAME-1]'s
daughter [NAME-2]"). Ages, measurements, medicines and eponyms stay: they carry the case.
"""

from __future__ import annotations

import importlib.resources
import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import symspellpy

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.guard.lexicon import lexicon
from apps.safety.rules.identifiers import EPONYMS, NAME_CUES, NEVER, STRUCTURED, TITLE, UP, WORD
from apps.safety.schemas import Deidentified
from medassist.clinical.case import CaseInput

_KIN = (
    r"mother|father|mum|mom|dad|son|daughter|wife|husband|partner|brother|sister|aunt|uncle|niece|nephew|cousin|grandson|"
    r"granddaughter|grandmother|grandfather|friend|neighbou?r|carer|fianc[ée]e?|spouse|girlfriend|boyfriend|guardian|parents?|family"
)
_DATA = Path(__file__).resolve().parent / "data" / "given_names.txt"
_FREE_TEXT = ("presenting_complaint", "history", "examination", "social_history", "question", "own_impression")
_LISTS = ("medications", "allergies", "past_history", "family_history")


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
def deidentify(case: CaseInput, also: Sequence[str] = ()) -> Deidentified:
    """The case without names, numbers, addresses and birth dates of people; `patient.reference` is dropped.

    `also` are texts that belong to the case (passages of its documents): one person is one placeholder in all of them.
    Ages stay as they are, also above 89: triage rests on them.
    """
    texts = [*_texts(case), *also]
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
    hidden = tuple(scrub(text) for text in also)
    return Deidentified(case=case.model_copy(update=update), count=vault.count, tokens=vault.tokens, also=hidden)


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
    for index, pattern in enumerate(NAME_CUES):
        for match in pattern.finditer(text):
            parts = _name_parts(match["id"], titled=index == 0, cue=match["cue"].strip().lower())
            if index == 0 and len(parts) == 1 and _is_word_too(parts[0]):
                # "Mr May", "Dr Payne", "Mr Graves": the name goes with its title only.
                whole = text[match.start() : match.start("id") + len(parts[0])]
                vault.names.setdefault(whole, whole)
            elif parts:
                _remember(parts, vault)
    _collect_pairs(text, vault)
    _collect_unknown(text, vault)
    words = list(re.finditer(rf"{WORD}", text))
    for at, word in enumerate(words):
        if word.group().lower() in _given_names() and not _medical_after(text, word.end()):
            parts = [word.group()]
            for follower in words[at + 1 : at + 3]:
                if not re.fullmatch(
                    r"[ \t]+(?:[A-Z]\.?[ \t]+|(?:(?:van|von|de|der|den|del|da|di|bin|al|el|la|le|ter|dos)[ \t]+){1,3})?",
                    text[words[at + len(parts) - 1].end() : follower.start()],
                ) or not (_surname(follower.group()) or _eponym_of_a_person(text, follower)):
                    break
                parts.append(follower.group())
                if follower.group().lower() in EPONYMS:
                    whole = text[word.start() : follower.end()]
                    vault.names.setdefault(whole, whole)
            if len(parts) > 1:
                whole = text[word.start() : words[at + len(parts) - 1].end()]
                vault.names.setdefault(whole, whole)
            if len(parts) > 1 or _alone(text, word, parts[0]):
                _remember(parts, vault)


def _eponym_of_a_person(text: str, word: re.Match[str]) -> bool:
    """ "Linda Turner": behind a given name an eponym is a surname, unless its disease follows."""
    return word.group().lower() in EPONYMS and not _medical_after(text, word.end())


def _is_word_too(name: str) -> bool:
    low = name.lower()
    return low in EPONYMS or low in NEVER or low in _common(4000)


@lru_cache(maxsize=4)
def _common(most: int) -> frozenset[str]:
    """The most frequent English words; rarer ones of the list are often names of people and places."""
    path = importlib.resources.files(symspellpy) / "frequency_dictionary_en_82_765.txt"
    lines = path.read_text(encoding="utf-8-sig").splitlines()[:most]
    return frozenset(line.split(" ", 1)[0] for line in lines)


_VERBS = (
    r"is|was|has|had|will|can|says?|said|reports?|reported|asked|asks|told|tells|came|comes|went|goes|lives?|works?|worked|takes|took|"
    r"denies|denied|feels|felt|thinks|thought|called|rang|brought|noticed|saw|attend(?:s|ed)|present(?:s|ed)|wants|did|does|gave|gets|"
    r"got|who|aged|and|or|drives|uses|used|needs|stopped|started|complains|complained|remembers|visited|phoned|collapsed|fell"
)
_AFTER_NAME = re.compile(rf"\s*(?:[,;:.()\n/–-]|$)|\s+(?:{_VERBS})\b|['’]s\s+(?:{{}})\b".replace("{}", _KIN))
_CLINICAL_END = re.compile(
    r"(?:ia|ic|al|ian|oid|ous|ive|ary|itis|osis|oma|emia|aemia|uria|pathy|scopy|gram|graphy|ectomy|otomy|ostomy|plasty|ology|ine|in|ol|"
    r"ide|ate|ase|um|us|ae|is|ism|ation|ness|ment|ity|ing|ed|able|ible|ful|less|ly)s?$"
)


_SUBSTANCE = re.compile(
    r"(?i:\b(?:on|takes?|taking|took|uses?|using|prescribed|started|grew|grown|given|dose\s+of|tablets?|plus|stopped)\s+(?:\w+\s+and\s+)?)$"
)
"""What stands behind these is a medicine or an organism."""
_TWO_SPEAK = re.compile(
    rf"(?<![\w\[-])(?P<id>(?:{WORD})[ \t]+(?:{WORD}))(?=\s+(?:says|said|reports|denies|lives|works|attended|presented|phoned|rang|"
    r"asked|told|feels|thinks|complains|aged)\b|,\s+(?:aged\s+)?\d{1,3}\b|\s+\((?:\d{1,3}|son|wife|husband|daughter|mother|father)\b)"
)
_INITIALS = re.compile(
    r"(?<![\w.])(?!(?:I\.[VM]|P\.[OR]|S\.[CL]|[OBTQ]\.[DS]|N\.B|U\.[SK]|E\.[RDG]|A\.[ME]|G\.P|O\.U|I\.E|L\.P|R\.A|P\.M)\.)(?:[A-Z]\.){2,3}(?=\s*(?:\(|(?:is|was|has|had|says|said|lives|aged)\b))"
)


def _collect_unknown(text: str, vault: _Vault) -> None:
    """A capitalised word that is no word of any list, where a name stands: behind it a mark, a verb, or a relative."""
    for match in _TWO_SPEAK.finditer(text):
        parts = match["id"].split()
        if not any(
            p.lower() in NEVER or lexicon().clinical_word(p.lower()) or lexicon().named(p.lower()) for p in parts
        ):
            _remember(parts, vault)
    for match in _INITIALS.finditer(text):
        vault.names.setdefault(match.group(), match.group())
    for match in re.finditer(rf"(?<![\w\[@'’.-])(?:{WORD})(?![\w@-])", text):
        word = re.sub(r"['’]s?$", "", match.group())
        end = match.start() + len(word)
        low = word.lower()
        if (
            len(word) < 3
            or re.fullmatch(r"[A-Z]{2,}", word)
            or any(part in EPONYMS or part in NEVER for part in low.split("-"))
        ):
            continue
        lex = lexicon()
        if lex.clinical_word(low) or low in lex.ordinary or lex.named(low) or lex.phrases.get(low):
            continue
        before = text[: match.start()]
        begins = re.search(r"(?:^|[.!?:\n•*-])\s*$", before) is not None
        given = low in _given_names()
        if not given and (low in _common(30000 if begins else 15000) or low.removesuffix("s") in _common(15000)):
            continue
        if not given and (_CLINICAL_END.search(low) or _SUBSTANCE.search(before)):
            continue
        if _medical_after(text, end) or not _AFTER_NAME.match(text, end):
            continue
        first = re.search(rf"(?<![\w\[@'’.-])({WORD})[ \t]+$", before)
        if (
            first is not None
            and first[1].lower() not in _common(4000) | NEVER | EPONYMS
            and not lex.clinical_word(first[1].lower())
        ):
            _remember([first[1], word], vault)
            continue
        _remember([word], vault)


_PAIR = re.compile(
    rf"(?<![\w\[-])(?:{WORD})(?:[ \t]+[{UP}]\.?)?(?:[ \t]+(?:van|von|de|der|den|del|"
    rf"da|di|bin|al|el|la|le|ter)){{0,3}}(?:[ \t]+(?:{WORD})){{1,2}}(?![\w-])"
)
_SPEAKER = re.compile(
    rf"(?<![\w\[-])(?P<id>{WORD})(?=\s+(?:says|said|reports|reported|denies|denied|feels|"
    rf"felt|complains|complained|lives|works|attended|presented|presents|tells|told|thinks|"
    rf"remembers)\b|,\s+(?:aged\s+)?\d{{1,3}}\b)"
)


def _collect_pairs(text: str, vault: _Vault) -> None:
    """Two or three capitalised words of which one is no word of any list: most likely a name."""
    for match in _PAIR.finditer(text):
        parts = re.findall(rf"{WORD}", match.group())
        rare = [w for w in parts if not lexicon().known_word(w.lower()) and not lexicon().phrases.get(w.lower())]
        if rare and all(_surname(w) for w in parts) and not _medical_after(text, match.end()):
            _remember(parts if len(re.findall(r"\b[A-Z]\b", match.group())) == 0 else match.group().split(), vault)
    for match in _SPEAKER.finditer(text):
        low = match["id"].lower()
        if not lexicon().known_word(low) and not lexicon().phrases.get(low) and _surname(match["id"]):
            _remember([match["id"]], vault)


def _alone(text: str, word: re.Match[str], name: str) -> bool:
    if name.lower() in EPONYMS or name.lower() in NEVER or lexicon().named(name.lower()):
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


_MEDICAL = (
    r"disease|syndrome|sign|palsy|lymphoma|score|scale|criteria|test|tumou?r|fracture|thyroiditis|coma|encephalopathy|sarcoma|"
    r"chorea|triad|duct|cyst|oesophagus|esophagus|phenomenon|reflex|stage|classification|catheter|solution|rule|bodies|body|"
    r"contracture|tetralogy|law|point|node|nodes|spots|line|foot|joint|sequence|positive|negative|variant|anomaly|procedure|"
    r"operation|pouch|ulcer|hernia|cells?|protein|jones|panel|arthropathy|orbitopathy|ophthalmopathy|neuropathy|myopathy|nodule|"
    r"borreliosis|virus|factor|manoeuvre|maneuver|position|view|index|grade|angle|tube|drain|valve|shunt|stent|bandage|splint|"
    r"collar|ataxia|dystrophy|anaemia|anemia|nephritis|nephropathy|carcinoma|leuk\w+|malformation|block|rhythm|breathing|"
    r"respiration|murmur|pulse|nystagmus|dementia|psychosis|aphasia|afasia|area|gland|tube|space|ligament|tendon|fascia|muscle|"
    r"phenotype|mutation|gene|screen|screening|lines?|rings?|plaques?|patches|crisis|attack|paralysis|tremor"
)


def _medical_after(text: str, end: int) -> bool:
    return bool(re.match(rf"(?:['’]s?)?[\s-]+(?:{_MEDICAL})\b", text[end : end + 30], re.IGNORECASE))


def _surname(word: str) -> bool:
    low = word.lower()
    return low not in NEVER and low not in EPONYMS and not lexicon().named(low)


def _name_parts(raw: str, *, titled: bool, cue: str) -> list[str]:
    """The words of a candidate that are a name; empty when it is none."""
    parts: list[str] = []
    for word in re.findall(rf"{WORD}|[A-Z]\.?|\b(?:van|von|de|der|den|del|da|di|bin|al|el|la|le|ter|dos)\b", raw):
        low = word.lower().rstrip(".")
        if re.fullmatch(r"[A-Z]\.", word) or (titled and not parts and len(word) > 2 and low in NEVER | EPONYMS):
            parts.append(word)
            continue
        if (
            low in NEVER
            or lexicon().named(low)
            or lexicon().phrases.get(low)
            or re.fullmatch(r"[A-Z]{2,}", word)
            or re.fullmatch(TITLE, word)
        ):
            break
        if low in EPONYMS and not titled and low not in _given_names() and not parts:
            break
        parts.append(word)
    if not parts or len("".join(parts).replace(".", "")) < 2:
        return []
    return parts if titled or _believable(parts, cue) else []


def _believable(parts: list[str], cue: str) -> bool:
    first = parts[0].lower()
    if first in _given_names() or re.fullmatch(rf"(?:{_KIN})", cue.strip(" (,").removesuffix(" is").strip()):
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
            and part.lower() not in EPONYMS
            and part.lower() not in NEVER
            and part[0].isupper()
        ):
            vault.names.setdefault(part, known)


def _scrub(text: str, vault: _Vault) -> str:
    if not text:
        return text
    for kind, pattern in STRUCTURED:
        text = pattern.sub(lambda m, kind=kind: _replaced(m, kind, vault), text)  # type: ignore[misc]
    for name in sorted(vault.names, key=len, reverse=True):
        pattern = re.compile(rf"(?<![\w\[-]){re.escape(name).replace(chr(92) + ' ', r'[ ]+')}(?![\w-])")
        text = pattern.sub(lambda m, name=name: _named(m, name, vault), text)  # type: ignore[misc]
    return text


def _named(match: re.Match[str], name: str, vault: _Vault) -> str:
    if _medical_after(match.string, match.end()):
        return match.group()
    if name.lower() in EPONYMS and re.match(r"['’]", match.string[match.end() : match.end() + 1]):
        return match.group()
    return vault.token("NAME", match.group(), vault.names[name])


def _replaced(match: re.Match[str], kind: str, vault: _Vault) -> str:
    if "id" in match.re.groupindex and match["id"] is not None:
        start, end = match.span("id")
        original = match["id"].rstrip(" .,;\t\n")
        tail = match["id"][len(original) :]
        return (
            match.string[match.start() : start] + vault.token(kind, original) + tail + match.string[end : match.end()]
        )
    lead = len(match.group()) - len(match.group().lstrip())
    return match.group()[:lead] + vault.token(kind, match.group()[lead:])
