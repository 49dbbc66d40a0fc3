"""Finds what counts as a medicine in a cleaned text: names, brands, classes, fluids, dose forms.

Four ways, from certain to guessed: the lexicon, joined or disguised words (parts run together,
leetspeak, reversed, rot13), the stem of an international name ("-pril"), and a small edit distance.
The last two are asked only about words that no English or medical word list knows.
"""

from __future__ import annotations

import bisect
import hashlib
import importlib.resources
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import symspellpy

from apps.safety.rules.guard_views import leet, rot13

Kind = Literal["N", "C", "A", "O", "G", "U"]
DATA = Path(__file__).resolve().parent.parent / "data"
FILES = ("medicines.tsv", "guard_terms.txt", "not_medicines.txt", "clinical_words.txt", "guard_weights.txt")

WORD = re.compile(r"[a-z0-9@$!|]*[a-z][a-z0-9@$!|]*(?:'[a-z]+)?")
_STEM = re.compile(
    r"(?:[a-z]{2,}(?:cillin|cilline|mycin|micin|oxacin|floxacin|cycline|penem|bactam|"
    r"conazole|nidazole|prazole|azole|vaptan|sartan|vastatin|"
    r"statin|gliptin|gliflozin|glitazone|glutide|natide|formin|glinide|parin|xaban|gatran|"
    r"grel|grelor|plase|dipine|olol|alol|zosin|pril|prilat|"
    r"thiazide|semide|lukast|terol|tropium|phylline|setron|triptan|gepant|zepam|zolam|"
    r"barbital|barbitone|zodone|oxetine|pramine|"
    r"triptyline|peridone|piprazole|idone|azepine|perazine|promazine|racetam|bamate|caine|"
    r"profen|fenac|coxib|oxicam|dronate|dronic|cort|sone|solone|"
    r"lone|olone|asone|onide|codone|morphone|fentanil|orphan|orphine|buprenorphine|navir|"
    r"tegravir|buvir|asvir|previr|ciclovir|cyclovir|amivir|vudine|citabine|"
    r"virine|mab|nib|ciclib|parib|lisib|zomib|rafenib|tinib|platin|rubicin|taxel|tecan|"
    r"bicin|limus|cept|kinra|grastim|poetin|relin|relix|"
    r"tide|sentan|ciguat|curonium|curium|flurane|quine|antrone|thromycin|nacin|steride|"
    r"zolomide|fibrate|imibe|vir|tidine|mustine|fungin|parib|caftor|stim)"
    r"|(?:cef|ceph|sulfa)[a-z]{4,})e?s?$"
)
_GUESS_FROM = 6
_START = 6
# "A lesion" is no "Alesion".
_LITTLE = frozenset(
    {"a", "an", "the", "in", "on", "of", "to", "at", "is", "no", "or", "and", "as", "for", "with", "by", "if"}
)


@dataclass(frozen=True, slots=True)
class Mention:
    start: int
    end: int
    kind: Kind
    canonical: str
    how: Literal["name", "joined", "leet", "reversed", "rot13", "stem", "guess", "unfamiliar"] = "name"

    @property
    def disguised(self) -> bool:
        return self.how in {"leet", "reversed", "rot13"}


