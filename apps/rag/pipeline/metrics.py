"""Measures of a ranked list against judgements, as trec_eval defines them, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

RESAMPLES = 2_000
_SEED = 20_260


@dataclass(frozen=True)
class Estimate:
    """A mean over questions with its 95 % percentile bootstrap interval (Efron and Tibshirani, 1993)."""

    mean: float
    low: float
    high: float


def of_question(ranked: Sequence[str], judged: Mapping[str, int], cutoffs: Sequence[int]) -> dict[str, float]:
    """The measures of one question; gains are the grades themselves (linear), what is not judged gains nothing."""
    relevant = {name for name, grade in judged.items() if grade > 0}
    ranks = [rank for rank, name in enumerate(ranked, start=1) if name in relevant]
    found = {f"recall@{k}": sum(rank <= k for rank in ranks) / len(relevant) for k in cutoffs}
    return {
        "ndcg@10": _ndcg(ranked[:10], judged),
        **found,
        "success@1": float(bool(ranks) and ranks[0] == 1),
        "success@10": float(bool(ranks) and ranks[0] <= 10),
        "mrr": 1 / ranks[0] if ranks else 0.0,
    }


def _ndcg(ranked: Sequence[str], judged: Mapping[str, int]) -> float:
    gained = sum(max(judged.get(name, 0), 0) / log2(rank + 1) for rank, name in enumerate(ranked, start=1))
    best = sorted((grade for grade in judged.values() if grade > 0), reverse=True)[:10]
    return gained / sum(grade / log2(rank + 1) for rank, grade in enumerate(best, start=1))


def estimate(values: Sequence[float]) -> Estimate:
    """Mean and interval; the same resamples every time, so that a difference of two runs is of the runs."""
    held: npt.NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    chosen = np.random.default_rng(_SEED)
    means = np.array([held[chosen.integers(0, len(held), len(held))].mean() for _ in range(RESAMPLES)])
    low, high = np.percentile(means, [2.5, 97.5])
    return Estimate(float(held.mean()), float(low), float(high))
