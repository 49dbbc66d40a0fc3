"""A Qdrant server (QDRANT_URL). Also runs on the client's in-memory form, on one thread, for the congruence suite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from qdrant_client import QdrantClient, models

from apps.rag.index import store
from apps.rag.index.embedding import Vectors
from apps.rag.index.store import Found, Point
from apps.rag.schemas import Filters, Scope
from medassist.common.errors import RetrievalUnavailable

ALIAS = "medassist_passages"
_BATCH = 128
_TIMEOUT_S = 10


class ServerStore:
    """Collections `<alias>.v1`, `.v2`, … behind one alias, partitioned by clinic (`is_tenant` index).

    The alias names the embedder: another embedder never searches these vectors. Raises `RetrievalUnavailable` for a
    server that is away, slow, of another dimension, or answers with what is no answer.
    """

    rebuilt_by_reader = False

    def __init__(self, client: QdrantClient, dimension: int, embedder_id: str = "") -> None:
        self._client = client
        self._dimension = dimension
        self.alias = f"{ALIAS}.{_slug(embedder_id)}" if embedder_id else ALIAS

    @classmethod
    def at(cls, url: str, api_key: str | None, dimension: int, embedder_id: str = "") -> ServerStore:
        client = QdrantClient(url=url, api_key=api_key, timeout=_TIMEOUT_S, check_compatibility=False)
        return cls(client, dimension, embedder_id)

    def replace_all(self, points: Sequence[Point]) -> None:
        with _answers():
            name = self._ensure()
            self._write(name, points)
            shared = models.FieldCondition(key="clinic", match=models.MatchValue(value=store.SHARED))
            keep = models.HasIdCondition(has_id=[point.id for point in points])
            self._client.delete(
                name, models.FilterSelector(filter=models.Filter(must=[shared], must_not=[keep])), wait=True
            )

    def upsert(self, points: Sequence[Point]) -> None:
        with _answers():
            self._write(self._ensure(), points)

    def delete(self, *, clinic: str, text_id: str) -> int:
        return self._deleted(clinic=clinic, text_id=text_id)

    def drop(self, *, clinic: str) -> int:
        return self._deleted(clinic=clinic)

    def _deleted(self, *, clinic: str, text_id: str | None = None) -> int:
        with _answers():
            name = self._current()
            if name is None:
                return 0
            doomed = models.FilterSelector(filter=_where(clinic=clinic, text=text_id))
            self._client.delete(name, doomed, wait=True)
        return self.count(clinic=clinic, text_id=text_id)

    def begin_version(self) -> str:
        """A new, empty collection that nobody searches yet; one that an interrupted rebuild left is taken over."""
        with _answers():
            current = self._current()
            number = int(current.rpartition(".v")[2]) + 1 if current else 1
            name = f"{self.alias}.v{number}"
            if not self._client.collection_exists(name):
                self._create(name)
            return name

    def write_version(self, name: str, points: Sequence[Point]) -> None:
        with _answers():
            self._write(name, points)

    def count_version(self, name: str) -> int:
        with _answers():
            return int(self._client.count(name, exact=True).count)

    def switch_version(self, name: str) -> None:
        """Searches go to `name` from now on, in one step; the collection before it is deleted."""
        with _answers():
            before = self._current()
            change: list[Any] = []
            if before:
                change.append(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self.alias)))
            create = models.CreateAlias(collection_name=name, alias_name=self.alias)
            change.append(models.CreateAliasOperation(create_alias=create))
            self._client.update_collection_aliases(change)
            if before and before != name:
                self._client.delete_collection(before)

    def _current(self) -> str | None:
        """The collection behind the alias."""
        for item in self._client.get_aliases().aliases:
            if item.alias_name == self.alias:
                return str(item.collection_name)
        return None

    def _ensure(self) -> str:
        name = self._current()
        if name is None:
            name = self.begin_version()
            self.switch_version(name)
            return name
        vectors: Any = self._client.get_collection(name).config.params.vectors
        if vectors[store.DENSE].size != self._dimension:
            raise RetrievalUnavailable("The index was made for vectors of another size: run reindex")
        return name

    def _create(self, name: str) -> None:
        self._client.create_collection(
            name,
            vectors_config={store.DENSE: models.VectorParams(size=self._dimension, distance=models.Distance.COSINE)},
            sparse_vectors_config={store.SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        )
        for field in store.KEYWORDS:
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=field == "clinic")
            self._client.create_payload_index(name, field, field_schema=schema)
        self._client.create_payload_index(name, "published", field_schema=models.PayloadSchemaType.INTEGER)

    def _write(self, name: str, points: Sequence[Point]) -> None:
        for at in range(0, len(points), _BATCH):
            self._client.upsert(name, [_struct(point) for point in points[at : at + _BATCH]], wait=True)

    def search(
        self, *, scope: Scope, mode: str, text: str, vector: Vectors, limit: int, filters: Filters = store.NO_FILTERS
    ) -> list[Found]:
        if len(vector) != self._dimension:
            raise RetrievalUnavailable("The index was made for vectors of another embedder")
        allowed = _filter(scope, filters)
        dense = store.plain(vector)
        words = store.sparse_query(text)
        sparse = models.SparseVector(indices=list(words.indices), values=list(words.values))
        with _answers():
            if mode == "fused":
                answer = self._client.query_points(
                    self.alias,
                    prefetch=[
                        models.Prefetch(query=dense, using=store.DENSE, limit=limit * 3, filter=allowed),
                        models.Prefetch(query=sparse, using=store.SPARSE, limit=limit * 3, filter=allowed),
                    ],
                    query=models.RrfQuery(rrf=models.Rrf(k=store.RRF_K, weights=list(store.FUSION_WEIGHTS))),
                    query_filter=allowed, limit=limit, with_payload=True,
                )  # fmt: skip
            elif mode == "sparse":
                answer = self._client.query_points(
                    self.alias, query=sparse, using=store.SPARSE, query_filter=allowed, limit=limit, with_payload=True
                )
            else:
                answer = self._client.query_points(
                    self.alias, query=dense, using=store.DENSE, query_filter=allowed, limit=limit, with_payload=True
                )
            found = [Found(str((point.payload or {})["passage"]), float(point.score)) for point in answer.points]
        return store.ordered(found)

    def close(self) -> None:
        self._client.close()

    def count(self, *, clinic: str | None = None, text_id: str | None = None) -> int:
        with _answers():
            name = self._current()
            if name is None:
                return 0
            return int(self._client.count(name, count_filter=_where(clinic=clinic, text=text_id), exact=True).count)


@contextmanager
def _answers() -> Iterator[None]:
    """Whatever a server does that is no answer is one error of ours; nothing is made up in its place."""
    try:
        yield
    except RetrievalUnavailable:
        raise
    except Exception as error:
        raise RetrievalUnavailable from error


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-").lower()


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


def _where(**equal: str | None) -> models.Filter:
    return models.Filter(
        must=[
            models.FieldCondition(key=name, match=models.MatchValue(value=value))
            for name, value in equal.items()
            if value is not None
        ]
    )


def _filter(scope: Scope, filters: Filters) -> models.Filter:
    clinics, cases = store.scope_values(scope)
    must: list[Any] = [
        models.FieldCondition(key=name, match=models.MatchAny(any=values))
        for name, values in {"clinic": clinics, "case": cases, **store.wanted(filters)}.items()
    ]
    if days := store.period(filters):
        must.append(models.FieldCondition(key="published", range=models.Range(gte=days[0], lte=days[1])))
    return models.Filter(must=must)
