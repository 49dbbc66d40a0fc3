"""Takes direct identifiers out of a case before a model sees it, with placeholders that can be undone.

The same person gets the same placeholder throughout, so that a text stays readable ("[NAME-1]'s
daughter [NAME-2]"). Ages, measurements, medicines and eponyms stay: they carry the case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from apps.safety.rules.closed import fails_closed
from apps.safety.rules.guard.lexicon import lexicon
from apps.safety.rules.identifiers import EPONYMS, NAME_CUES, NEVER, STRUCTURED, TITLE, UP, WORD
from apps.safety.schemas import Deidentified
from medassist.clinical.case import CaseInput

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
            if parts:
                _remember(parts, vault)
    _collect_pairs(text, vault)
    words = list(re.finditer(rf"{WORD}", text))
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
    rf"(?<![\w\[-])(?:{WORD})(?:[ \t]+[{UP}]\.?)?(?:[ \t]+(?:van|von|de|der|den|del|"
    rf"da|di|bin|al|el|la|le|ter))?(?:[ \t]+(?:{WORD})){{1,2}}(?![\w-])"
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
    return low not in NEVER and low not in EPONYMS and not lexicon().named(low)


def _name_parts(raw: str, *, titled: bool, cue: str) -> list[str]:
    """The words of a candidate that are a name; empty when it is none."""
    parts: list[str] = []
    for word in re.findall(rf"{WORD}|[A-Z]\.?|\b(?:van|von|de|der|den|del|da|di|bin|al|el|la|le|ter|dos)\b", raw):
        low = word.lower().rstrip(".")
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
