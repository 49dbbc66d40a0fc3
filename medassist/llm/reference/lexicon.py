"""The finding matcher: words of a text -> findings ("pain:rlq", "fever"), each with its place.

Two ways to a finding: a phrase of data/findings.txt, or a part of the body (regions.txt) near a
quality (qualities.txt): "pain in the left calf", "swollen ankles".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

from medassist.llm.reference.text import SMALL_WORDS, Token, stem, tokens_of

REACH = 4
"""How many words may stand between a part of the body and its quality."""

_SAME = {
    "pain:head": "headache",
    "pain:joint": "joint pain",
    "pain:throat": "sore throat",
    "pain:muscle": "widespread pain",
    "pain:bone": "bone pain",
    "swelling:leg": "leg swelling",
    "swelling:ankle": "leg swelling",
    "swelling:foot": "leg swelling",
    "swelling:joint": "joint swelling",
    "swelling:eye": "eyelid swelling",
    "swelling:mouth": "lip or tongue swelling",
    "swelling:abdomen": "bloating",
    "stiffness:neck": "stiff neck",
    "redness:eye": "red eye",
    "itching:eye": "itchy eyes",
    "itching:skin": "itching",
    "itching:rectum": "anal itching",
    "itching:genital": "vaginal itching",
    "lump:breast": "breast lump",
    "lump:groin": "groin lump",
    "lump:rectum": "anal lump",
    "lump:testis": "testicular lump",
    "lump:abdomen": "abdominal mass",
    "weakness:muscle": "weakness",
    "weakness:limb": "weakness",
    "weakness:face": "facial droop",
    "weakness:mouth": "facial droop",
    "weakness:jaw": "facial droop",
    "numbness:skin": "tingling or numbness",
}
_REGION_NAMES = {
    "lowback": "lower back",
    "rlq": "right lower abdomen",
    "llq": "left lower abdomen",
    "ruq": "right upper abdomen",
    "luq": "left upper abdomen",
    "epigastric": "upper abdomen",
    "lowerabd": "lower abdomen",
    "testis": "testicle",
    "genital": "genital area",
}
_WIDER_QUALITY = {"weakness": "weakness", "numbness": "tingling or numbness", "itching": "itching"}
_ONE_SIDED = frozenset({"left", "right", "one", "unilateral", "single"})


@dataclass(frozen=True, slots=True)
class Mention:
    finding: str
    start: int
    end: int
    first: int
    last: int
    """Indexes of the first and last token."""


class Lexicon:
    """The three data files, ready for matching. Immutable after loading."""

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}
        self.labels: set[str] = set()
        self._phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._regions: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._qualities: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        self._region_parents: dict[str, str] = {}
        self._load()

    def _load(self) -> None:
        for name, parent, words in rows("regions.txt", 3):
            if parent != "-":
                self._region_parents[name] = parent
            _index(self._regions, words, name)
        for name, words in rows("qualities.txt", 2):
            _index(self._qualities, words, name)
        for label, parent, words in rows("findings.txt", 3):
            wider = _SAME.get(parent, parent)
            if wider not in {"-", label}:
                self.parents[label] = wider
            self.labels.add(label)
            _index(self._phrases, f"{label}; {words}", label)
        for table in (self._phrases, self._regions, self._qualities):
            for entries in table.values():
                entries.sort(key=lambda entry: -len(entry[0]))

    def mentions(self, tokens: list[Token]) -> list[Mention]:
        """Every finding that the words name, longest phrase first at each place, in order of place."""
        kept = [index for index, token in enumerate(tokens) if token.word not in SMALL_WORDS]
        found = self._matches(self._phrases, tokens, kept)
        found += self._regional(tokens, kept)
        found.sort(key=lambda mention: (mention.first, -mention.last))
        return found

    def in_text(self, text: str) -> set[str]:
        """The findings named anywhere in `text`."""
        return {mention.finding for mention in self.mentions(tokens_of(text))}

    def named(self, phrase: str) -> set[str]:
        """The findings that a phrase of our own data means: its label, else the narrowest that match."""
        if phrase in self.labels:
            return {phrase}
        found = self.in_text(phrase)
        return found - {wider for finding in found for wider in self.wider(finding)}

    @lru_cache(maxsize=4096)  # noqa: B019 - the lexicon lives as long as the process
    def wider(self, finding: str) -> tuple[str, ...]:
        """The findings that `finding` is a special form of, nearest first."""
        chain: list[str] = []
        current: str | None = finding
        while current is not None and len(chain) < 6:
            current = self._parent(current)
            if current is not None:
                chain.append(current)
        return tuple(chain)

    def _parent(self, finding: str) -> str | None:
        if finding in self.parents:
            return self.parents[finding]
        quality, _, region = finding.partition(":")
        if not region:
            return None
        wider = self._region_parents.get(region)
        if wider:
            return _SAME.get(f"{quality}:{wider}", f"{quality}:{wider}")
        return _WIDER_QUALITY.get(quality)

    def _matches(
        self, table: dict[str, list[tuple[tuple[str, ...], str]]], tokens: list[Token], kept: list[int]
    ) -> list[Mention]:
        found: list[Mention] = []
        reached = -1
        for place, index in enumerate(kept):
            for stems, name in table.get(tokens[index].stem, ()):
                size = len(stems)
                if place + size > len(kept):
                    continue
                last = kept[place + size - 1]
                if tokens[last].part != tokens[index].part:
                    continue
                if size > 1 and any(tokens[kept[place + step]].stem != stems[step] for step in range(1, size)):
                    continue
                if place + size - 1 > reached:
                    found.append(Mention(name, tokens[index].start, tokens[last].end, index, last))
                    reached = place + size - 1
                break
        return found

    def _regional(self, tokens: list[Token], kept: list[int]) -> list[Mention]:
        regions = self._matches(self._regions, tokens, kept)
        if not regions:
            return []
        qualities = self._matches(self._qualities, tokens, kept)
        order = {index: place for place, index in enumerate(kept)}
        found: list[Mention] = []
        for region in regions:
            near = [(gap, quality) for quality in qualities if (gap := _gap(region, quality, tokens, order)) <= REACH]
            best = min((gap for gap, _ in near), default=REACH + 1)
            for gap, quality in near:
                if gap == best:
                    found += self._join(quality, region, tokens)
        return found

    def _join(self, quality: Mention, region: Mention, tokens: list[Token]) -> Iterable[Mention]:
        first, last = min(quality.first, region.first), max(quality.last, region.last)
        name = f"{quality.finding}:{region.finding}"
        start, end = tokens[first].start, tokens[last].end
        yield Mention(_SAME.get(name, name), start, end, first, last)
        around = {tokens[index].word for index in range(max(0, first - 1), last + 1)}
        if region.finding == "leg" and quality.finding == "swelling" and around & _ONE_SIDED and "both" not in around:
            yield Mention("one-sided leg swelling", start, end, first, last)
        if region.finding in {"arm", "leg"} and quality.finding == "weakness" and around & _ONE_SIDED:
            yield Mention("one-sided weakness", start, end, first, last)
        if (
            region.finding == "leg"
            and quality.finding == "pain"
            and "calf" in {tokens[i].stem for i in range(first, last + 1)}
        ):
            yield Mention("calf pain", start, end, first, last)


def _gap(region: Mention, quality: Mention, tokens: list[Token], order: dict[int, int]) -> int:
    if tokens[region.first].part != tokens[quality.first].part:
        return REACH + 1
    if quality.first > region.last:
        return order[quality.first] - order[region.last] - 1
    if region.first > quality.last:
        return order[region.first] - order[quality.last] - 1
    return 0


def label(finding: str) -> str:
    """A finding in words: "pain:rlq" -> "pain in the right lower abdomen"."""
    quality, _, region = finding.partition(":")
    return f"{quality} in the {_REGION_NAMES.get(region, region)}" if region else finding


def rows(name: str, columns: int) -> Iterable[list[str]]:
    """The lines of a data file, split at the bar; raises ValueError on a line with another number of columns."""
    text = resources.files("medassist.llm.reference").joinpath("data", name).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != columns:
            raise ValueError(f"{name}, line {number}: {len(parts)} columns, not {columns}")
        yield parts


def _index(table: dict[str, list[tuple[tuple[str, ...], str]]], phrases: str, name: str) -> None:
    for phrase in phrases.split(";"):
        words = tokens_of(phrase.strip())
        stems = tuple(token.stem for token in words if token.word not in SMALL_WORDS)
        if len(stems) == 1 and len(words) > 1:
            continue  # "to the back" without its small words would match every back
        if stems and (stems, name) not in table.setdefault(stems[0], []):
            table[stems[0]].append((stems, name))


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The process's lexicon, loaded on first use."""
    return Lexicon()


__all__ = ["Lexicon", "Mention", "label", "lexicon", "rows", "stem"]
