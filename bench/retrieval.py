"""python -m bench retrieval [--short] [--docs FILE]

How fast passages go into the embedded index and how fast questions come out of it, at 10,000 and at 100,000 passages, and
with how much memory. Words are real: the shipped sample guidelines, their sentences put together anew, or FILE (JSONL
with id and text). Dense vectors beyond the sample that measures the embedder are random unit vectors: their search
costs what that of real ones costs, and what they find is not judged here (`manage.py measure_retrieval` does that).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from bench.figures import last_line, percentile, say, table
from bench.memory import peak

SAMPLES = Path(__file__).resolve().parents[1] / "apps/rag/data/guidelines"
SENTENCES = 6
_SEED = 11
_BATCH = 2_000


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench retrieval", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="fewer questions and texts to embed; under four minutes")
    parser.add_argument("--docs", type=Path, help="JSONL with id and text, in place of the samples")
    parser.add_argument("--sizes", default="10000,100000", help="passages in the index (default: 10000,100000)")
    options = parser.parse_args(arguments)
    sizes = sorted({int(size) for size in options.sizes.split(",")})
    _prepare()
    from apps.rag.index.embedding import embedder

    chance = random.Random(_SEED)
    texts = _texts(options.docs)
    sentences = [said for text in texts for said in re.split(r"(?<=[.!?])\s+", text) if len(said) > 40]
    asked = [" ".join(chance.choice(sentences).split()[:14]) for _ in range(60 if options.short else 300)]
    sample = [_passage(sentences, chance) for _ in range(128 if options.short else 1_000)]
    speed = {"dense": _speed(embedder().embed, sample), "sparse": _speed(_sparse, sample * 10)}
    table(
        "Making vectors, one process",
        ["part", "documents/s", "characters/s"],
        [[name, *found] for name, found in speed.items()],
    )
    began = time.perf_counter()
    vectors = [embedder().embed([text])[0] for text in asked]
    embedding_ms = (time.perf_counter() - began) / len(asked) * 1_000
    say(f"\nembedding a question: {embedding_ms:.1f} ms on average (left out below)")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        found = [_at(size, Path(folder), sentences, asked, np.asarray(vectors), chance) for size in sizes]
    ways = [(mode, at) for mode in ("sparse", "dense", "fused") for at in ("p50", "p95")]
    table(
        "Questions to the embedded index (milliseconds) and peak memory of the process",
        ["passages", "written/s", *[f"{mode} {at}" for mode, at in ways], "MB"],
        [
            [row["passages"], row["written_per_s"], *[row[mode][at] for mode, at in ways], row["peak_mb"]]
            for row in found
        ],
    )
    result = {
        "bench": "retrieval", "embedder": embedder().id, "question_embedding_ms": round(embedding_ms, 1),
        "documents_per_s": {name: round(pair[0], 1) for name, pair in speed.items()},
        "characters_per_s": {name: round(pair[1]) for name, pair in speed.items()}, "sizes": found,
    }  # fmt: skip
    last_line(result)
    return 0


def _prepare() -> None:
    """Settings of a process that needs no database."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medassist.settings.typing")
    import django

    django.setup()


def _texts(path: Path | None) -> list[str]:
    files = [path] if path else sorted(SAMPLES.glob("*.jsonl"))
    found = [
        json.loads(line).get("text", "") for file in files for line in file.read_text("utf-8").splitlines() if line
    ]
    return [text for text in found if text]


def _passage(sentences: Sequence[str], chance: random.Random) -> str:
    return " ".join(chance.choice(sentences) for _ in range(SENTENCES))


def _sparse(texts: Sequence[str]) -> None:
    from apps.rag.index.store import sparse_document

    for text in texts:
        sparse_document(text)


def _speed(make: Any, texts: Sequence[str]) -> tuple[float, float]:
    """Documents and characters a second."""
    make(texts[:2])
    began = time.perf_counter()
    make(texts)
    took = time.perf_counter() - began
    return len(texts) / took, sum(map(len, texts)) / took


def _at(
    size: int, folder: Path, sentences: Sequence[str], asked: Sequence[str], vectors: Any, chance: random.Random
) -> dict[str, Any]:
    from apps.rag.index.embedded import EdgeStore
    from apps.rag.index.store import Point

    dimension = vectors.shape[1]
    drawn = np.random.default_rng(_SEED)
    index = EdgeStore(folder, dimension)
    writing = 0.0
    try:
        for start in range(0, size, _BATCH):
            held = drawn.standard_normal((min(_BATCH, size - start), dimension)).astype(np.float32)
            held /= np.linalg.norm(held, axis=1, keepdims=True)
            points = [
                Point(passage_id=f"p{start + at}", text=_passage(sentences, chance), vector=row)
                for at, row in enumerate(held)
            ]
            began = time.perf_counter()
            index.upsert(points)
            writing += time.perf_counter() - began
        times = {mode: _times(index, mode, asked, vectors) for mode in ("sparse", "dense", "fused")}
    finally:
        index.close()
    return {"passages": size, "written_per_s": round(size / writing), "peak_mb": round(peak(os.getpid())), **times}


def _times(index: Any, mode: str, asked: Sequence[str], vectors: Any) -> dict[str, float]:
    from apps.rag.index import fusing
    from apps.rag.index.reranking import reranker
    from apps.rag.index.store import NO_FILTERS
    from apps.rag.schemas import Mode, Scope

    took: list[float] = []
    for text, vector in zip(asked, vectors, strict=True):
        began = time.perf_counter()
        fusing.search(
            index, scope=Scope("bench"), mode=cast(Mode, mode), text=text, vector=vector, limit=10, filters=NO_FILTERS,
            rescore=reranker("scores"), texts=dict.fromkeys,  # type: ignore[arg-type]
        )  # fmt: skip
        took.append((time.perf_counter() - began) * 1_000)
    return {f"p{at}": round(percentile(took, at), 1) for at in (50, 95)}
