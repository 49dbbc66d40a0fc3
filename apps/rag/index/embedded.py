"""The Qdrant engine in process (qdrant-edge): a derived index in a folder that one process owns by a file lock."""

from __future__ import annotations

import fcntl
import shutil
import threading
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from qdrant_edge import (
    CountRequest,
    Distance,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    EdgeVectorParams,
    FieldCondition,
    Filter,
    Fusion,
    MatchAny,
    Modifier,
    PayloadSchemaType,
    Prefetch,
    Query,
    QueryRequest,
    RangeFloat,
    UpdateOperation,
)
from qdrant_edge import Point as EdgePoint

from apps.rag.index import store
from apps.rag.index.embedding import Vectors
from apps.rag.index.store import Found, Point
from apps.rag.schemas import Filters, Scope
from medassist.common.errors import RetrievalUnavailable

MOST_SLOTS = 64
_BATCH = 256


class EdgeStore:
    """Thread-safe; a second process takes the next slot, since one engine owns one folder."""

    rebuilt_by_reader = True

    def __init__(self, folder: Path, dimension: int) -> None:
        self._dimension = dimension
        self._lock = threading.RLock()
        self._slot, self._held = _take_slot(folder)
        self._shard = self._fresh()

    def _fresh(self) -> Any:
        path = self._slot / "shard"
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        config = EdgeConfig(
            vectors={store.DENSE: EdgeVectorParams(size=self._dimension, distance=Distance.Cosine)},
            sparse_vectors={store.SPARSE: EdgeSparseVectorParams(modifier=Modifier.Idf)},
        )
        shard = EdgeShard.create(str(path), config)
        for name in store.KEYWORDS:
            shard.update(UpdateOperation.create_field_index(name, PayloadSchemaType.Keyword))
        shard.update(UpdateOperation.create_field_index("published", PayloadSchemaType.Integer))
        return shard

    def replace_all(self, points: Sequence[Point]) -> None:
        with self._lock:
            if self.count(clinic=store.SHARED) == self.count():
                # Nothing else is here: a fresh shard is faster than deleting, and keeps no holes.
                self._shard.close()
                self._shard = self._fresh()
            else:
                self._shard.update(UpdateOperation.delete_points_by_filter(_where(clinic=store.SHARED)))
            self.upsert(points)

    def upsert(self, points: Sequence[Point]) -> None:
        with self._lock:
            for at in range(0, len(points), _BATCH):
                batch = [_edge_point(point) for point in points[at : at + _BATCH]]
                self._shard.update(UpdateOperation.upsert_points(batch))
            self._shard.flush()

    def delete(self, *, clinic: str, text_id: str) -> int:
        with self._lock:
            self._shard.update(UpdateOperation.delete_points_by_filter(_where(clinic=clinic, text=text_id)))
            return self.count(clinic=clinic, text_id=text_id)

    def drop(self, *, clinic: str) -> int:
        with self._lock:
            self._shard.update(UpdateOperation.delete_points_by_filter(_where(clinic=clinic)))
            return self.count(clinic=clinic)

    def search(
        self, *, scope: Scope, mode: str, text: str, vector: Vectors, limit: int, filters: Filters = store.NO_FILTERS
    ) -> list[Found]:
        self._check(vector)
        allowed = _filter(scope, filters)
        dense, sparse = Query.Nearest(store.plain(vector), using=store.DENSE), None
        if mode != "dense":
            sparse = Query.Nearest(store.sparse_query(text), using=store.SPARSE)
        if mode == "fused":
            prefetches = [
                Prefetch(limit=limit * 3, query=dense, filter=allowed),
                Prefetch(limit=limit * 3, query=sparse, filter=allowed),
            ]
            fusion = Fusion.Rrf(k=store.RRF_K, weights=list(store.FUSION_WEIGHTS))
            request = QueryRequest(limit=limit, prefetches=prefetches, query=fusion, with_payload=True, filter=allowed)  # type: ignore[arg-type]
        else:
            request = QueryRequest(limit=limit, query=sparse or dense, with_payload=True, filter=allowed)
        with self._lock:
            points = self._shard.query(request)
        return store.ordered([Found(str(point.payload["passage"]), float(point.score)) for point in points])

    def count(self, *, clinic: str | None = None, text_id: str | None = None) -> int:
        with self._lock:
            return int(self._shard.count(CountRequest(exact=True, filter=_where(clinic=clinic, text=text_id))))

    def _check(self, vector: Vectors) -> None:
        if len(vector) != self._dimension:
            raise RetrievalUnavailable("The index was made for vectors of another embedder")

    def close(self) -> None:
        with self._lock:
            self._shard.close()
            self._held.close()


def _edge_point(point: Point) -> EdgePoint:
    return EdgePoint(
        id=uuid.UUID(point.id),
        vector={store.DENSE: store.plain(point.vector), store.SPARSE: store.sparse_document(point.text)},
        payload=point.payload,
    )


def _where(**equal: str | None) -> Any:
    asked = [
        FieldCondition(key=name, match=MatchAny(any=[value])) for name, value in equal.items() if value is not None
    ]
    return Filter(must=list(asked)) if asked else None


def _filter(scope: Scope, filters: Filters) -> Any:
    clinics, cases = store.scope_values(scope)
    must: list[Any] = [
        FieldCondition(key="clinic", match=MatchAny(any=clinics)),
        FieldCondition(key="case", match=MatchAny(any=cases)),
    ]
    must += [FieldCondition(key=name, match=MatchAny(any=values)) for name, values in store.wanted(filters).items()]
    if days := store.period(filters):
        must.append(FieldCondition(key="published", range=RangeFloat(gte=days[0], lte=days[1])))
    return Filter(must=must)


def _take_slot(folder: Path) -> tuple[Path, IO[str]]:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(MOST_SLOTS):
        slot = folder / f"slot-{number}"
        slot.mkdir(exist_ok=True)
        held = (slot / "lock").open("w")
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            continue
        return slot, held
    raise OSError("Every slot of the embedded index is taken")
