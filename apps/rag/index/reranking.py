"""The order of a fused question's candidates: by the engine's ranks, by scores, by token vectors, by a cross-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
from django.conf import settings

from apps.rag.index.embedding import MiniLm, Vectors, embedder
from apps.rag.index.fusing import Candidate, RerankerName, Rescore, Texts, by_scores
from medassist.common.errors import ConfigurationError

READ = 20
"""Candidates that a reading reranker reads; the others keep their places behind them."""
_READING_SHARE = 0.5


def reranker(name: RerankerName | None = None) -> Rescore | None:
    """The process's reranker, by settings.RERANKER; None leaves the engine's order."""
    return _made(name or settings.RERANKER, settings.RERANKER_MODEL, settings.FUSION_SPARSE_SHARE)


@cache
def _made(name: str, model: str, sparse_share: float) -> Rescore | None:
    scores = by_scores(sparse_share)
    if name == "none":
        return None
    if name == "late_interaction":
        return _reading(scores, late_interaction)
    if name == "cross_encoder":
        return _reading(scores, _CrossEncoder(model))
    return scores


def _reading(first: Rescore, read: Any) -> Rescore:
    """The best by `first` are read; their order is half what was read, half `first`."""

    def rescore(question: str, candidates: Sequence[Candidate], texts: Texts) -> list[float]:
        base = list(first(question, candidates, texts))
        best = sorted(range(len(candidates)), key=lambda at: -base[at])[:READ]
        known = texts([candidates[at].passage_id for at in best])
        best = [at for at in best if candidates[at].passage_id in known]
        if not best:
            return base
        seen = _unit(read(question, [known[candidates[at].passage_id] for at in best]))
        for at, score in zip(best, seen, strict=True):
            # One above every candidate that was not read.
            base[at] = 1 + _READING_SHARE * float(score) + (1 - _READING_SHARE) * base[at]
        return base

    return rescore


def _unit(scores: Sequence[float]) -> Vectors:
    held = np.asarray(scores, dtype=np.float32)
    width = float(held.max() - held.min())
    return (held - held.min()) / width if width else np.zeros_like(held)


def late_interaction(question: str, texts: Sequence[str]) -> list[float]:
    """Mean over the question's tokens of the best cosine with a token of the text (Khattab and Zaharia, 2020).

    With the offline embedder's own token vectors; they are computed for each question and kept nowhere.
    """
    model = embedder()
    if not isinstance(model, MiniLm):
        raise ConfigurationError("RERANKER=late_interaction needs EMBEDDER=minilm")
    asked, *read = model.tokens([question, *texts])
    return [float((asked @ tokens.T).max(axis=1).mean()) for tokens in read]


class _CrossEncoder:
    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import CrossEncoder
        except ImportError as error:
            raise ConfigurationError("RERANKER=cross_encoder needs requirements/embed.txt") from error
        self._model: Any = CrossEncoder(model)

    def __call__(self, question: str, texts: Sequence[str]) -> list[float]:
        return [float(score) for score in self._model.predict([(question, text) for text in texts])]
