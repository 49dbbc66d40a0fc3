"""What conditions look like (data/conditions.txt): used to rank, never to write.

A profile weighs findings: hallmark 2, typical 1, sometimes 0.5, and what speaks against it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache

from medassist.llm.reference.lexicon import lexicon, rows
from medassist.llm.reference.text import stem

_WEIGHTS = {"!": 2.0, "?": 0.5}
_NAME_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W\d_]+)?")
_NAME_NOISE = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "and",
        "in",
        "for",
        "with",
        "to",
        "or",
        "acute",
        "adult",
        "childhood",
        "suspected",
        "possible",
        "probable",
        "disease",
    ]
)


@dataclass(frozen=True)
class Profile:
    name: str
    names: tuple[str, ...]
    low: float
    high: float
    sex: str
    prior: int
    weights: dict[str, float] = field(hash=False)
    against: frozenset[str] = frozenset()

    @property
    def hallmarks(self) -> tuple[str, ...]:
        return tuple(finding for finding, weight in self.weights.items() if weight >= 2.0)


class Knowledge:
    """All profiles, their names and how telling each finding is."""

    def __init__(self) -> None:
        self.profiles: list[Profile] = []
        self.by_name: dict[str, Profile] = {}
        self._spelt: dict[str, str] = {}
        for names, age, sex, prior, findings in rows("conditions.txt", 5):
            self._add(names, age, sex, int(prior), findings)
        self._rarity = self._count()
        self._longest = max(key.count(" ") + 1 for key in self.by_name)

    def _add(self, names: str, age: str, sex: str, prior: int, findings: str) -> None:
        all_names = tuple(name.strip() for name in names.split(";") if name.strip())
        low, _, high = age.partition("-")
        weights: dict[str, float] = {}
        against: set[str] = set()
        for item in (part.strip() for part in findings.split(",")):
            mark, phrase = (item[0], item[1:]) if item[0] in "!?-" else ("", item)
            for finding in sorted(lexicon().named(phrase)):
                if mark == "-":
                    against.add(finding)
                else:
                    weights[finding] = max(weights.get(finding, 0.0), _WEIGHTS.get(mark, 1.0))
        profile = Profile(
            all_names[0],
            all_names,
            float(low or 0),
            float(high or 130),
            sex,
            prior,
            weights,
            frozenset(against - weights.keys()),
        )
        self.profiles.append(profile)
        for name in all_names:
            for key in (plain(name), name_key(name)):
                self.by_name.setdefault(key, profile)
                self._spelt.setdefault(key, name)

    def _count(self) -> dict[str, float]:
        counts: Counter[str] = Counter()
        for profile in self.profiles:
            counts.update({wider for finding in profile.weights for wider in (finding, *lexicon().wider(finding))})
        total = len(self.profiles)
        return {finding: math.log(1 + total / count) for finding, count in counts.items()}

    def rarity(self, finding: str) -> float:
        """How telling a finding is: the logarithm of how few conditions have it (1 to 6)."""
        return min(self._rarity.get(finding, 4.0), 5.0)

    def profile_of(self, name: str) -> Profile | None:
        """The profile of a condition's name; None when no name fits exactly."""
        return self.by_name.get(plain(name)) or self.by_name.get(name_key(name))

    def named_in(self, text: str) -> tuple[Profile, str] | None:
        """The profile with the longest name that occurs in `text` as whole words, and that name."""
        words = plain(text).split()
        for size in range(min(self._longest, len(words)), 0, -1):
            for start in range(len(words) - size + 1):
                key = " ".join(words[start : start + size])
                if len(key) > 3 and key in self.by_name:
                    return self.by_name[key], self._spelt[key]
        return None


@lru_cache(maxsize=8192)
def plain(name: str) -> str:
    """All words of a name, stemmed."""
    return " ".join(stem(word) for word in _NAME_TOKEN.findall(name))


@lru_cache(maxsize=8192)
def name_key(name: str) -> str:
    """The telling words of a name, stemmed; brackets and small words are dropped."""
    name = re.sub(r"\([^)]*\)", " ", name)
    words = [word for word in _NAME_TOKEN.findall(name) if word.lower() not in _NAME_NOISE]
    return " ".join(stem(word) for word in words) or plain(name)


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    """The process's profiles, loaded on first use."""
    return Knowledge()
