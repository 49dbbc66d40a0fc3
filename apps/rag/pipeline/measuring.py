"""How well the search finds what experts call relevant: the product's own index, fusion and reranking over a trial."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from apps.rag.index import fusing
from apps.rag.index.embedding import Vectors
from apps.rag.index.fusing import Rescore
from apps.rag.index.store import NO_FILTERS, Point, VectorStore
from apps.rag.pipeline.metrics import Estimate, estimate, of_question
from apps.rag.pipeline.trial import Trial
from apps.rag.schemas import Mode, Scope

MODES: tuple[Mode, ...] = ("sparse", "dense", "fused")
CUTOFFS = (5, 10, 20)
_SCOPE = Scope("measurement")


@dataclass(frozen=True)
class Measured:
    """`by_mode`: mode -> measure -> estimate. `gain`: fused minus a part, question by question, in nDCG@10."""

    questions: int
    documents: int
    by_mode: Mapping[Mode, Mapping[str, Estimate]]
    gain: Mapping[Mode, Estimate]
    seconds: Mapping[Mode, Sequence[float]]
    """Of each search, the embedding of the question left out."""


def measure(
    trial: Trial, *, index: VectorStore, documents: Vectors, questions: Vectors, rescore: Rescore | None,
    cutoffs: Sequence[int] = CUTOFFS, progress: Callable[[int], object] = lambda _: None,
) -> Measured:  # fmt: skip
    """Fills the index with the trial's documents and asks every question in every mode."""
    points = [
        Point(passage_id=name, text=text, vector=vector)
        for (name, text), vector in zip(trial.documents.items(), documents, strict=True)
    ]
    index.replace_all(points)
    rows: dict[Mode, list[dict[str, float]]] = {mode: [] for mode in MODES}
    seconds: dict[Mode, list[float]] = {mode: [] for mode in MODES}
    depth = max(10, *cutoffs)
    for question, vector in zip(trial.questions, questions, strict=True):
        for mode in MODES:
            began = time.perf_counter()
            found = fusing.search(
                index, scope=_SCOPE, mode=mode, text=question.text, vector=vector, limit=depth, filters=NO_FILTERS,
                rescore=rescore, texts=partial(_texts, trial.documents),
            )  # fmt: skip
            seconds[mode].append(time.perf_counter() - began)
            ranked = [item.passage_id for item in found]
            rows[mode].append(of_question(ranked, trial.judged[question.id], cutoffs))
        progress(1)
    by_mode = {
        mode: {name: estimate([row[name] for row in held]) for name in held[0]} for mode, held in rows.items()
    }  # fmt: skip
    gain: dict[Mode, Estimate] = {
        mode: estimate([ours["ndcg@10"] - its["ndcg@10"] for ours, its in zip(rows["fused"], rows[mode], strict=True)])
        for mode in MODES
        if mode != "fused"
    }
    return Measured(len(trial.questions), len(trial.documents), by_mode, gain, seconds)


def _texts(documents: Mapping[str, str], ids: Sequence[str]) -> dict[str, str]:
    return {name: documents[name] for name in ids}
