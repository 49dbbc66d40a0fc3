"""Measures agree with an independent program; bad files are named; a small trial is measured without a database."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from apps.rag.index.embedding import Vectors
from apps.rag.pipeline.metrics import estimate, of_question
from apps.rag.pipeline.trial import Trial, read_trial
from apps.rag.pipeline.vector_cache import embedded
from medassist.common.errors import InvalidInput

ORACLE = json.loads((Path(__file__).parent / "data" / "metrics_oracle.json").read_text())
DOCS = [
    {"id": "a", "title": "Asthma", "text": "Wheezing and a tight chest that come and go, worse at night."},
    {"id": "b", "title": "Gout", "text": "A red, hot, very painful joint of the big toe; urate crystals."},
    {"id": "c", "title": "Migraine", "text": "One-sided throbbing headache with nausea and dislike of light."},
    {"id": "d", "text": "IL-6 is a cytokine that rises in inflammation."},
]
QUESTIONS = [
    {"id": 1, "question": "Why is my big toe red and hot?", "batch": "6B2"},
    {"id": "2", "question": "headache with nausea", "batch": "7B1"},
    {"id": "3", "question": "What does IL6 do?", "batch": "10B3"},
    {"id": "4", "question": "Nothing answers this", "batch": "8B1"},
]
QRELS = "query_id\tdoc_id\tgrade\n1\tb\t1\n2\tc\t2\n2\ta\t0\n3\td\t1\n3\tgone\t1\n"


@pytest.mark.parametrize("query", sorted(ORACLE["judged"]))
def test_measures_are_those_of_trec_eval(query: str) -> None:
    found = of_question(ORACLE["ranked"][query], ORACLE["judged"][query], (5, 10, 20))
    assert found == pytest.approx(ORACLE["measures"][query], abs=1e-9)


def test_interval_of_a_share_is_near_the_normal_one() -> None:
    found = estimate([1.0] * 300 + [0.0] * 100)
    half = 1.96 * (0.75 * 0.25 / 400) ** 0.5
    assert found.mean == 0.75
    assert (found.low, found.high) == pytest.approx((0.75 - half, 0.75 + half), abs=0.006)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    named = {name: tmp_path / name for name in ("docs.jsonl", "questions.jsonl", "qrels.tsv")}
    named["docs.jsonl"].write_text("\n".join(json.dumps(row) for row in DOCS))
    named["questions.jsonl"].write_text("\n".join(json.dumps(row) for row in QUESTIONS))
    named["qrels.tsv"].write_text(QRELS)
    return {name.partition(".")[0]: path for name, path in named.items()}


def _read(files: dict[str, Path], split: str = "") -> Trial:
    return read_trial(docs=files["docs"], questions=files["questions"], qrels=files["qrels"], split=split)


def test_split_keeps_batches_by_their_number(files: dict[str, Path]) -> None:
    trial = _read(files, split="7-10")
    assert [question.id for question in trial.questions] == ["2", "3"]
    assert (trial.unanswerable, trial.missing) == (1, 1)
    assert [question.id for question in _read(files, split="6,10B3").questions] == ["1", "3"]
    assert trial.documents["a"].startswith("Asthma\nWheezing")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("docs", '{"id": "a", "text": "x"}\n\n{"id": "a", "text": "y"}', "docs.jsonl, line 3: id is there twice"),
        ("docs", '{"id": "a", "text": ["x"]}', "docs.jsonl, line 1: text is missing, empty or not text"),
        ("docs", '{"id": "a"', "docs.jsonl, line 1: is not valid JSON"),
        ("docs", "[1]", "docs.jsonl, line 1: is not a JSON object"),
        ("docs", "", "docs.jsonl: no document"),
        ("questions", '{"id": "1", "query": "x"}', "questions.jsonl, line 1: question is missing, empty or not text"),
        ("qrels", "query_id doc_id grade\n", "qrels.tsv, line 1: the header is query_id, doc_id, grade"),
        ("qrels", "query_id\tdoc_id\tgrade\n1\tb\thigh\n", "qrels.tsv, line 2: grade is not a whole number"),
        ("qrels", "query_id\tdoc_id\tgrade\n1\tb\n", "qrels.tsv, line 2: 2 fields"),
        ("qrels", "query_id\tdoc_id\tgrade\n1\tb\t1\n1\tb\t1\n", "qrels.tsv, line 3: doc_id is judged twice"),
        ("qrels", "query_id\tdoc_id\tgrade\n9\tb\t1\n", "qrels.tsv: no judgement of any of the questions is above 0"),
    ],
)  # fmt: skip
def test_bad_files_are_named_with_line_and_field(files: dict[str, Path], name: str, content: str, said: str) -> None:
    files[name].write_text(content)
    with pytest.raises(InvalidInput, match=said.replace("(", r"\(")):
        _read(files)


def test_bytes_that_are_no_text_and_a_file_that_is_away(files: dict[str, Path]) -> None:
    files["docs"].write_bytes(b'{"id": "a", "text": "\xff"}')
    with pytest.raises(InvalidInput, match=r"docs\.jsonl.*not UTF-8"):
        _read(files)
    with pytest.raises(InvalidInput, match=r"away\.jsonl: cannot be read"):
        _read(files | {"docs": files["docs"].with_name("away.jsonl")})


def test_the_command_measures_without_a_database(files: dict[str, Path], tmp_path: Path) -> None:
    out, into = StringIO(), tmp_path / "figures.json"
    given: dict[str, Any] = {**files, "into": into, "cache": tmp_path / "vectors", "stdout": out}
    call_command("measure_retrieval", **given)
    figures = json.loads(into.read_text())
    assert figures["questions"] == 3
    assert figures["measures"]["fused"]["success@1"]["mean"] == 1.0
    assert figures["measures"]["sparse"]["recall@5"]["mean"] == pytest.approx((1 + 1 + 0.5) / 3)
    assert "1 relevant documents are not among the documents" in out.getvalue()
    with pytest.raises(CommandError, match="--k"):
        call_command("measure_retrieval", **given | {"k": "0"})


class _Counting:
    id, dimension = "counting/1", 4

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed(self, texts: Any) -> Vectors:
        self.asked += texts
        return np.array([[len(text), 1, 2, 3] for text in texts], dtype=np.float32)


def test_cached_vectors_are_those_of_their_texts(tmp_path: Path) -> None:
    model = _Counting()
    first = embedded(model, ["three", "a", "three", "bb"], tmp_path)
    assert first[:, 0].tolist() == [5, 1, 5, 2]
    again = embedded(model, ["bb", "new one", "three"], tmp_path)
    assert again[:, 0].tolist() == [2, 7, 5]
    assert sorted(model.asked) == ["a", "bb", "new one", "three"]
