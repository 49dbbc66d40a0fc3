"""Vectors by the content of their texts, in one file of a folder: a measurement that is run again does not embed again."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from apps.rag.index.embedding import Embedder, Vectors

_BATCH = 128


def embedded(
    model: Embedder,
    texts: Sequence[str],
    folder: Path | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Vectors:
    """One row a text. With a folder, what is there is taken over and the rest is written batch by batch."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", model.id).strip("-")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(folder / f"{name}.sqlite3" if folder else ":memory:")) as held:
        held.execute("CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID")
        keys = [hashlib.sha256(text.encode()).digest() for text in texts]
        out = np.zeros((len(texts), model.dimension), dtype=np.float32)
        new: dict[bytes, list[int]] = {}
        for at, key in enumerate(keys):
            row = held.execute("SELECT vector FROM vectors WHERE text = ?", (key,)).fetchone()
            if row and len(row[0]) == out.itemsize * model.dimension:
                out[at] = np.frombuffer(row[0], dtype="<f4")
                progress(1)
            else:
                new.setdefault(key, []).append(at)
        # Texts of like length together: a batch is padded to its longest.
        waiting = sorted(new, key=lambda key: len(texts[new[key][0]]))
        for start in range(0, len(waiting), _BATCH):
            batch = waiting[start : start + _BATCH]
            vectors = model.embed([texts[new[key][0]] for key in batch])
            for key, vector in zip(batch, vectors, strict=True):
                out[new[key]] = vector
                progress(len(new[key]))
            rows = [(key, vector.astype("<f4").tobytes()) for key, vector in zip(batch, vectors, strict=True)]
            held.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            held.commit()
    return out