class Lexicon:
    """The loaded word lists. One per process, built on first use (about half a second)."""

    def __init__(self) -> None:
        self.phrases: dict[str, tuple[Kind, str]] = {}
        self.lengths: dict[str, int] = {}
        self.own: set[str] = set()
        self._read_terms()
        self._read_names()
        self.ordinary = _lines("not_medicines.txt")
        self.english = _english()
        self.clinical = _lines("clinical_words.txt")
        self.generics = sorted(
            name for name, (kind, whole) in self.phrases.items() if kind == "N" and name == whole and " " not in name
        )
        self.starts = {
            name[:size] for name, (kind, _) in self.phrases.items() if kind == "N" for size in range(1, _START + 1)
        }
        self._speller: Any = None

    def _read_terms(self) -> None:
        for line in _lines("guard_terms.txt", ordered=True):
            letter, canonical, terms = line.split("|")
            kind = cast(Kind, letter)
            listed = [term.strip() for term in terms.split(",") if term.strip()]
            for term in [*listed, canonical] if canonical and kind == "N" else listed:
                self._add(term, kind, canonical or term)
                self.own.add(term)

    def _read_names(self) -> None:
        for line in _lines("medicines.tsv", ordered=True):
            name, canonical = line.split("\t")
            known = self.phrases.get(canonical)
            self._add(name, "N", known[1] if known else canonical)

    def _add(self, term: str, kind: Kind, canonical: str) -> None:
        words = tuple(re.findall(r"[a-z0-9']+", term))
        key = " ".join(words)
        if not words or key in self.phrases:
            return
        self.phrases[key] = (kind, canonical)
        self.lengths[words[0]] = max(self.lengths.get(words[0], 0), len(words))

    @property
    def speller(self) -> Any:
        if self._speller is None:
            speller = symspellpy.SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
            # Only generic names and the brands of our own list are worth guessing at: rare foreign
            # variants lie close to ordinary words.
            for name, (kind, canonical) in self.phrases.items():
                if (
                    kind == "N"
                    and " " not in name
                    and len(name) >= _GUESS_FROM
                    and (name == canonical or name in self.own)
                ):
                    speller.create_dictionary_entry(name, 1)
            self._speller = speller
        return self._speller

    def known_word(self, word: str) -> bool:
        """True for words that are certainly not a misspelt medicine."""
        if word in self.english or word in self.ordinary:
            return True
        return word.endswith("s") and (word[:-1] in self.english or word[:-1] in self.ordinary)

    def clinical_word(self, word: str) -> bool:
        """True for words of diseases, anatomy and care that the English list lacks."""
        return word in self.clinical

    def begun(self, word: str) -> str | None:
        """The one medicine whose name a clinician cut short so ("levothyrox", "ceftriax")."""
        at = bisect.bisect_left(self.generics, word)
        wholes = set()
        while at < len(self.generics) and self.generics[at].startswith(word):
            wholes.add(self.phrases[self.generics[at]][1])
            at += 1
        return wholes.pop() if len(wholes) == 1 and not self.clinical_word(word) else None

    def named(self, word: str) -> str | None:
        found = self.phrases.get(word)
        return found[1] if found and found[0] == "N" else None


def _lines(name: str, *, ordered: bool = False) -> Any:
    rows = [row.strip() for row in (DATA / name).read_text(encoding="utf-8").splitlines()]
    kept = [row for row in rows if row and not row.startswith("#")]
    return kept if ordered else frozenset(kept)


def _english() -> frozenset[str]:
    path = importlib.resources.files(symspellpy) / "frequency_dictionary_en_82_765.txt"
    words = (line.split(" ", 1)[0] for line in path.read_text(encoding="utf-8-sig").splitlines())
    return frozenset(words)


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    return Lexicon()


@lru_cache(maxsize=1)
def data_hash() -> str:
    """First eight hex digits of the hash over the data files: part of the guard's version."""
    digest = hashlib.sha256()
    for name in FILES:
        digest.update((DATA / name).read_bytes())
    return digest.hexdigest()[:8]


class _Token(NamedTuple):
    word: str
    start: int
    end: int


_TOKEN = re.compile(r"[a-z0-9@$!|]+(?:'[a-z]+)?")


@lru_cache(maxsize=256)
def mentions(text: str) -> tuple[Mention, ...]:
    """All mentions in a cleaned (lower-case) text, left to right, without overlap."""
    lex = lexicon()
    tokens = [_Token(m.group(), m.start(), m.end()) for m in _TOKEN.finditer(text)]
    found: list[Mention] = []
    index = 0
    while index < len(tokens):
        mention, used = _phrase(lex, text, tokens, index)
        if mention is None:
            mention, used = _joined(lex, text, tokens, index)
        if mention is None:
            mention, used = _single(tokens[index]), 1
        if mention is not None:
            found.append(mention)
        index += used
    return tuple(found)


