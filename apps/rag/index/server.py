"""A Qdrant server (QDRANT_URL). Also runs on the client's in-memory form, on one thread, for the congruence suite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qdrant_client import QdrantClient, models

from apps.rag.index import store
from apps.rag.index.embedding import Vectors
from apps.rag.index.store import Found, Point
from apps.rag.schemas import Scope
from medassist.common.errors import RetrievalUnavailable

COLLECTION = "medassist_passages"
_BATCH = 128


class ServerStore:
    """One collection partitioned by clinic (`is_tenant` index); raises `RetrievalUnavailable` when it is away."""

    rebuilt_by_reader = False

    def __init__(self, client: QdrantClient, dimension: int) -> None:
        self._client = client
        self._dimension = dimension

    @classmethod
    def at(cls, url: str, api_key: str | None, dimension: int) -> ServerStore:
        return cls(QdrantClient(url=url, api_key=api_key, timeout=10, check_compatibility=False), dimension)

    def _ensure(self) -> None:
        if self._client.collection_exists(COLLECTION):
            vectors: Any = self._client.get_collection(COLLECTION).config.params.vectors
            if vectors[store.DENSE].size == self._dimension:
                return
            # Another embedder: every vector is made anew from Postgres, so the old collection is of no use.
            self._client.delete_collection(COLLECTION)
        self._client.create_collection(
            COLLECTION,
            vectors_config={store.DENSE: models.VectorParams(size=self._dimension, distance=models.Distance.COSINE)},
            sparse_vectors_config={store.SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
        for name, tenant in (("clinic", True), ("case", False)):
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=tenant)
            self._client.create_payload_index(COLLECTION, name, field_schema=schema)

    def replace_all(self, points: Sequence[Point]) -> None:
        """The shared passages become exactly `points`; clinics' own points stay."""
        try:
            self._ensure()
            for at in range(0, len(points), _BATCH):
                self._client.upsert(COLLECTION, [_struct(point) for point in points[at : at + _BATCH]], wait=True)
            shared = models.FieldCondition(key="clinic", match=models.MatchValue(value=store.SHARED))
            keep = models.HasIdCondition(has_id=[point.id for point in points])
            self._client.delete(
                COLLECTION, models.FilterSelector(filter=models.Filter(must=[shared], must_not=[keep])), wait=True
            )
        except RetrievalUnavailable:
            raise
        except Exception as error:
            raise RetrievalUnavailable from error

    def search(self, *, scope: Scope, mode: str, text: str, vector: Vectors, limit: int) -> list[Found]:
        allowed = _filter(scope)
        dense = store.plain(vector)
        words = store.sparse_query(text)
        sparse = models.SparseVector(indices=list(words.indices), values=list(words.values))
        try:
            if mode == "fused":
                answer = self._client.query_points(
                    COLLECTION,
                    prefetch=[
                        models.Prefetch(query=dense, using=store.DENSE, limit=limit * 3, filter=allowed),
                        models.Prefetch(query=sparse, using=store.SPARSE, limit=limit * 3, filter=allowed),
                    ],
                    query=models.RrfQuery(rrf=models.Rrf(k=store.RRF_K, weights=list(store.FUSION_WEIGHTS))),
                    query_filter=allowed, limit=limit, with_payload=True,
                )  # fmt: skip
            elif mode == "sparse":
                answer = self._client.query_points(
                    COLLECTION, query=sparse, using=store.SPARSE, query_filter=allowed, limit=limit, with_payload=True
                )
            else:
                answer = self._client.query_points(
                    COLLECTION, query=dense, using=store.DENSE, query_filter=allowed, limit=limit, with_payload=True
                )
        except Exception as error:
            raise RetrievalUnavailable from error
        return store.ordered(
            [Found(str((point.payload or {})["passage"]), float(point.score)) for point in answer.points]
        )

    def close(self) -> None:
        self._client.close()

    def count(self) -> int:
        try:
            return int(self._client.count(COLLECTION, exact=True).count)
        except Exception as error:
            raise RetrievalUnavailable from error


def _struct(point: Point) -> models.PointStruct:
    words = store.sparse_document(point.text)
    return models.PointStruct(
        id=point.id,
        vector={
            store.DENSE: store.plain(point.vector),
            store.SPARSE: models.SparseVector(indices=list(words.indices), values=list(words.values)),
        },
        payload=point.payload,
    )


def _filter(scope: Scope) -> models.Filter:
    clinics, cases = store.scope_values(scope)
    return models.Filter(
        must=[
            models.FieldCondition(key="clinic", match=models.MatchAny(any=clinics)),
            models.FieldCondition(key="case", match=models.MatchAny(any=cases)),
        ]
    )
