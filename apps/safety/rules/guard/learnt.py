"""What a form of words most likely is, learnt from labelled sentences: the guard's second opinion.

A logistic model over the words of a sentence's skeleton, in which medicines and amounts have become their kinds: it learns
how people order and report, not what they name. Pure and small: a sum over a table (`data/guard_weights.txt`, made by
`manage.py fit_guard`). It never overrules a fault about an amount, the record, or a hidden form; see `check.py`.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

from medassist.clinical.case import Audience

WEIGHTS = Path(__file__).resolve().parent.parent / "data" / "guard_weights.txt"
BIAS = "bias"
_INDEX = re.compile(r"(?<![a-z])([NCAOGUQFKDV#])\d+")
_WORD = re.compile(r"[A-Z#](?![a-z])|[a-z']+|[?!:|;,.%/\[\]>-]")


def features(form: str, audience: Audience) -> frozenset[str]:
    """Sequences of one to three words of a skeleton, pairs with a gap, and for a patient each word once more."""
    words = ["<", *_WORD.findall(_INDEX.sub(r"\1", form)), ">"]
    found = {" ".join(words[at : at + size]) for size in (1, 2, 3) for at in range(len(words) - size + 1)}
    found.update(f"{left} _ {right}" for left, right in zip(words, words[2:], strict=False))
    if audience == "patient":
        found.update(f"patient: {word}" for word in words)
    return frozenset(found)


def probability(form: str, audience: Audience) -> float:
    """How likely a sentence of this skeleton prescribes, 0..1, were both kinds as frequent as in the suites."""
    return _logistic(weighed(weights(), features(form, audience)))


def weighed(table: dict[str, float], found: frozenset[str]) -> float:
    """The log odds of a set of features; long sentences do not count for more than short ones."""
    total = sum(table.get(feature, 0.0) for feature in found)
    return table.get(BIAS, 0.0) + total * share(found)


def share(found: frozenset[str]) -> float:
    """What one feature of a set counts for."""
    return 5 / math.sqrt(len(found)) if found else 0.0


def _logistic(log_odds: float) -> float:
    return 1 / (1 + math.exp(-max(-50.0, min(50.0, log_odds))))


@lru_cache(maxsize=1)
def weights() -> dict[str, float]:
    """The shipped table: a weight, a tab, a feature; lines that begin with "# " are remarks."""
    lines = (line for line in WEIGHTS.read_text(encoding="utf-8").splitlines() if line and not line.startswith("# "))
    return {feature: float(weight) for weight, _, feature in (line.partition("\t") for line in lines)}
