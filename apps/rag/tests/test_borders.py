"""Nobody's texts are found or opened outside their clinic and their case; nothing that is not searchable is."""

from __future__ import annotations

import inspect
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from qdrant_client import QdrantClient

from apps.rag.index import embedded, holder, server, store
from apps.rag.index.embedded import EdgeStore
from apps.rag.index.embedding import embedder
from apps.rag.index.server import ServerStore
from apps.rag.index.store import Found, Point, VectorStore
from apps.rag.models import OwnPassage, OwnText
from apps.rag.schemas import Block, Body, Filters, OwnTextInput, Query, Scope
from apps.rag.selectors import passage, passages
from apps.rag.services import assign_case, hide, publish, retrieve, stage, withdraw
from apps.rag.services.retrieval import NO_FILTERS
from medassist.common.errors import CallAborted, NotFound, PermissionDenied, RetrievalUnavailable
from medassist.tenancy.context import clinic_context

CLINICS = ("alpha", "beta")
CASES = tuple(UUID(int=number) for number in range(1, 4))
WORD = "quokkapox"


def body(text: str) -> Body:
    return Body(text=text, blocks=(Block("paragraph", 0, len(text)),))


def add(clinic: str, kind: Any, case: UUID | None = None, *, text: str = "", state: str = "searchable", **about: Any) -> UUID:  # fmt: skip
    name = uuid4()
    with clinic_context(clinic):
        words = text or f"{WORD} {name.hex}"
        given_text = OwnTextInput(id=name, kind=kind, title=f"Text {name.hex[:6]}", case_id=case, **about)
        stage(text=given_text, body=body(words), progress=lambda *_: None, stopped=lambda: False)
        if state != "staged":
            publish(text_id=name)
        if state == "withdrawn":
            hide(text_id=name)
        elif state == "superseded":
            OwnText.objects.filter(pk=name).update(state="superseded")
    return name


def found(clinic: str, case: UUID | None, filters: Filters = NO_FILTERS) -> set[str]:
    with clinic_context(clinic):
        hits = retrieve(
            scope=Scope(clinic, case), queries=[Query(WORD, mode=mode) for mode in ("fused", "dense", "sparse")],
            limit=100, per_query=100, filters=filters,
        ).hits  # fmt: skip
    return {hit.passage.guideline_id for hit in hits}


texts = st.lists(
    st.tuples(
        st.sampled_from(CLINICS),
        st.sampled_from([None, *CASES]),
        st.sampled_from(["searchable", "searchable", "staged", "superseded", "withdrawn"]),
        st.sampled_from(["en", "es"]),
        st.sampled_from(["A", "B", ""]),
    ),
    min_size=1,
    max_size=8,
)
filters = st.builds(
    Filters,
    kinds=st.sampled_from([(), ("protocol",), ("case_document",), ("protocol", "case_document")]),
    grades=st.sampled_from([(), ("A",), ("B", "C")]),
    languages=st.sampled_from([(), ("es",)]),
)


@pytest.mark.django_db(transaction=True)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts, st.sampled_from(CLINICS), st.sampled_from([None, *CASES]), filters)
def test_a_search_finds_exactly_what_its_scope_and_filters_allow(
    many: list[Any], clinic: str, case: UUID | None, asked: Filters
) -> None:
    for one_clinic in CLINICS:
        with clinic_context(one_clinic):
            OwnText.objects.all().delete()
    holder.forget()
    made = {}
    for where, of_case, state, language, grade in many:
        kind = "case_document" if of_case else "protocol"
        name = add(where, kind, of_case, state=state, language=language, grade=grade)
        made[name] = (where, of_case, state, kind, language, grade)
    may = {
        str(name)
        for name, (where, of_case, state, kind, language, grade) in made.items()
        if where == clinic and state == "searchable" and of_case in (None, case)
        and (not asked.kinds or kind in asked.kinds) and (not asked.languages or language in asked.languages)
        and (not asked.grades or grade in asked.grades)
    }  # fmt: skip
    assert found(clinic, case, asked) == may
    for name, (where, of_case, state, *_) in made.items():
        with clinic_context(where):
            ids = list(OwnPassage.objects.filter(own_text=name).values_list("pk", flat=True))
        with clinic_context(clinic):
            scope = Scope(clinic, case)
            citable = where == clinic and state == "searchable" and of_case in (None, case)
            assert set(passages(scope=scope, ids=ids)) == (set(ids) if citable else set())
            opens = where == clinic and state in ("searchable", "superseded") and of_case in (None, case)
            for one in ids:
                if opens:
                    assert passage(scope=scope, passage_id=one).passage.id == one
                else:
                    with pytest.raises(NotFound):
                        passage(scope=scope, passage_id=one)


