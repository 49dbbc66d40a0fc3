"""How sure an answer may claim to be: agreement of samples, counts of findings, and what adjudicated cases say of both.

A model's own confidence is not used. A score becomes a probability only through an isotonic map (pool adjacent
violators: Ayer et al., 1955) fitted on adjudicated cases of the same model, adapter and prompt.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from random import Random

from apps.safety.schemas import Bin, Block, CalibrationReport, Pair
from medassist.clinical.assessment import Differential, Interval
from medassist.clinical.coding import icd10_for, key

Z95 = 1.959964
FEWEST_PAIRS = 100
FOLDS = 5
BINS = 10
_AGREEMENT, _FINDINGS = 0.6, 0.4


def agreement(condition: str, samples: Sequence[Sequence[str]]) -> int:
    """In how many of the samples the condition is named."""
    return sum(any(same_condition(condition, other) for other in sample) for sample in samples)


def same_condition(one: str, other: str) -> bool:
    """The same name in another spelling or order, or the same ICD-10 code."""
    if key(one) == key(other):
        return True
    code = icd10_for(one)
    return code is not None and code == icd10_for(other)


def score_of(item: Differential) -> float:
    """0 to 1: how much speaks for a condition, out of what the assessment itself counts.

    Findings: (for + 1) / (for + against + missing / 2 + 2), so that one lonely finding is no certainty.
    """
    support, against, missing = len(item.claims_for), len(item.claims_against), len(item.claims_missing)
    findings = (support + 1) / (support + against + missing / 2 + 2)
    if item.agreement is None or item.agreement.samples < 2:
        return round(findings, 4)
    named = item.agreement.named / item.agreement.samples
    return round(_AGREEMENT * named + _FINDINGS * findings, 4)


def fit(pairs: Sequence[Pair]) -> tuple[Block, ...]:
    """The isotonic map of scores to frequencies, as blocks from the lowest score to the highest."""
    blocks: list[Block] = []
    for score in sorted({pair.score for pair in pairs}):
        here = [pair.correct for pair in pairs if pair.score == score]
        blocks.append(Block(low=score, high=score, count=len(here), hits=sum(here)))
        while len(blocks) > 1 and blocks[-2].frequency >= blocks[-1].frequency:
            last = blocks.pop()
            first = blocks.pop()
            blocks.append(
                Block(low=first.low, high=last.high, count=first.count + last.count, hits=first.hits + last.hits)
            )
    return tuple(blocks)


def block_of(blocks: Sequence[Block], score: float) -> Block:
    """The block that speaks for a score; one between two blocks belongs to the lower, which claims less."""
    at = bisect_right([block.low for block in blocks], score) - 1
    return blocks[max(0, at)]


def interval(blocks: Sequence[Block], score: float) -> Interval:
    """The 95 % interval (Wilson) of the frequency in the score's block."""
    block = block_of(blocks, score)
    return wilson(block.hits, block.count)


def wilson(hits: int, count: int, z: float = Z95) -> Interval:
    """Interval of a proportion (Wilson, 1927); everything is possible when nothing was counted."""
    if count == 0:
        return Interval(low=0.0, high=1.0)
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Interval(low=max(0.0, round(middle - half, 4)), high=min(1.0, round(middle + half, 4)))


def brier(pairs: Sequence[tuple[float, bool]]) -> float:
    """Mean squared difference of probability and outcome (Brier, 1950)."""
    return sum((probability - correct) ** 2 for probability, correct in pairs) / len(pairs)


def bins(pairs: Sequence[tuple[float, bool]]) -> tuple[Bin, ...]:
    """The reliability curve: pairs by tenths of their probability; empty tenths are left out."""
    found: list[Bin] = []
    for number in range(BINS):
        low, high = number / BINS, (number + 1) / BINS
        here = [pair for pair in pairs if low <= pair[0] < high or (number == BINS - 1 and pair[0] == 1.0)]
        if here:
            hits = sum(correct for _, correct in here)
            said = sum(probability for probability, _ in here) / len(here)
            found.append(Bin(low=low, high=high, count=len(here), said=round(said, 4), came=round(hits / len(here), 4)))
    return tuple(found)


def ece(pairs: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten equal bins (Naeini et al., 2015)."""
    return sum(item.count * abs(item.said - item.came) for item in bins(pairs)) / len(pairs)


def report(pairs: Sequence[Pair], *, seed: int = 1) -> CalibrationReport:
    """The map, and how well it does on pairs that it was not fitted on (five folds); raw scores beside it."""
    raw = [(pair.score, pair.correct) for pair in pairs]
    held_out = _held_out(pairs, seed)
    return CalibrationReport(
        pairs=len(pairs), correct=sum(pair.correct for pair in pairs), blocks=fit(pairs), brier=round(brier(held_out), 4),
        ece=round(ece(held_out), 4), brier_raw=round(brier(raw), 4), ece_raw=round(ece(raw), 4), reliability=bins(held_out),
    )  # fmt: skip


def _held_out(pairs: Sequence[Pair], seed: int) -> list[tuple[float, bool]]:
    order = list(range(len(pairs)))
    Random(seed).shuffle(order)  # noqa: S311  folds, not secrets
    found: list[tuple[float, bool]] = []
    for fold in range(FOLDS):
        mine = set(order[fold::FOLDS])
        blocks = fit([pair for index, pair in enumerate(pairs) if index not in mine])
        found += [(block_of(blocks, pairs[index].score).frequency, pairs[index].correct) for index in sorted(mine)]
    return found
