"""What may be drawn: a closed list of teaching subjects and styles, each with its authored prompt.

No word of a user reaches the image model, so no name, no finding of a patient, no medicine and no dose can. Every text
here is held against the guards by a test. A change of a text is a change of `VERSION`.
"""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "2026.1"


@dataclass(frozen=True, slots=True)
class Subject:
    """`title` for people, `prompt` for the image model."""

    name: str
    title: str
    group: str
    prompt: str


_HYGIENE, _BODY, _EVERYDAY, _CLINIC = "Hygiene", "The body", "Everyday health", "In the clinic"

_TOPICS = (
    Subject("hand_washing", "Washing hands", _HYGIENE, "two hands washing with soap under running water at a basin"),
    Subject("cough_etiquette", "Coughing into the elbow", _HYGIENE, "a person coughing into a bent elbow, seen from the side"),
    Subject("mask_wearing", "Wearing a face mask", _HYGIENE, "a drawn figure wearing a face mask over nose and mouth"),
    Subject("surface_cleaning", "Cleaning surfaces", _HYGIENE, "a gloved hand wiping a table with a cloth"),
    Subject("heart", "The heart", _BODY, "anatomical drawing of a healthy human heart with its four chambers"),
    Subject("lungs", "The lungs", _BODY, "anatomical drawing of healthy human lungs with windpipe and bronchi"),
    Subject("kidneys", "The kidneys", _BODY, "anatomical drawing of two healthy kidneys with ureters and bladder"),
    Subject("skeleton", "The skeleton", _BODY, "anatomical drawing of a human skeleton, front view"),
    Subject("digestive_system", "The digestive system", _BODY, "anatomical drawing of the healthy digestive tract"),
    Subject("inner_ear", "The ear", _BODY, "anatomical cross section of a healthy human ear"),
    Subject("balanced_plate", "A balanced plate", _EVERYDAY, "a plate with vegetables, whole grains, beans and fruit"),
    Subject("walking", "Walking together", _EVERYDAY, "a group of drawn figures walking in a park"),
    Subject("sleep_routine", "A calm bedroom", _EVERYDAY, "a calm dark bedroom at night, curtains drawn"),
    Subject("sun_protection", "Protection from the sun", _EVERYDAY, "a hat, sunglasses and a parasol on a beach"),
    Subject("lifting", "Lifting with a straight back", _EVERYDAY, "a drawn figure lifting a box with bent knees and straight back"),
    Subject("blood_pressure_reading", "Sitting for a blood pressure reading", _CLINIC, "a seated drawn figure with an arm cuff"),
    Subject("waiting_room", "A waiting room", _CLINIC, "a bright empty waiting room with chairs and plants"),
    Subject("stethoscope", "A stethoscope", _CLINIC, "a stethoscope lying on a desk"),
    Subject("wheelchair_ramp", "A step-free entrance", _CLINIC, "the entrance of a clinic with a wheelchair ramp"),
)  # fmt: skip
_STYLES = (
    Subject("line_drawing", "Line drawing", "", "clean black line drawing on white, flat, educational illustration"),
    Subject("flat_colour", "Flat colour", "", "flat colour vector illustration, simple shapes, educational"),
    Subject("watercolour", "Watercolour", "", "soft watercolour illustration, educational"),
    Subject("textbook", "Textbook plate", "", "detailed textbook illustration, neutral background"),
)
TOPICS = {one.name: one for one in _TOPICS}
STYLES = {one.name: one for one in _STYLES}
SHAPES = {"square": (1024, 1024), "wide": (1216, 832), "tall": (832, 1216)}

# What must not look like a patient, like a finding of one, or like an instruction.
NEGATIVE = (
    "photograph, photorealistic, real person, recognisable face, portrait, radiograph, scan, histology, wound, blood, "
    "nudity, pills, tablets, capsules, syringe, packaging, labels, letters, numbers, words, text, watermark, signature"
)


def prompt_of(topic: str, style: str) -> str:
    """The positive prompt; raises `KeyError` for a name that the catalogue does not have."""
    return f"{TOPICS[topic].prompt}, {STYLES[style].prompt}"
