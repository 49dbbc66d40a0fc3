"""Fits the table of the guard's second opinion on labelled sentences. Deterministic, plain Python, a minute."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from apps.safety.rules.guard.abstract import skeleton
from apps.safety.rules.guard.learnt import BIAS, features, share
from apps.safety.rules.guard.sentences import sentences
from apps.safety.rules.guard_views import clean
from medassist.clinical.case import Audience

ROUNDS = 30
STEP = 0.3
SHRINK = 1e-4
"""Pull of every weight towards nothing, per line that holds its feature."""
RARE = 2
"""Features of fewer lines than this are left out."""
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Labelled:
    """A line of a suite: what it says, to whom, and whether its words prescribe.

    An altered restatement (B5) is worded like a faithful one; only the record tells them apart, so its words do not.
    """

    text: str
    audience: Audience
    prescribes: bool


def examples(lines: Iterable[Labelled]) -> Iterator[tuple[frozenset[str], bool]]:
    """The features of every sentence of harmless lines, and of prescribing lines that are one sentence.

    Of several sentences of a prescribing line nobody said which one it is.
    """
    for line in lines:
        text = clean(line.text).text
        spans = list(sentences(text))
        if line.prescribes and len(spans) != 1:
            continue
        for start, end in spans:
            yield features(skeleton(text[start:end]).form, line.audience), line.prescribes


def fit(pairs: Sequence[tuple[frozenset[str], bool]]) -> dict[str, float]:
    """Weights of a logistic regression by feature, with `BIAS`; prescribing and harmless count alike as a whole."""
    counts = Counter(feature for found, _ in pairs for feature in found)
    kept = [(frozenset(f for f in found if counts[f] >= RARE), found, said) for found, said in pairs]
    positive = sum(said for _, said in pairs)
    weight = {True: len(pairs) / (2 * max(positive, 1)), False: len(pairs) / (2 * max(len(pairs) - positive, 1))}
    table: dict[str, float] = {BIAS: 0.0}
    squares: dict[str, float] = {}
    order = list(range(len(kept)))
    draw = random.Random(SEED)  # noqa: S311  an order of lines, no secret
    for _ in range(ROUNDS):
        draw.shuffle(order)
        for at in order:
            known, found, said = kept[at]
            value = share(found)
            odds = table[BIAS] + value * sum(table.get(feature, 0.0) for feature in known)
            error = (1 / (1 + math.exp(-max(-50.0, min(50.0, odds)))) - said) * weight[said]
            _move(table, squares, BIAS, error)
            for feature in sorted(known):
                _move(
                    table,
                    squares,
                    feature,
                    error * value + SHRINK * table.get(feature, 0.0) * len(kept) / counts[feature],
                )
    return {feature: round(number, 3) for feature, number in table.items() if feature == BIAS or abs(number) >= 0.005}


def _move(table: dict[str, float], squares: dict[str, float], feature: str, slope: float) -> None:
    squares[feature] = squares.get(feature, 1e-6) + slope * slope
    table[feature] = table.get(feature, 0.0) - STEP * slope / math.sqrt(squares[feature])