@pytest.mark.django_db(transaction=True)
def test_a_scope_of_another_clinic_is_refused() -> None:
    with clinic_context("alpha"), pytest.raises(PermissionDenied):
        retrieve(scope=Scope("beta"), queries=[Query(WORD)])
    with clinic_context("alpha"), pytest.raises(PermissionDenied):
        passage(scope=Scope("beta"), passage_id="x")


def test_no_function_that_searches_can_be_called_without_a_scope() -> None:
    for function in (VectorStore.search, EdgeStore.search, ServerStore.search, retrieve, passage, passages):
        asked = inspect.signature(function).parameters["scope"]
        assert asked.default is inspect.Parameter.empty, function
        assert asked.annotation in (Scope, "Scope"), function
    for module in (embedded, server):
        code = Path(module.__file__ or "").read_text("utf-8")
        for call in ("query_points(", "QueryRequest("):
            for piece in code.split(call)[1:]:
                statement = piece[: piece.index("\n            elif") if "\n            elif" in piece[:600] else 600]
                assert "filter=allowed" in statement or "query_filter=allowed" in statement, (module.__name__, call)


@pytest.mark.django_db(transaction=True)
def test_a_document_that_no_case_has_taken_is_nobodys_until_one_takes_it() -> None:
    name = add("alpha", "case_document")
    assert found("alpha", CASES[0]) == set()
    with clinic_context("alpha"):
        assign_case(text_id=name, case_id=CASES[0])
        given_text = OwnTextInput(id=name, kind="case_document", title="Text", case_id=CASES[0])
        row = OwnText.objects.get(pk=name)
        given_text = replace(given_text, title=row.title)
        staged = stage(text=given_text, body=body(row.text), progress=lambda *_: None, stopped=lambda: False)
        assert staged.embedded == 0
        publish(text_id=name)
    assert found("alpha", CASES[0]) == {str(name)}
    assert found("alpha", CASES[1]) == set()


@pytest.mark.django_db(transaction=True)
def test_a_stopped_staging_is_invisible_and_carries_on_where_it_was(settings: Any) -> None:
    name = uuid4()
    long = "\n\n".join(f"Paragraph {number} about {WORD}. " + "word " * 110 for number in range(60))
    blocks, at = [], 0
    for piece in long.split("\n\n"):
        blocks.append(Block("paragraph", at, at + len(piece)))
        at += len(piece) + 2
    whole, seen = Body(long, tuple(blocks)), []
    with clinic_context("alpha"):
        given_text = OwnTextInput(id=name, kind="protocol", title="Long")
        with pytest.raises(CallAborted):
            stage(
                text=given_text,
                body=whole,
                progress=lambda done, of: seen.append((done, of)),
                stopped=lambda: len(seen) > 2,
            )
        kept = OwnPassage.objects.filter(own_text=name).count()
        assert 0 < kept < seen[0][1]
    assert found("alpha", None) == set()
    with clinic_context("alpha"):
        staged = stage(text=given_text, body=whole, progress=lambda *_: None, stopped=lambda: False)
        assert staged.embedded == staged.passages - kept
        publish(text_id=name)
    assert found("alpha", None) == {str(name)}


@pytest.mark.django_db(transaction=True)
def test_withdrawing_is_proved_and_takes_the_text_out_of_an_open_index() -> None:
    name, other = add("alpha", "protocol"), add("alpha", "protocol")
    assert found("alpha", None) == {str(name), str(other)}
    with clinic_context("alpha"):
        assert withdraw(text_id=name).points_left == 0
        assert not OwnPassage.objects.filter(own_text=name).exists()
        assert OwnText.objects.get(pk=name).text == ""
    assert found("alpha", None) == {str(other)}


@pytest.mark.django_db(transaction=True)
def test_clinics_searched_long_ago_leave_the_index_and_come_back(settings: Any) -> None:
    settings.INDEX_CLINICS = 1
    mine, theirs = add("alpha", "protocol"), add("beta", "protocol")
    for _ in range(2):
        assert found("alpha", None) == {str(mine)}
        assert found("beta", None) == {str(theirs)}


# --- a server that is away, slow, wrong or talks nonsense -------------------------------------------------------------


class Broken:
    """A client whose every call ends as told."""

    def __init__(self, how: BaseException | Any) -> None:
        self.how = how

    def __getattr__(self, name: str) -> Any:
        def call(*_: Any, **__: Any) -> Any:
            if isinstance(self.how, BaseException):
                raise self.how
            return self.how

        return call


