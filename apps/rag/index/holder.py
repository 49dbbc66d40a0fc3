"""The process's index, brought up to date with Postgres whenever the passages have moved."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings

from apps.rag.index.embedding import embedder
from apps.rag.index.store import Point, VectorStore
from medassist.common.errors import RetrievalUnavailable

_lock = threading.Lock()
_store: VectorStore | None = None
_generation = -1


def current(generation: int, load: Callable[[], Sequence[Point]]) -> VectorStore:
    """The store at `generation`; an embedded one is rebuilt from `load()` when it is at another."""
    global _store, _generation  # noqa: PLW0603  one index a process is the point of this module
    with _lock:
        try:
            if _store is None:
                _store = _open()
            if _store.rebuilt_by_reader and _generation != generation:
                _store.replace_all(load())
        except OSError as error:
            raise RetrievalUnavailable("The search index cannot be written") from error
        _generation = generation
        return _store


def on_server() -> VectorStore | None:
    """The server's store when one is configured: ingesting writes there directly."""
    if not settings.QDRANT_URL:
        return None
    # The engines are loaded where they are used: the web process opens passages but never searches.
    from apps.rag.index.server import ServerStore

    return ServerStore.at(settings.QDRANT_URL, settings.QDRANT_API_KEY, embedder().dimension)


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
