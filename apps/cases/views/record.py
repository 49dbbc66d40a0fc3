"""The record as entered, part by part, each with an address that a citation can point at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext

from apps.cases.views.words import PARTS, VITALS, say
from medassist.clinical.case import CaseInput, Lab

TEXT_PARTS = ("presenting_complaint", "history", "examination", "social_history")
LIST_PARTS = ("medications", "allergies", "past_history", "family_history")
LAST_PARTS = ("question", "own_impression")


@dataclass(frozen=True)
class Row:
    anchor: str
    cells: tuple[str, ...]
    outside: str = ""
    """In words: above or below the laboratory's own range."""
    quiet: str = ""


@dataclass(frozen=True)
class Section:
    key: str
    title: str
    kind: str
    """"text", "list", "vitals", "symptoms" or "labs": how the template draws it."""
    rows: tuple[Row, ...] = field(default=())


def anchor(path: str) -> str:
    """The id of a record part: "labs.0" -> "rec-labs-0"."""
    return "rec-" + path.replace(".", "-")


def sections(case: CaseInput) -> list[Section]:
    """Everything that was entered, in reading order; empty parts are left out."""
    found = [_section("patient", "text", [Row(anchor("patient"), (_patient(case),))])]
    found += [_text(case, name) for name in TEXT_PARTS]
    found.append(_section("symptoms", "symptoms", list(_symptoms(case))))
    found.append(_section("vitals", "vitals", list(_vitals(case))))
    found.append(_section("labs", "labs", list(_labs(case))))
    found += [listed(case, name) for name in LIST_PARTS]
    found += [_text(case, name) for name in LAST_PARTS]
    return [section for section in found if section.rows]


def listed(case: CaseInput, name: str) -> Section:
    """A recorded list (medications, allergies, ...) exactly as it was entered."""
    items: tuple[str, ...] = getattr(case, name)
    return _section(name, "list", [Row(anchor(f"{name}.{index}"), (item,)) for index, item in enumerate(items)])


def addresses(case: CaseInput) -> set[str]:
    """Every anchor that `sections` draws."""
    return {row.anchor for section in sections(case) for row in section.rows}


def label_of(path: str, case: CaseInput) -> str:
    """What to call a record part: "labs.0" -> "Laboratory: Troponin T"."""
    head, _dot, rest = path.partition(".")
    title = say(PARTS, head)
    if head == "vitals" and rest in VITALS:
        return str(VITALS[rest][0])
    if head in {"labs", "symptoms"} and rest.isdigit():
        items: tuple[Any, ...] = getattr(case, head)
        if int(rest) < len(items):
            return str(items[int(rest)].name)
    return title


def _section(key: str, kind: str, rows: list[Row]) -> Section:
    return Section(key=key, title=say(PARTS, key), kind=kind, rows=tuple(rows))


def _text(case: CaseInput, name: str) -> Section:
    text: str = getattr(case, name)
    return _section(name, "text", [Row(anchor(name), (text,))] if text.strip() else [])


def _who(case: CaseInput) -> list[str]:
    patient = case.patient
    said = [str(patient.age)] if patient.age else []
    if patient.sex != "unknown":
        said.append({"female": gettext("female"), "male": gettext("male"), "other": gettext("other sex")}[patient.sex])
    return said


def _patient(case: CaseInput) -> str:
    patient = case.patient
    said = _who(case)
    if not patient.age:
        said.insert(0, gettext("age not recorded"))
    if patient.sex == "unknown":
        said.append(gettext("sex not recorded"))
    if patient.pregnancy != "unknown":
        said.append(
            {
                "pregnant": gettext("pregnant"),
                "not_pregnant": gettext("not pregnant"),
                "postpartum": gettext("postpartum"),
            }[patient.pregnancy]
        )
    if patient.gestation_weeks is not None:
        said.append(gettext("%(weeks)s weeks of gestation") % {"weeks": f"{patient.gestation_weeks:g}"})
    if patient.reference:
        said.append(gettext("reference %(reference)s") % {"reference": patient.reference})
    return ", ".join(said)


def _symptoms(case: CaseInput) -> Iterator[Row]:
    for index, item in enumerate(case.symptoms):
        details = ", ".join(part for part in (item.onset, item.duration, item.severity) if part)
        state = gettext("present") if item.present else gettext("absent")
        yield Row(anchor(f"symptoms.{index}"), (item.name, state), quiet=details)


def _vitals(case: CaseInput) -> Iterator[Row]:
    vitals = case.vitals
    for name, (label, unit) in VITALS.items():
        value = getattr(vitals, name)
        if value is None or (name == "spo2_scale" and (value == 1 or vitals.spo2 is None)):
            continue
        shown = {True: gettext("oxygen"), False: gettext("air")}[value] if name == "on_oxygen" else _number(value)
        yield Row(anchor(f"vitals.{name}"), (str(label), f"{shown} {unit}".strip()))
    if vitals.taken_at is not None:
        yield Row(anchor("vitals.taken_at"), (gettext("Measured at"), f"{vitals.taken_at:%Y-%m-%d %H:%M}"))


def _labs(case: CaseInput) -> Iterator[Row]:
    for index, lab in enumerate(case.labs):
        taken = f"{lab.taken_at:%Y-%m-%d %H:%M}" if lab.taken_at else ""
        value = f"{_number(lab.value)} {lab.unit}".strip()
        yield Row(anchor(f"labs.{index}"), (lab.name, value, _range(lab)), outside=_outside(lab), quiet=taken)


def _number(value: object) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _range(lab: Lab) -> str:
    low, high = lab.reference_low, lab.reference_high
    if low is not None and high is not None:
        return f"{low:g}–{high:g}"
    if low is not None:
        return f"≥ {low:g}"
    return f"≤ {high:g}" if high is not None else ""


def _outside(lab: Lab) -> str:
    if isinstance(lab.value, str):
        return ""
    if lab.reference_low is not None and lab.value < lab.reference_low:
        return gettext("low")
    if lab.reference_high is not None and lab.value > lab.reference_high:
        return gettext("high")
    return ""
