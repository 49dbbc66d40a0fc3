"""ICD-10 codes for names of conditions: looked up, never guessed.

Two shipped tables: everyday and guideline names written for MedAssist, and names with their ICD-10
references from the Human Disease Ontology (CC0 1.0). A name that both leave open has no code.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib import resources

_WORD = re.compile(r"[a-z0-9]+")
_SMALL = frozenset({"the", "of", "and", "in", "with", "due", "to", "by"})
_SPELLINGS = (
    ("aemi", "emi"),
    ("haem", "hem"),
    ("oedem", "edem"),
    ("oes", "es"),
    ("oea", "ea"),
    ("paed", "ped"),
    ("coeli", "celi"),
    ("isation", "ization"),
    ("ising", "izing"),
    ("tumour", "tumor"),
    ("apnoe", "apne"),
    ("leuc", "leuk"),
    ("foet", "fet"),
    ("labour", "labor"),
)
_NOT_PLURAL = ("ss", "us", "is", "as", "os")


def icd10_for(condition: str) -> str | None:
    """The ICD-10 code of a condition's name, at the level that is certain; None when unsure.

    Case, order of words, plural, possessive and British or American spelling do not matter.
    """
    for name in _readings(condition):
        code = _table().get(name)
        if code:
            return code
    return None


def _readings(condition: str) -> tuple[tuple[str, ...], ...]:
    """Keys to try: the whole name, without its brackets, and the words inside the brackets."""
    outside = re.sub(r"\([^)]*\)", " ", condition)
    inside = " ".join(re.findall(r"\(([^)]*)\)", condition))
    keys = (key(condition), key(outside), key(inside))
    return tuple(dict.fromkeys(found for found in keys if found))


@lru_cache(maxsize=4096)
def key(name: str) -> tuple[str, ...]:
    """The telling words of a name in a fixed order and spelling."""
    text = unicodedata.normalize("NFKD", name.lower().replace("’", "'")).encode("ascii", "ignore").decode()
    text = re.sub(r"'s\b", "", text).replace("'", "")
    for british, american in _SPELLINGS:
        text = text.replace(british, american)
    return tuple(sorted(_singular(word) for word in _WORD.findall(text) if word not in _SMALL))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(_NOT_PLURAL):
        return word[:-1]
    return word


@lru_cache(maxsize=1)
def _table() -> dict[tuple[str, ...], str]:
    table: dict[tuple[str, ...], str] = {}
    torn: set[tuple[str, ...]] = set()
    for line in _lines("icd10_ontology.tsv"):
        name, _, code = line.partition("\t")
        if table.setdefault(key(name), code) != code:
            torn.add(key(name))
    for name_key in torn:
        del table[name_key]
    for line in _lines("icd10_common.txt"):
        code, _, names = (part.strip() for part in line.partition("|"))
        for name in names.split(";"):
            table[key(name)] = code
    return table


def _lines(name: str) -> list[str]:
    text = resources.files("medassist.clinical").joinpath("data", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