@pytest.mark.parametrize("how", [ConnectionError(), TimeoutError(), ValueError("nonsense"), KeyError("x"), None, {}, "<html>"])  # fmt: skip
def test_whatever_a_server_does_nothing_is_made_up(how: Any) -> None:
    broken: Any = ServerStore(Broken(how), 4, "m")  # type: ignore[arg-type]
    vector = np.ones(4, np.float32)
    for call in (
        lambda: broken.search(scope=Scope("alpha"), mode="fused", text="x", vector=vector, limit=3),
        lambda: broken.upsert([Point("p", "x", vector)]),
        lambda: broken.delete(clinic="alpha", text_id="t"),
        broken.count,
        lambda: broken.replace_all([]),
        broken.begin_version,
    ):
        with pytest.raises(RetrievalUnavailable):
            call()


@pytest.fixture(params=["embedded", "server"])
def both(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made = EdgeStore(tmp_path, 4) if request.param == "embedded" else ServerStore(QdrantClient(location=":memory:"), 4, "m")  # fmt: skip
    yield made
    made.close()


def test_every_method_of_both_stores(both: Any) -> None:
    vectors = np.eye(4, dtype=np.float32)
    points = [
        Point("g", "gout toe", vectors[0], text_id="g", grade="A", published=date(2020, 5, 1)),
        Point("a1", "gout knee", vectors[1], "alpha", text_id="t1", kind="protocol", language="es", specialty="bones"),
        Point("a2", "gout hand", vectors[2], "alpha", str(CASES[0]), text_id="t2", kind="case_document"),
        Point("b1", "gout foot", vectors[3], "beta", text_id="t1", kind="protocol", published=date(2024, 1, 1)),
    ]
    both.replace_all(points[:1])
    both.upsert(points[1:])

    def ask(scope: Scope, **given: Any) -> set[str]:
        hits = both.search(
            scope=scope, mode="sparse", text="gout", vector=vectors[0], limit=9, filters=Filters(**given)
        )
        assert all(isinstance(hit, Found) for hit in hits)
        return {hit.passage_id for hit in hits}

    assert ask(Scope("alpha")) == {"g", "a1"}
    assert ask(Scope("alpha", CASES[0])) == {"g", "a1", "a2"}
    assert ask(Scope("beta", CASES[0])) == {"g", "b1"}
    assert ask(Scope("alpha"), kinds=("protocol",)) == {"a1"}
    assert ask(Scope("alpha"), languages=("es",), specialties=("bones",)) == {"a1"}
    assert ask(Scope("alpha"), grades=("A", "B")) == {"g"}
    assert ask(Scope("beta"), published_from=date(2021, 1, 1)) == {"b1"}
    assert ask(Scope("beta"), published_to=date(2021, 1, 1)) == {"g"}
    assert (both.count(), both.count(clinic="alpha"), both.count(clinic="alpha", text_id="t1")) == (4, 2, 1)
    assert both.delete(clinic="alpha", text_id="t1") == 0
    assert ask(Scope("alpha")) == {"g"}
    assert ask(Scope("beta")) == {"g", "b1"}, "the same id in another clinic is another text"
    both.replace_all([Point("n", "gout new", vectors[1], text_id="n")])
    assert ask(Scope("beta")) == {"n", "b1"}
    assert both.drop(clinic="beta") == 0
    assert both.count() == 2


# --- making it anew ---------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_another_embedder_takes_over_without_a_gap(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    name = add("alpha", "protocol")
    assert found("alpha", None) == {str(name)}
    call_command("index_report")
    new = type("New", (), {"id": "another/model", "dimension": 384, "embed": embedder().embed})()
    old = embedder()
    with monkeypatch.context() as patch:
        for module in (
            "index.holder", "services.retrieval", "services.reindexing", "management.commands.reindex",
            "management.commands.index_report",
        ):  # fmt: skip
            patch.setattr(f"apps.rag.{module}.embedder", lambda: new)
        with pytest.raises(CommandError, match="differ"):
            call_command("index_report")
        call_command("reindex", dry_run=True)
        assert "alpha: 1 passages without a vector" in capsys.readouterr().out
        call_command("reindex", batch=1)
        call_command("index_report")
        holder.forget()
        assert found("alpha", None) == {str(name)}
    holder.forget()
    assert embedder() is old
    assert found("alpha", None) == {str(name)}, "who still asks the old one is answered"


def test_a_new_collection_takes_the_place_of_the_old_in_one_step() -> None:
    client = QdrantClient(location=":memory:")
    made = ServerStore(client, 4, "m")
    vector = np.ones(4, np.float32)
    made.replace_all([Point("old", "gout", vector)])
    name = made.begin_version()
    assert made.begin_version() == name, "an interrupted one is taken over"
    made.write_version(name, [Point("new", "gout", vector), Point("more", "gout", vector)])
    assert made.count() == 1, "nobody searches it yet"
    assert made.count_version(name) == 2
    made.switch_version(name)
    assert made.count() == 2
    assert [item.name for item in client.get_collections().collections] == [name]
    assert store.SHARED == "*"
