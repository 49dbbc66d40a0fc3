"""Passages of a body: offsets, headings, lists, tables, and sizes whatever the text is."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.rag.extractors.chunking import MOST_CHARACTERS, MOST_WORDS, Chunk, chunks_of
from apps.rag.schemas import Block, BlockKind, Body

SENTENCE = "Patients with suspected sepsis are seen by a senior clinician within one hour. "


class Writer:
    """Lays blocks out as the readers of documents do: a blank line between blocks, one line break inside a table."""

    def __init__(self) -> None:
        self.text = ""
        self.blocks: list[Block] = []

    def add(
        self,
        kind: BlockKind,
        text: str,
        *,
        level: int = 0,
        header: str = "",
        page: int | None = None,
        tight: bool = False,
    ) -> Writer:
        self.text += ("\n" if tight else "\n\n") if self.text else ""
        start = len(self.text)
        self.text += text
        self.blocks.append(Block(kind, start, len(self.text), page, level, header))
        return self

    def table(self, header: str, *rows: str) -> Writer:
        self.add("table_row", header)
        for row in rows:
            self.add("table_row", row, header=header, tight=True)
        return self

    def chunks(self) -> list[Chunk]:
        return list(chunks_of(Body(self.text, tuple(self.blocks))))

    def texts(self) -> list[str]:
        return [self.text[chunk.start : chunk.end] for chunk in self.chunks()]


def test_passages_carry_heading_path_and_page_and_never_cross_a_heading() -> None:
    made = Writer().add("heading", "Sepsis", level=1, page=1).add("paragraph", "Short one.", page=1)
    made.add("heading", "Signs", level=2, page=1).add("paragraph", "Fever.", page=2).add("paragraph", "Pain.", page=3)
    made.add("heading", "Review", level=1, page=3).add("paragraph", "Daily.", page=3)
    assert [(chunk.heading, chunk.page) for chunk in made.chunks()] == [
        (("Sepsis",), 1), (("Sepsis", "Signs"), 2), (("Review",), 3),
    ]  # fmt: skip
    assert made.texts() == ["Short one.", "Fever.\n\nPain.", "Daily."]


def test_a_heading_without_anything_below_it_can_be_found_itself() -> None:
    made = (
        Writer()
        .add("heading", "Poster", level=1)
        .add("heading", "Wash your hands", level=2)
        .add("heading", "Wear a mask", level=2)
    )
    assert made.texts() == ["Wash your hands", "Wear a mask"]
    assert [chunk.heading for chunk in made.chunks()] == [("Poster",), ("Poster",)]


def test_a_list_stays_together_with_the_sentence_that_introduces_it() -> None:
    made = Writer().add("paragraph", SENTENCE * 9 + "Call when one of these is seen:")
    for number in range(9):
        made.add("list_item", f"sign number {number} of the nine signs", tight=number > 0)
    together = made.texts()[-1]
    assert together.startswith("Call when")
    assert "sign number 0" in together
    assert "sign number 8" in together


def test_a_long_list_is_cut_between_items() -> None:
    made = Writer()
    for number in range(60):
        made.add("list_item", f"item {number} has exactly these eight words here", tight=True)
    assert len(made.texts()) > 2
    assert all(text.startswith("item ") and text.endswith("here") for text in made.texts())


def test_a_table_is_cut_between_rows_and_its_passages_name_the_header() -> None:
    made = (
        Writer()
        .add("paragraph", "Before.")
        .table("Drug | Dose", *[f"Drug {n} with several words | {n} mg" for n in range(60)])
    )
    made.table("Drug | Dose", "Other | 1 mg").table("Sign | Act", "Fever | call").add("paragraph", "After.")
    found = made.chunks()
    tables = [chunk for chunk in found if chunk.header]
    assert {chunk.header for chunk in tables} == {"Drug | Dose", "Sign | Act"}
    texts = [made.text[chunk.start : chunk.end] for chunk in tables]
    assert all(line.count("|") == 1 for text in texts for line in text.splitlines())
    # Three tables, two of them with one header: none shares a passage.
    assert texts[-2:] == ["Drug | Dose\nOther | 1 mg", "Sign | Act\nFever | call"]
    assert made.texts()[0] == "Before."
    assert made.texts()[-1] == "After."


def test_a_row_that_is_too_long_is_cut_and_every_piece_names_the_header() -> None:
    made = Writer().table("Drug | Remark", "Ramipril | " + "word " * 500)
    assert len(made.chunks()) > 2
    assert {chunk.header for chunk in made.chunks()} == {"Drug | Remark"}


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE * 3_000,
        "a" * 300_000,
        "漢字の文。" * 50_000,
        "e.g. " * 60_000,
        "x. " * 100_000,
        "word\n" * 60_000,
        "ab " * 90_000,
        "Dr. " * 70_000,
    ],
    ids=lambda text: text[:8],
)
def test_any_text_is_cut_into_passages_of_a_bearable_size_in_bearable_time(text: str) -> None:
    text = text.strip()
    began = time.process_time()
    found = list(chunks_of(Body(text, (Block("paragraph", 0, len(text)),))))
    assert time.process_time() - began < 5
    assert all(0 < chunk.end - chunk.start <= MOST_CHARACTERS for chunk in found)
    assert all(len(text[chunk.start : chunk.end].split()) <= MOST_WORDS for chunk in found)
    assert sum(len("".join(text[chunk.start : chunk.end].split())) for chunk in found) == len("".join(text.split()))


def test_sentences_stay_whole() -> None:
    text = (SENTENCE * 40).strip()
    assert all(
        text[chunk.start : chunk.end].endswith("hour.")
        for chunk in chunks_of(Body(text, (Block("paragraph", 0, len(text)),)))
    )


pieces = st.lists(
    st.tuples(
        st.sampled_from(["heading", "paragraph", "list_item", "table_row"]),
        st.text(alphabet="ab .!?:é漢\n|", min_size=1, max_size=400).map(str.strip).filter(bool),
        st.integers(1, 6),
        st.sampled_from(["", "A | B", "C | D"]),
        st.booleans(),
    ),
    max_size=25,
)


@given(pieces)
def test_nothing_is_lost_and_nothing_overlaps(made: list[tuple[BlockKind, str, int, str, bool]]) -> None:
    writer = Writer()
    for kind, text, level, header, tight in made:
        writer.add(
            kind,
            text,
            level=level if kind == "heading" else 0,
            header=header if kind == "table_row" else "",
            tight=tight,
        )
    found = writer.chunks()
    assert all(one.end <= two.start for one, two in pairwise(found))
    for block in writer.blocks:
        covered = "".join(
            writer.text[max(chunk.start, block.start) : min(chunk.end, block.end)]
            for chunk in found
            if chunk.start < block.end and block.start < chunk.end
        )
        if block.kind != "heading":
            assert "".join(covered.split()) == "".join(writer.text[block.start : block.end].split())
    for chunk in found:
        inside = [block for block in writer.blocks if chunk.start < block.end and block.start < chunk.end]
        assert len(inside) == 1 or all(block.kind != "heading" for block in inside)
        assert len({block.header for block in inside if block.header}) <= 1
        assert chunk.page == inside[0].page
