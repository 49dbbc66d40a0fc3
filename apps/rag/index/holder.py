"""The process's index, brought up to date with Postgres before each search."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings

from apps.rag.index.embedding import embedder
from apps.rag.index.store import Point, VectorStore
from medassist.common.errors import RetrievalUnavailable

if TYPE_CHECKING:
    from apps.rag.index.server import ServerStore

_lock = threading.Lock()
_store: VectorStore | None = None
_generation = -1
_own: OrderedDict[str, dict[UUID, int]] = OrderedDict()
"""Clinic -> its texts in this process's index, each at its generation; the clinic searched last stands last."""


embedded_by: set[tuple[str, str]] = set()
"""(snapshot, embedder) pairs of which it is known that every passage has a vector."""


@dataclass(frozen=True)
class Truth:
    """What Postgres holds for one clinic: the generation of the shared texts, the clinic's own texts at theirs."""

    generation: int
    shared: Callable[[], Sequence[Point]]
    clinic: str
    texts: Mapping[UUID, int]
    of_texts: Callable[[Sequence[UUID]], Sequence[Point]]


def current(truth: Truth) -> VectorStore:
    """The index as Postgres has it now. One inside this process takes over what changed; a server was told already."""
    global _store, _generation  # noqa: PLW0603  one index a process is the point of this module
    with _lock:
        try:
            if _store is None:
                _store = _open()
            if _store.rebuilt_by_reader:
                if _generation != truth.generation:
                    _store.replace_all(truth.shared())
                _follow(_store, truth)
        except OSError as error:
            raise RetrievalUnavailable("The search index cannot be written") from error
        _generation = truth.generation
        return _store


def _follow(index: VectorStore, truth: Truth) -> None:
    known = _own.setdefault(truth.clinic, {})
    _own.move_to_end(truth.clinic)
    gone = [text_id for text_id, at in known.items() if truth.texts.get(text_id) != at]
    for text_id in gone:
        index.delete(clinic=truth.clinic, text_id=str(text_id))
        del known[text_id]
    if fresh := [text_id for text_id in truth.texts if text_id not in known]:
        index.upsert(truth.of_texts(fresh))
        known.update((text_id, truth.texts[text_id]) for text_id in fresh)
    while len(_own) > settings.INDEX_CLINICS:
        clinic, _ = _own.popitem(last=False)
        index.drop(clinic=clinic)


def on_server() -> ServerStore | None:
    """The server's store when one is configured: who changes texts writes there directly."""
    if not settings.QDRANT_URL:
        return None
    # The engines are loaded where they are used: the web process opens passages but never searches.
    from apps.rag.index.server import ServerStore

    return ServerStore.at(settings.QDRANT_URL, settings.QDRANT_API_KEY, embedder().dimension, embedder().id)


def forget_text(clinic: str, text_id: UUID) -> int:
    """Takes a text out of this process's own index at once; returns the points that are left of it there."""
    with _lock:
        if _store is None or not _store.rebuilt_by_reader:
            return 0
        _own.get(clinic, {}).pop(text_id, None)
        return _store.delete(clinic=clinic, text_id=str(text_id))


def _open() -> VectorStore:
    server = on_server()
    if server is not None:
        return server
    from apps.rag.index.embedded import EdgeStore

    return EdgeStore(Path(settings.STATE_DIR) / "qdrant", embedder().dimension)


def forget() -> None:
    """Closes the process's index (tests, and a worker that shuts down)."""
    global _store, _generation
    with _lock:
        if _store is not None:
            _store.close()
        _store, _generation = None, -1
        _own.clear()
        embedded_by.clear()
