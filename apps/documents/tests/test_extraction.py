"""Good files of every format: their text, headings, pages, lists and tables come back as they are."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import get_args

import pytest

from apps.documents.extractors.sandbox import extract
from apps.documents.schemas import EXPLANATIONS, Extracted, Limits, PageProblem, Reason
from apps.documents.tests.makers import (
    DRUGS,
    SENTENCES,
    Ink,
    Pdf,
    footnotes,
    good_files,
    item,
    make_docx,
    make_pdf,
    paragraph,
    word,
    word_table,
    written_page,
)
from apps.rag.schemas import Body

HEADER = "Drug | Route | Review"
ROWS = ["Amoxicillin | oral | 48 hours", "Ceftriaxone | intravenous | 24 hours"]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


class Reader:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, data: bytes | str, name: str = "", limits: Limits | None = None) -> Extracted:
        path = self._folder / "file"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return extract(path, name=name, limits=limits or Limits())


def body(found: Extracted) -> Body:
    assert found.body is not None, found.reason
    text, end = found.body.text, 0
    assert unicodedata.is_normalized("NFC", text)
    assert "\x00" not in text
    assert "\r" not in text
    for block in found.body.blocks:
        assert end <= block.start < block.end <= len(text)
        assert text[block.start : block.end] == text[block.start : block.end].strip()
        end = block.end
    return found.body


def texts(found: Extracted, kind: str) -> list[str]:
    """The blocks of one kind, in order."""
    read = body(found)
    return [read.text[block.start : block.end] for block in read.blocks if block.kind == kind]


def levels(found: Extracted) -> list[tuple[int, str]]:
    read = body(found)
    return [(block.level, read.text[block.start : block.end]) for block in read.blocks if block.kind == "heading"]


def headers(found: Extracted) -> set[str]:
    return {block.header for block in body(found).blocks if block.kind == "table_row"}


# --- every format ---------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["pdf", "docx", "html", "md"])
def test_a_document_comes_back_with_its_sentences_heading_and_table(read: Reader, suffix: str) -> None:
    found = read(good_files()[suffix], f"a.{suffix}")
    assert set(SENTENCES) <= set(texts(found, "paragraph"))
    assert levels(found)[0] == (1, "Sepsis")
    rows = texts(found, "table_row")
    assert rows[:2] == [HEADER, ROWS[0]]
    assert headers(found) == {"", HEADER}
    assert body(found).language == "en"


def test_csv_keeps_the_header_with_every_row(read: Reader) -> None:
    found = read("\ufeff" + "\r\n".join(";".join(row) for row in DRUGS), "a.csv")
    assert found.media_type == "text/csv"
    assert texts(found, "table_row") == [HEADER, *ROWS]
    assert [block.header for block in body(found).blocks] == ["", HEADER, HEADER]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_cell_of_a_csv_may_hold_delimiters_quotes_and_lines(read: Reader, delimiter: str) -> None:
    rows = [["name", "note", "dose"], ["A", f'says ""x""{delimiter}\nand more', "5 mg"], ["B", "", "1 mg"]]
    found = read("\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows))
    assert found.media_type == "text/csv"
    said = " ".join(f'says "x"{delimiter} and more'.split())
    assert texts(found, "table_row")[1:] == [f"A | {said} | 5 mg", "B |  | 1 mg"]


# --- PDF ------------------------------------------------------------------------------------------


def test_pages_are_numbered_and_running_titles_are_searched_once(read: Reader) -> None:
    pages = [
        [
            Ink("Northside protocol", 60, 820, 8),
            *written_page(f"Part {n}", [f"Sentence {n} of the text."]),
            Ink(f"{n} / 4", 300, 20, 8),
        ]
        for n in range(1, 5)
    ]
    found = read(make_pdf(pages, title="Sepsis"))
    assert (found.pages, found.page_problems) == (4, ())
    assert found.metadata == {"title": "Sepsis"}
    read_body = body(found)
    assert [(block.page, read_body.text[block.start : block.end]) for block in read_body.blocks] == [
        (1, "Northside protocol"),
        *[pair for n in range(1, 5) for pair in ((n, f"Part {n}"), (n, f"Sentence {n} of the text."))],
    ]
    assert read_body.text.count("Northside protocol") == 4
    assert "3 / 4" in read_body.text


def test_lines_of_a_paragraph_are_one_text_and_columns_follow_each_other(read: Reader) -> None:
    left = [
        Ink(line, 50, 700 - 12 * n)
        for n, line in enumerate(["The first column begins", "here and goes on until", "its end is reached."])
    ]
    right = [
        Ink(line, 320, 700 - 12 * n)
        for n, line in enumerate(["The second one is read", "after the first column", "and not across."])
    ]
    found = read(make_pdf([[Ink("Two columns", 50, 760, 18), *left, *right]]))
    assert texts(found, "paragraph") == [
        "The first column begins here and goes on until its end is reached.",
        "The second one is read after the first column and not across.",
    ]


def test_headings_of_a_pdf_have_levels_by_their_size(read: Reader) -> None:
    inks = [
        Ink("Protocol", 60, 800, 22), Ink("Recognition", 60, 750, 16), Ink("Text one is here and is long enough.", 60, 720),
        Ink("Red flags", 60, 680, 13), Ink("Text two is here and is long enough.", 60, 650), Ink("Bold line", 60, 610, bold=True),
        Ink("Text three is here and is long enough.", 60, 580),
    ]  # fmt: skip
    assert levels(read(make_pdf([inks]))) == [(1, "Protocol"), (2, "Recognition"), (3, "Red flags"), (4, "Bold line")]


def test_a_table_whose_cells_have_several_lines_keeps_its_rows_whole(read: Reader) -> None:
    inks = [Ink(cell, x, 700) for cell, x in (("Drug", 60), ("Remark", 200), ("When", 400))]
    for row, (drug, first, second, when) in enumerate(
        [
            ("Ramipril", "start with half", "of the dose", "evening"),
            ("Bisoprolol", "stop when pulse", "is below fifty", "morning"),
        ]
    ):
        top = 670 - 40 * row
        inks += [Ink(drug, 60, top), Ink(first, 200, top), Ink(second, 200, top - 12), Ink(when, 400, top)]
    found = read(make_pdf([inks]))
    assert texts(found, "table_row") == [
        "Drug | Remark | When", "Ramipril | start with half of the dose | evening", "Bisoprolol | stop when pulse is below fifty | morning",
    ]  # fmt: skip


def test_list_items_lose_their_mark_and_keep_their_lines(read: Reader) -> None:
    inks = [Ink("Act on these signs:", 60, 700)]
    inks += [Ink("1.", 60, 680), Ink("Pressure below ninety", 80, 680), Ink("that does not rise", 80, 668)]
    inks += [Ink("2.", 60, 656), Ink("Lactate above two", 80, 656), Ink("And then call.", 60, 620)]
    found = read(make_pdf([inks]))
    assert texts(found, "list_item") == ["Pressure below ninety that does not rise", "Lactate above two"]
    assert texts(found, "paragraph") == ["Act on these signs:", "And then call."]
    assert "1. Pressure" in body(found).text


def test_one_broken_page_is_named_and_the_others_are_read(read: Reader) -> None:
    good = make_pdf([written_page("One", SENTENCES), written_page("Two", SENTENCES), written_page("Three", SENTENCES)])
    first = good.index(b"/Type /Page /Parent")
    second = good.index(b"/Type /Page /Parent", first + 1)
    found = read(good[:second] + b"/Type /Nope/Parent".ljust(19) + good[second + 19 :])
    assert found.pages == 3
    assert found.page_problems == (PageProblem(2, "unreadable"),)
    assert [text for _, text in levels(found)] == ["One", "Three"]


def test_a_scanned_page_is_named_beside_one_with_text(read: Reader) -> None:
    drawing = b"BI /W 1 /H 1 /BPC 8 /CS /G ID \x00 EI"
    found = read(
        make_pdf([[], written_page("Two", SENTENCES)], contents={0: b"q 500 0 0 700 40 40 cm " + drawing + b" Q"})
    )
    assert found.page_problems == (PageProblem(1, "no_text_layer"),)
    assert texts(found, "heading") == ["Two"]


def test_the_words_that_lie_unseen_over_a_scan_are_read_and_white_ones_on_a_dark_ground_too(read: Reader) -> None:
    picture = b"q 595 0 0 842 0 0 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x00 EI Q "
    words = b"BT 3 Tr /F1 5 Tf 20 700 Td (" + b"Recognised words. " * 12 + b") Tj ET"
    found = read(make_pdf([[]], contents={0: picture + words}))
    assert (found.page_problems, body(found).text[:17]) == ((), "Recognised words.")
    banner = b"0 0 0.5 rg 50 690 300 30 re f 1 1 1 rg BT /F1 12 Tf 60 700 Td (White on blue) Tj ET"
    assert body(read(make_pdf([[]], contents={0: banner}))).text == "White on blue"


def test_what_was_filled_into_a_form_is_read(read: Reader) -> None:
    pdf = Pdf()
    root, tree, font = pdf.add(""), pdf.add(""), pdf.add("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    drawn = pdf.stream(b"BT /F1 10 Tf 60 700 Td (Allergies:) Tj ET")
    fonts = f"/Resources << /Font << /F1 {font} 0 R >> >>"
    shape = pdf.stream(
        b"BT /F1 10 Tf 2 5 Td (penicillin) Tj ET", f"/Type /XObject /Subtype /Form /BBox [0 0 200 20] {fonts}"
    )
    field = pdf.add(
        "<< /Type /Annot /Subtype /Widget /FT /Tx /T (allergies) /V (penicillin) /F 4 /Rect [150 695 350 715] "
        f"/AP << /N {shape} 0 R >> >>"
    )
    page = pdf.add(
        f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 595 842] /Contents {drawn} 0 R /Annots [{field} 0 R] {fonts} >>"
    )
    pdf.set(tree, f"<< /Type /Pages /Count 1 /Kids [{page} 0 R] >>")
    pdf.set(root, f"<< /Type /Catalog /Pages {tree} 0 R /AcroForm << /Fields [{field} 0 R] >> >>")
    assert "penicillin" in body(read(pdf.built(root))).text


# --- DOCX -----------------------------------------------------------------------------------------


def test_word_headings_come_from_styles_whatever_language_their_ids_are_in(read: Reader) -> None:
    document = (
        paragraph("Protocol", "Titel") + paragraph("Recognition", "Uberschrift1") + paragraph("Signs", "Ward") + paragraph("Text.")
        + paragraph("Own level", properties='<w:outlineLvl w:val="2"/>') + paragraph("Recognition 1", "TOC1") + paragraph("Around", "Loop")
    )  # fmt: skip
    found = read(make_docx(word(document)))
    assert levels(found) == [(1, "Protocol"), (1, "Recognition"), (2, "Signs"), (3, "Own level")]
    assert texts(found, "paragraph") == ["Text.", "Around"]


def test_word_lists_notes_and_tables(read: Reader) -> None:
    noted = (
        '<w:p><w:r><w:t>Give fluids</w:t></w:r><w:r><w:footnoteReference w:id="2"/></w:r>'
        '<w:r><w:t xml:space="preserve"> now.</w:t></w:r></w:p>'
    )
    goes_on = f"<w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr><w:p/></w:tc><w:tc>{paragraph('4 mg')}</w:tc></w:tr>"
    table = word_table([["Drug", "Dose"], ["Ramipril", "2 mg"]], header_rows=1).replace(
        "</w:tbl>", f"{goes_on}</w:tbl>"
    )
    notes = {"word/footnotes.xml": footnotes({2: "Unless the heart fails."})}
    found = read(make_docx(word(item("One") + item("Deep", 1) + noted + table), notes))
    assert texts(found, "list_item") == ["One", "Deep"]
    assert texts(found, "paragraph") == ["Give fluids now.", "Unless the heart fails."]
    assert texts(found, "table_row") == ["Drug | Dose", "Ramipril | 2 mg", "Ramipril | 4 mg"]
    assert headers(found) == {"", "Drug | Dose"}


def test_a_word_table_that_says_it_has_no_header_gets_none(read: Reader) -> None:
    found = read(make_docx(word(word_table(DRUGS, look='<w:tblLook w:firstRow="0"/>'))))
    assert headers(found) == {""}


# --- HTML and text --------------------------------------------------------------------------------


def test_a_row_that_spans_stands_in_each_of_its_rows(read: Reader) -> None:
    page = "<table><tr><th>Drug<th colspan=2>Dose<tr><th>name<th>day<th>night<tr><td rowspan=2>Ramipril<td>2<td>4<tr><td>5<td>6</table>"
    found = read(f"<html><body>{page}</body></html>")
    assert texts(found, "table_row")[2:] == ["Ramipril | 2 | 4", "Ramipril | 5 | 6"]
    assert headers(found) == {"", "Drug / name | Dose / day | Dose / night"}


def test_a_table_that_arranges_a_page_is_read_as_text(read: Reader) -> None:
    found = read(
        "<html><table><tr><td>Left<td><table><tr><th>A<th>B<tr><td>1<td>2</table><tr><td><h2>Head</h2><p>Below</table>"
    )
    assert texts(found, "paragraph") == ["Left", "Below"]
    assert texts(found, "table_row") == ["A | B", "1 | 2"]
    assert levels(found) == [(2, "Head")]


def test_plain_text_stays_as_it_is(read: Reader) -> None:
    text = "TRIAGE NOTE\n\nFirst line,\nsecond line.\n\n  - one\n    more of one\n  - two\n\nEnd."
    found = read(text)
    assert (found.media_type, body(found).text) == ("text/plain", text)
    assert levels(found) == [(2, "TRIAGE NOTE")]
    assert texts(found, "list_item") == ["one\n    more of one", "two"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_texts_are_decoded(read: Reader, encoding: str) -> None:
    assert (
        body(read("Fieber über 38 °C – melden.\r\nZweite Zeile.".encode(encoding))).text
        == "Fieber über 38 °C – melden.\nZweite Zeile."
    )


def test_unseen_characters_go_and_letters_are_composed(read: Reader) -> None:
    assert body(read("Cafe\u0301\x00 \u202e5\u202c\u200b\u00a0mg \U000e0041\ufeff.\n")).text.strip() == "Café 5 mg ."


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("La presión arterial del paciente es alta y no se controla con la dosis que tiene en casa.", "es"),
        ("Der Blutdruck des Patienten ist hoch und wird mit der Dosis nicht eingestellt, die er zu Hause hat.", "de"),
        ("La pression du patient est haute et elle n'est pas contrôlée avec la dose qu'il a dans sa maison.", "fr"),
        ("Давление у пациента высокое и не снижается.", "ru"),
        ("患者の血圧は高いです。", "ja"),
        ("12 34 56 78", "und"),
        ("Ramipril 5 mg", "und"),
    ],
)
def test_the_language_is_guessed_or_left_open(read: Reader, text: str, language: str) -> None:
    assert body(read(text)).language == language


# --- what is not read -----------------------------------------------------------------------------


def test_every_reason_has_a_sentence() -> None:
    assert set(EXPLANATIONS) == {*get_args(Reason), "no_text_layer", "recognised"}
    assert all(sentence.endswith(".") for sentence in EXPLANATIONS.values())


@pytest.mark.parametrize(
    ("limits", "suffix", "reason"),
    [
        (Limits(file_bytes=100), "pdf", "too_large"),
        (Limits(pages=1), "pdf", "too_long"),
        (Limits(characters=100), "txt", "too_long"),
        (Limits(characters=100), "docx", "too_long"),
        (Limits(table_cells=5), "csv", "too_long"),
        (Limits(table_cells=5), "html", "too_long"),
        (Limits(unpacked_bytes=500), "docx", "limits_exceeded"),
    ],
)
def test_each_limit_ends_with_its_reason(read: Reader, limits: Limits, suffix: str, reason: Reason) -> None:
    found = read(good_files()[suffix], limits=limits)
    assert (found.reason, found.body) == (reason, None)


def test_a_link_a_folder_a_pipe_and_nothing_are_no_documents(tmp_path: Path) -> None:
    import os

    (tmp_path / "real.txt").write_text("A note.")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link.txt", "pipe", ".", "missing.txt"):
        assert extract(tmp_path / name).reason == "unreadable"
    assert extract(tmp_path / "real.txt").reason is None
