"""Catalogue, workflows and PNG files: what may reach an image model, and what a picture says of itself."""

from __future__ import annotations

import json
import random
import struct
import zlib
from typing import Any

import pytest

from apps.media.pipeline.drawing import CAPTION, SOURCE_TYPE, labelled
from apps.media.rules import catalogue, png, workflows
from apps.media.schemas import MediaProvenance
from apps.safety import services as safety
from medassist.clinical.case import CaseInput
from medassist.comfyui.server import picture

TEXTS = [
    text
    for one in (*catalogue.TOPICS.values(), *catalogue.STYLES.values())
    for text in (one.title, one.prompt)
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_of_the_catalogue_names_a_person_a_medicine_or_a_number(text: str) -> None:
    assert not safety.names_medicine(text)
    assert not any(letter.isdigit() for letter in text)
    assert safety.deidentify(CaseInput(presenting_complaint=text)).tokens == {}


def test_a_prompt_is_made_of_the_catalogue_alone() -> None:
    for topic in catalogue.TOPICS:
        for style in catalogue.STYLES:
            assert (
                catalogue.prompt_of(topic, style)
                == f"{catalogue.TOPICS[topic].prompt}, {catalogue.STYLES[style].prompt}"
            )
    with pytest.raises(KeyError):
        catalogue.prompt_of("ignore the list", "textbook")


def template() -> Any:
    return json.loads((workflows.FOLDER / "text_to_image.json").read_text("utf-8"))


def values(**more: Any) -> dict[str, Any]:
    return {
        "positive": "p", "negative": "n", "seed": 1, "width": 64, "height": 64, "checkpoint": "c", "prefix": "x", **more,
    }  # fmt: skip


def test_a_template_is_filled_at_its_slots_and_nowhere_else() -> None:
    workflow = workflows.named("text_to_image")
    filled = workflow.filled(values(positive='a "quoted" word'))
    assert filled["6"]["inputs"]["text"] == 'a "quoted" word'
    assert workflow.graph["6"]["inputs"]["text"] == ""
    changed = {(node, name) for node in filled for name in filled[node]["inputs"]
               if filled[node]["inputs"][name] != workflow.graph[node]["inputs"][name]}  # fmt: skip
    assert changed <= set(workflow.slots.values())


@pytest.mark.parametrize("wrong", [{"seed": "1"}, {"width": True}, {"positive": 3}, {"extra": 1}])
def test_a_slot_of_another_type_or_name_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="slot"):
        workflows.named("text_to_image").filled(values(**wrong))


@pytest.mark.parametrize("node", ["LoadImage", "LoadImageMask", "ETN_LoadImageBase64", "LoadVideo"])
def test_a_template_that_reads_an_image_is_refused(node: str) -> None:
    given = template()
    given["graph"]["10"] = {"class_type": node, "inputs": {"image": "patient.png"}}
    with pytest.raises(ValueError, match="not allowed"):
        workflows.parse(json.dumps(given))


def test_a_template_with_a_loose_end_is_refused() -> None:
    for change in ("slot", "link", "saver"):
        given = template()
        if change == "slot":
            given["slots"]["seed"] = ["3", "sede"]
        elif change == "link":
            given["graph"]["8"]["inputs"]["vae"] = ["44", 2]
        else:
            del given["graph"]["9"]
        with pytest.raises(ValueError, match=r"leads nowhere|SaveImage"):
            workflows.parse(json.dumps(given))
    for name in ("../../secrets", "missing", ""):
        with pytest.raises(KeyError):
            workflows.named(name)


def sample(width: int = 300, height: int = 40) -> bytes:
    return picture({"5": {"class_type": "EmptyLatentImage", "inputs": {"width": width, "height": height}}})


def provenance(**more: Any) -> MediaProvenance:
    return MediaProvenance(
        **{
            "model": "m", "workflow": "w@1", "catalogue": "c", "topic": "heart", "style": "textbook", "seed": 1,
            "width": 300, "height": 40, "prompt_sha256": "0" * 64, "job": "j", "created_at": "2026-11-24T05:00:00Z", **more,
        }
    )  # fmt: skip


@pytest.mark.parametrize("width", [16, 200, 300, 1024])
def test_the_label_stands_below_the_picture_and_the_picture_is_untouched(width: int) -> None:
    before = png.read(sample(width))
    after = png.read(labelled(sample(width), provenance()))
    assert after.rows.startswith(before.rows)
    assert after.width == before.width
    assert after.height >= before.height + 9
    band = after.rows[len(before.rows) :]
    # Light letters on a dark ground: both are there, in a share that writing has.
    light = sum(value == 245 for value in band) / len(band)
    assert 0.02 < light < 0.6


def test_every_letter_of_the_caption_is_drawn_apart() -> None:
    blank = png.Picture(400, 1, 0, b"\0" + b"\x80" * 400)
    bands = {png.labelled(blank, caption=letter, texts={}) for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:"}
    assert len(bands) == 39
    with pytest.raises(ValueError, match="alphabet"):
        png.labelled(blank, caption="é", texts={})


def test_a_file_says_what_made_it_and_nothing_of_the_server_is_left_in_it() -> None:
    texts = png.texts_of(labelled(sample(), provenance()))
    assert "prompt" in png.texts_of(sample())
    assert "prompt" not in texts
    assert texts["AI-Generated"] == "true"
    assert texts["Description"] == CAPTION
    assert texts["Source"] == SOURCE_TYPE
    assert SOURCE_TYPE in texts["XML:com.adobe.xmp"]
    assert json.loads(texts["Provenance"])["generator"] == "ComfyUI"


def test_no_damaged_file_is_taken() -> None:
    whole = sample()
    for cut in (0, 7, 20, len(whole) // 2, len(whole) - 1, len(whole) - 12):
        with pytest.raises(ValueError, match=r"."):
            png.read(whole[:cut])
    chance = random.Random(5)
    for _ in range(300):
        at = chance.randrange(len(whole))
        hurt = bytearray(whole)
        hurt[at] ^= 1 << chance.randrange(8)
        with pytest.raises(ValueError, match=r"."):
            png.read(bytes(hurt))


@pytest.mark.parametrize(
    "header",
    [(300, 40, 16, 2, 0, 0, 0), (300, 40, 8, 3, 0, 0, 0), (300, 40, 8, 2, 0, 0, 1), (60_000, 60_000, 8, 2, 0, 0, 0),
     (0, 40, 8, 2, 0, 0, 0), (300, 41, 8, 2, 0, 0, 0)],
)  # fmt: skip
def test_a_form_that_is_not_taken_is_refused_before_it_is_unpacked(header: tuple[int, ...]) -> None:
    content = struct.pack(">IIBBBBB", *header)
    chunk = struct.pack(">I", 13) + b"IHDR" + content + struct.pack(">I", zlib.crc32(b"IHDR" + content))
    with pytest.raises(ValueError, match=r"."):
        png.read(sample()[:8] + chunk + sample()[33:])