def _phrase(lex: Lexicon, text: str, tokens: list[_Token], index: int) -> tuple[Mention | None, int]:
    longest = lex.lengths.get(tokens[index].word, 0)
    for size in range(min(longest, len(tokens) - index), 0, -1):
        part = tokens[index : index + size]
        key = " ".join(t.word for t in part)
        found = lex.phrases.get(key)
        if found and not re.search(r"[.;:!?\n|]", text[part[0].start : part[-1].end].replace("st.", "st")):
            return Mention(part[0].start, part[-1].end, found[0], found[1]), size
    word = tokens[index].word
    if word.endswith("'s") and (single := lex.phrases.get(word[:-2])):
        return Mention(tokens[index].start, tokens[index].end, *single), 1
    if word.endswith("s") and len(word) > 5 and (single := lex.phrases.get(word[:-1])) and single[0] == "N":
        return Mention(tokens[index].start, tokens[index].end, *single), 1
    return None, 1


def _joined(lex: Lexicon, text: str, tokens: list[_Token], index: int) -> tuple[Mention | None, int]:
    """ "war-farin", "met formin", "war far in": parts that only make sense as one name."""
    joined = tokens[index].word
    if joined in _LITTLE:
        return None, 1
    for size in range(2, 5):
        if index + size > len(tokens):
            break
        if joined[:_START] not in lex.starts:
            break
        gap = text[tokens[index + size - 2].end : tokens[index + size - 1].start]
        if not gap or len(gap) > 4 or not _GAP.fullmatch(gap):
            break
        joined += tokens[index + size - 1].word
        if len(joined) >= 7 and (canonical := lex.named(joined)):
            return Mention(tokens[index].start, tokens[index + size - 1].end, "N", canonical, "joined"), size
    return None, 1


_GAP = re.compile(r"[ \t]?[-._/·]?[ \t]?\n?")


@lru_cache(maxsize=50_000)
def _reading(word: str) -> tuple[str, str] | None:
    """(canonical, how) for a word that is a medicine in disguise, by stem or by guess; None otherwise."""
    lex = lexicon()
    if re.search(r"[0-9@$!|]", word) and re.search(r"[a-z]", word):
        return next(((name, "leet") for form in leet(word.strip("!|")) if (name := _leet_name(lex, form))), None)
    if len(word) < _GUESS_FROM or not word.isalpha() or lex.known_word(word):
        return None
    if canonical := lex.named(word[::-1]):
        return canonical, "reversed"
    if canonical := lex.named(rot13(word)):
        return canonical, "rot13"
    squeezed = re.sub(r"([a-z])\1+", r"\1", word)
    if canonical := lex.named(squeezed):
        return canonical, "guess"
    limit = 1 if len(word) < 8 else 2
    for guess in lex.speller.lookup(word, symspellpy.Verbosity.CLOSEST, max_edit_distance=limit):
        if guess.term[0] == word[0] or guess.distance == 1:
            return lex.phrases[guess.term][1], "guess"
    if whole := lex.begun(word):
        return whole, "guess"
    if _STEM.fullmatch(word):
        return word, "stem"
    return None


def _leet_name(lex: Lexicon, form: str) -> str | None:
    if len(form) < 5:
        return None
    canonical = lex.named(form)
    if canonical or len(form) < 7 or lex.known_word(form):
        return canonical
    close = lex.speller.lookup(form, symspellpy.Verbosity.CLOSEST, max_edit_distance=1)
    return lex.phrases[close[0].term][1] if close else None


def _single(token: _Token) -> Mention | None:
    read = _reading(token.word)
    if read is None:
        return None
    return Mention(token.start, token.end, "N", read[0], read[1])  # type: ignore[arg-type]


@lru_cache(maxsize=50_000)
def inside_run(word: str) -> tuple[str, ...]:
    """Names inside a long run of letters without spaces ("givewarfarin")."""
    lex = lexicon()
    if len(word) < 9 or lex.known_word(word) or lex.clinical_word(word):
        return ()
    found = []
    for start in range(len(word) - 5):
        for size in range(min(22, len(word) - start), 5, -1):
            if lex.named(word[start : start + size]):
                found.append(word[start : start + size])
                break
    return tuple(found)
