"""Both vector stores through one suite, and the embedders against their oracle."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from qdrant_client import QdrantClient

from apps.rag.index.embedded import EdgeStore
from apps.rag.index.embedding import HttpEmbedder, MiniLm, SentenceTransformersEmbedder
from apps.rag.index.server import ServerStore
from apps.rag.index.store import Point, VectorStore
from apps.rag.schemas import Scope
from medassist.common.errors import ConfigurationError, RetrievalUnavailable

TEXTS = {
    "heart": "Heart attack: pressure in the chest, pain in the left arm, cold sweat",
    "lung": "Pneumonia: fever, cough with sputum, pain on breathing in",
    "skin": "Eczema: itchy dry skin on the elbows",
    "brain": "Stroke: drooping face, weak arm, slurred speech",
    "stone": "Kidney stones: pain in the flank, blood in the urine",
}


@pytest.fixture(scope="module")
def minilm() -> MiniLm:
    return MiniLm()


@pytest.fixture(params=["embedded", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorStore]:
    made: VectorStore = (
        EdgeStore(tmp_path, 384) if request.param == "embedded" else ServerStore(QdrantClient(location=":memory:"), 384)
    )
    yield made
    made.close()


@pytest.fixture
def point(minilm: MiniLm) -> Callable[..., Point]:
    def make(name: str, text: str = "", **place: Any) -> Point:
        words = text or TEXTS[name]
        return Point(passage_id=name, text=words, vector=minilm.embed([words])[0], **place)

    return make


def ask(
    store: VectorStore, minilm: MiniLm, text: str, mode: str, scope: Scope | None = None, limit: int = 5
) -> list[str]:
    found = store.search(
        scope=scope or Scope("alpha"), mode=mode, text=text, vector=minilm.embed([text])[0], limit=limit
    )
    return [item.passage_id for item in found]


@pytest.mark.parametrize("mode", ["fused", "dense", "sparse"])
@pytest.mark.parametrize(
    ("text", "best"),
    [("chest pressure and arm pain", "heart"), ("slurred speech", "brain"), ("blood in urine", "stone")],
)
def test_the_right_passage_comes_first(
    store: VectorStore, minilm: MiniLm, point: Any, mode: str, text: str, best: str
) -> None:
    store.replace_all([point(name) for name in TEXTS])
    assert ask(store, minilm, text, mode)[0] == best


@pytest.mark.parametrize("mode", ["fused", "dense", "sparse"])
def test_replacing_leaves_exactly_the_new_passages(store: VectorStore, minilm: MiniLm, point: Any, mode: str) -> None:
    store.replace_all([point(name) for name in TEXTS])
    store.replace_all([point("heart", "Gout: a hot swollen toe"), point("skin")])
    assert store.count() == 2
    assert set(ask(store, minilm, "hot swollen toe, itchy skin", mode)) == {"heart", "skin"}


@pytest.mark.parametrize("mode", ["fused", "dense", "sparse"])
def test_a_search_sees_the_shared_its_own_clinic_and_its_own_case_only(
    store: VectorStore, minilm: MiniLm, point: Any, mode: str
) -> None:
    case = uuid4()
    points = [
        point("heart"),
        point("lung", clinic="alpha"),
        point("skin", clinic="beta"),
        point("brain", clinic="alpha", case=str(case)),
        point("stone", clinic="alpha", case=str(uuid4())),
    ]
    store.replace_all(points)
    text = " ".join(TEXTS.values())
    assert set(ask(store, minilm, text, mode, Scope("alpha"))) == {"heart", "lung"}
    assert set(ask(store, minilm, text, mode, Scope("alpha", case))) == {"heart", "lung", "brain"}
    assert set(ask(store, minilm, text, mode, Scope("beta"))) == {"heart", "skin"}
    assert set(ask(store, minilm, text, mode, Scope("gamma", case))) == {"heart"}


def test_both_stores_give_the_same_answers(tmp_path: Path, minilm: MiniLm, point: Any) -> None:
    points = [point(name) for name in TEXTS]
    stores: list[VectorStore] = [EdgeStore(tmp_path, 384), ServerStore(QdrantClient(location=":memory:"), 384)]
    for one in stores:
        one.replace_all(points)
    for mode in ("fused", "dense", "sparse"):
        # No two passages match these alike: within a tie each engine ranks as it likes, and fusion sees the ranks.
        for text in ("pain in the left arm", "weak arm and cold sweat", "cough", "itchy elbows and fever", "urine"):
            first, second = (ask(one, minilm, text, mode) for one in stores)
            assert first == second, (mode, text)
    for one in stores:
        one.close()


def test_an_empty_index_finds_nothing(store: VectorStore, minilm: MiniLm) -> None:
    store.replace_all([])
    assert ask(store, minilm, "pain", "fused") == []


def test_vectors_of_another_size_are_refused_and_another_embedder_has_its_own_collection(point: Any) -> None:
    client = QdrantClient(location=":memory:")
    ServerStore(client, 384, "one/model").replace_all([point("heart")])
    small = np.ones(8, np.float32)
    with pytest.raises(RetrievalUnavailable):
        ServerStore(client, 8, "one/model").replace_all([Point("p", "gout", small)])
    with pytest.raises(RetrievalUnavailable):
        ServerStore(client, 384, "one/model").search(
            scope=Scope("alpha"), mode="dense", text="x", vector=small, limit=1
        )
    other = ServerStore(client, 8, "another/model")
    with pytest.raises(RetrievalUnavailable):
        other.search(scope=Scope("alpha"), mode="dense", text="x", vector=small, limit=1)
    other.replace_all([Point("p", "gout", small)])
    assert other.count() == ServerStore(client, 384, "one/model").count() == 1


def test_a_server_that_is_away_is_said_to_be_away() -> None:
    with pytest.raises(RetrievalUnavailable):
        ServerStore.at("http://127.0.0.1:1", None, 384).count()


def test_a_search_without_a_scope_cannot_be_written(store: VectorStore) -> None:
    with pytest.raises(TypeError):
        store.search(mode="dense", text="x", vector=np.zeros(384, np.float32), limit=1)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="clinic"):
        Scope("")


def test_two_processes_search_their_own_copy(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from apps.rag.index.embedded import EdgeStore; "
        "store = EdgeStore(Path(sys.argv[1]), 4); print('ready', flush=True); sys.stdin.read(); store.close()"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    for one in both:
        assert one.stdout is not None
        assert one.stdout.readline() == b"ready\n"
    for one in both:
        one.communicate(timeout=10)
        assert one.returncode == 0


# --- embedders ------------------------------------------------------------------------------------


def test_the_torch_free_embedder_equals_sentence_transformers(minilm: MiniLm) -> None:
    oracle = json.loads((Path(__file__).parent / "data/minilm_oracle.json").read_text("utf-8"))
    mine = minilm.embed(oracle["texts"])
    assert np.abs(mine - np.array(oracle["vectors"], dtype=np.float32)).max() < 2e-6


def test_vectors_have_unit_length_and_do_not_depend_on_the_batch(minilm: MiniLm) -> None:
    texts = list(TEXTS.values()) * 5
    together = minilm.embed(texts)
    assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
    alone = np.stack([minilm.embed([text])[0] for text in texts])
    assert np.abs(together - alone).max() < 2e-6
    assert minilm.embed([]).shape == (0, 384)


class _Embeddings(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 200 if self.headers.get("Authorization") == "Bearer right" else 401
        rows = [
            {"index": index, "embedding": [3.0, 4.0, float(len(text))]} for index, text in enumerate(asked["input"])
        ]
        body = json.dumps({"data": rows[::-1]}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def embeddings_server() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Embeddings)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_a_server_of_embeddings_is_read_in_order_and_normalised(embeddings_server: str) -> None:
    vectors = HttpEmbedder(embeddings_server, "m", "right").embed(["a", "abcdefghijkl"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)
    assert vectors[1][2] > vectors[0][2]


def test_a_server_of_embeddings_that_fails_makes_retrieval_unavailable(embeddings_server: str) -> None:
    with pytest.raises(RetrievalUnavailable):
        HttpEmbedder(embeddings_server, "m", "wrong").embed(["a"])
    with pytest.raises(RetrievalUnavailable):
        HttpEmbedder("http://127.0.0.1:1/v1", "m", "").embed(["a"])


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ConfigurationError, match=r"requirements/embed\.txt"):
        SentenceTransformersEmbedder("all-MiniLM-L6-v2")
