"""Observations to vital signs, laboratory results, findings and social history. The latest of each wins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import ValidationError

from apps.interop.rules import moment as recent
from apps.interop.rules import ucum, vocabulary
from apps.interop.rules.entries import Bundle, Entry
from apps.interop.rules.moment import Moment, effective
from apps.interop.rules.values import Code, Json, When, code_in, codes, number, plain, text_of, thing, things, word
from apps.interop.rules.vocabulary import LOINC
from medassist.clinical.case import Vitals

_VALUES = (
    "valueQuantity", "valueCodeableConcept", "valueString", "valueBoolean", "valueInteger", "valueRange", "valueRatio",
    "valueSampledData", "valueTime", "valueDateTime", "valuePeriod",
)  # fmt: skip
_TEXT_CATEGORIES = frozenset({"exam", "imaging", "procedure", "vital-signs", "activity"})


@dataclass(frozen=True, slots=True)
class Part:
    """One code with one value: an observation, or a component of one."""

    entry: Entry
    body: Json
    at: When | None
    category: str

    @property
    def order(self) -> tuple[str, int]:
        return (self.at.start.isoformat() if self.at else "", self.entry.index)

    @property
    def concept(self) -> Any:
        return self.body.get("code")

    @property
    def name(self) -> str:
        return text_of(self.concept)

    def first(self) -> Code | None:
        listed = codes(self.concept)
        return listed[0] if listed else None

    def known(self, table: Any) -> Any:
        return next(
            (table[one.system, one.code] for one in codes(self.concept) if (one.system, one.code) in table), None
        )

    def is_one_of(self, wanted: frozenset[tuple[str, str]]) -> bool:
        return any((one.system, one.code) in wanted for one in codes(self.concept))


@dataclass(slots=True)
class Observed:
    vitals: dict[str, Any] = field(default_factory=dict)
    labs: list[tuple[dict[str, Any], Part]] = field(default_factory=list)
    examination: list[tuple[str, Part]] = field(default_factory=list)
    social: list[tuple[str, Part]] = field(default_factory=list)
    complaints: list[tuple[str, Part]] = field(default_factory=list)
    pregnancy: str = ""
    gestation_weeks: float | None = None


@dataclass(slots=True)
class _Reader:
    bundle: Bundle
    moment: Moment
    found: Observed = field(default_factory=Observed)
    slots: dict[str, list[tuple[Any, Part]]] = field(default_factory=dict)
    seen: set[tuple[str, ...]] = field(default_factory=set)
    """What the lists hold already, so that a long record stays quick to read."""

    def problem(self, part: Part, code: str, reason: str) -> None:
        self.bundle.tell(part.entry, code, reason, about=part.first())

    def left_out(self, part: Part, code: str, reason: str) -> None:
        self.bundle.leave_out(part.entry, code, reason, about=part.first())

    def too_old(self, part: Part, window: timedelta) -> bool:
        if not self.moment.is_old(part.at, window):
            return False
        days = f"{window.days} days" if window.days > 1 else "24 hours"
        self.left_out(part, "older_than_case", f"It was measured more than {days} before the moment of the case.")
        return True


def read_observations(bundle: Bundle, moment: Moment) -> Observed:
    reader = _Reader(bundle, moment)
    for part in sorted(_parts(reader), key=lambda part: part.order, reverse=True):
        _place(reader, part)
    _fill_vitals(reader)
    for listed in (reader.found.labs, reader.found.examination, reader.found.social):
        listed.sort(key=lambda item: item[1].entry.index)
    return reader.found


def _parts(reader: _Reader) -> Iterator[Part]:
    """Newest first is the caller's work; here each observation is opened and what cannot count is told."""
    for entry in [*reader.bundle.of("Observation"), *_contained(reader.bundle)]:
        resource = entry.resource
        if word(resource.get("status")) not in vocabulary.STATUS["Observation"][0]:
            reader.bundle.leave_out(entry, "status", "The status says that the observation does not count.")
            continue
        at = effective(entry)
        category = _category(resource)
        whole = Part(entry, resource, at, category)
        if reader.moment.is_future(at):
            reader.problem(whole, "in_the_future", "It is dated after the moment of the case.")
            continue
        _check_members(reader, entry)
        components = things(resource.get("component"))
        has_value = any(resource.get(name) is not None for name in _VALUES)
        if has_value or not components:
            if has_value or not (whole.is_one_of(vocabulary.PANELS) or things(resource.get("hasMember"))):
                yield whole
            else:
                reader.left_out(
                    whole, "panel", "A panel without a value of its own; its members are read by themselves."
                )
        for component in components:
            yield Part(entry, component, at, category)


def _contained(bundle: Bundle) -> Iterator[Entry]:
    for home in bundle.of("DiagnosticReport", "Observation"):
        for resource in things(home.resource.get("contained")):
            inner = Entry(home.index, resource, parent=home)
            if inner.kind == "Observation" and inner.reference_to("subject") in {"", home.reference_to("subject")}:
                if resource.get("modifierExtension") or resource.get("focus"):
                    bundle.tell(inner, "modifier", "A modifierExtension or a focus may change what the resource means.")
                else:
                    yield inner


def _check_members(reader: _Reader, entry: Entry) -> None:
    for reference in things(entry.resource.get("hasMember")):
        target = word(reference.get("reference"))
        if target and reader.bundle.resolve(target, entry) is None:
            reader.bundle.tell(entry, "member_missing", "A member of the panel was not sent.", outcome="note")
            return


def _category(resource: Json) -> str:
    listed = things(resource.get("category"))
    return next(
        (found for item in listed if (found := code_in(item, vocabulary.CATEGORY))), "" if not listed else "other"
    )


def _place(reader: _Reader, part: Part) -> None:
    if not codes(part.concept) and not part.name:
        return reader.problem(part, "no_code", "It has no code and no name.")
    if slot := part.known(vocabulary.VITALS):
        return _vital(reader, part, *slot)
    if part.is_one_of(vocabulary.PREGNANCY_STATUS):
        return _pregnancy(reader, part)
    if part.is_one_of(vocabulary.GESTATION):
        return _gestation(reader, part)
    if any(one.system == LOINC and one.code in vocabulary.COMPLAINT for one in codes(part.concept)):
        return _complaint(reader, part)
    if part.category == "social-history" or part.is_one_of(vocabulary.SOCIAL):
        return _finding(reader, part, reader.found.social, None)
    if part.category == "laboratory" or (not part.category and part.body.get("valueQuantity") is not None):
        return _lab(reader, part)
    if part.category in _TEXT_CATEGORIES:
        window = recent.VITALS if part.category == "vital-signs" else recent.TEXTS
        return _finding(reader, part, reader.found.examination, window)
    return reader.left_out(part, "category_not_read", "Observations of this category are not read.")


# --- values ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Quantity:
    value: float
    system: str
    code: str
    unit: str
    comparator: str


def _quantity(part: Part) -> _Quantity | None:
    body = thing(part.body.get("valueQuantity"))
    value = number(body.get("value")) if body else number(part.body.get("valueInteger"))
    if value is None:
        return None
    return _Quantity(
        value, word(body.get("system")), word(body.get("code")), word(body.get("unit")), word(body.get("comparator"))
    )


def _said(part: Part) -> str:
    """The value as words, "" when there is none that words can hold."""
    body = part.body
    if quantity := _quantity(part):
        unit = ucum.readable(system=quantity.system, code=quantity.code, unit=quantity.unit)
        return f"{quantity.comparator}{quantity.value:g} {unit}".strip()
    if isinstance(body.get("valueBoolean"), bool):
        return "yes" if body["valueBoolean"] else "no"
    return text_of(body.get("valueCodeableConcept")) or " ".join(word(body.get("valueString")).split())


def _no_value(reader: _Reader, part: Part) -> None:
    if part.body.get("dataAbsentReason"):
        reader.left_out(part, "data_absent", "It says itself that there is no value (dataAbsentReason).")
    else:
        reader.problem(part, "no_value", "It has no value that can be read.")


# --- vital signs ------------------------------------------------------------------------------------


def _vital(reader: _Reader, part: Part, slot: str, kind: str) -> None:
    if reader.too_old(part, recent.WEIGHT if slot == "weight_kg" else recent.VITALS):
        return None
    value: Any
    if slot == "consciousness":
        value = _consciousness(part)
        if value is None:
            return reader.problem(part, "unknown_answer", "The level of consciousness is none of A, C, V, P, U.")
    else:
        quantity = _quantity(part)
        if quantity is None:
            return _no_value(reader, part)
        if quantity.comparator:
            # "<70 %" is no number, and too grave to be lost: it stays as words.
            reader.found.examination.append((f"{vocabulary.NAMES[slot]}: {_said(part)}", part))
            part.entry.mark_used()
            return reader.bundle.tell(
                part.entry, "comparator", "A limit, no number: it is kept as words in the examination.",
                outcome="note", about=part.first(),
            )  # fmt: skip
        value = ucum.convert(kind, quantity.value, system=quantity.system, code=quantity.code, unit=quantity.unit)
        if value is None:
            return reader.problem(part, "unknown_unit", "The unit is missing, unknown or not one of this measurement.")
        slot, value = _oxygen(slot, value)
    if not _plausible(slot, value):
        return reader.problem(part, "implausible", "The value lies outside what is possible.")
    held = reader.slots.setdefault(slot, [])
    if slot == "on_oxygen" and value and held and not held[0][0] and held[0][1].order[0] == part.order[0]:
        # A flow of none and a raised share at one time: whoever gets oxygen by any way is on oxygen.
        held[0] = (value, part)
        return None
    if held:
        return reader.left_out(part, "superseded", "A later value of the same measurement is in the case.")
    held.append((value, part))
    return None


def _oxygen(slot: str, value: float) -> tuple[str, Any]:
    if slot == "oxygen_flow":
        return "on_oxygen", value > 0
    if slot == "oxygen_share":
        # Room air holds 20.9 %; devices report it as 21.
        return "on_oxygen", value > 21
    if slot == "gcs" and value == int(value):
        return slot, int(value)
    return slot, value


def _plausible(slot: str, value: Any) -> bool:
    try:
        Vitals.model_validate({slot: value})
    except ValidationError:
        return False
    return True


def _consciousness(part: Part) -> str | None:
    answer = part.body.get("valueCodeableConcept")
    known = vocabulary.CONSCIOUSNESS.get(code_in(answer, vocabulary.SNOMED))
    return known or vocabulary.CONSCIOUSNESS_WORDS.get((text_of(answer) or word(part.body.get("valueString"))).lower())


def _fill_vitals(reader: _Reader) -> None:
    pressures = reader.slots.get("systolic_bp"), reader.slots.get("diastolic_bp")
    if pressures[0] and pressures[1]:
        (systolic, upper), (diastolic, lower) = pressures[0][0], pressures[1][0]
        if upper.entry.index != lower.entry.index and upper.order[0] != lower.order[0]:
            reader.left_out(lower, "other_reading", "The diastolic pressure is of another reading than the systolic.")
            del reader.slots["diastolic_bp"]
        elif diastolic > systolic:
            reader.problem(lower, "implausible", "The diastolic pressure is above the systolic.")
            del reader.slots["diastolic_bp"]
    times = []
    for slot, held in reader.slots.items():
        value, part = held[0]
        reader.found.vitals[slot] = value
        part.entry.mark_used()
        reader.bundle.keep_codes(part.entry, part.concept, f"vitals.{slot}")
        if part.at is None:
            reader.bundle.tell(
                part.entry, "undated", "It has no date; it is taken as present.", outcome="note", about=part.first()
            )
        elif part.at.exact and slot != "weight_kg":
            times.append(part.at)
    if times:
        newest = max(times, key=lambda at: at.start)
        reader.found.vitals["taken_at"] = newest.start.isoformat()


# --- the rest ---------------------------------------------------------------------------------------


def _lab(reader: _Reader, part: Part) -> None:
    name = next(
        (
            vocabulary.LABS[one.code]
            for one in codes(part.concept)
            if one.system == LOINC and one.code in vocabulary.LABS
        ),
        part.name,
    )
    if not name:
        return reader.problem(part, "no_name", "The code has no display, and nobody can read a bare code.")
    if reader.too_old(part, recent.LABS):
        return None
    quantity = _quantity(part)
    said = _said(part)
    if quantity is None and not said:
        return _no_value(reader, part)
    unit = ucum.readable(system=quantity.system, code=quantity.code, unit=quantity.unit) if quantity else ""
    value: Any = said if quantity is None else quantity.value
    if quantity is not None and quantity.comparator:
        value = f"{quantity.comparator}{quantity.value:g}"
    if ("lab", unit, *_test(part)) in reader.seen:
        return reader.left_out(part, "superseded", "A later result of the same test is in the case.")
    if len(str(value)) > 200 or len(unit) > 60 or len(name) > 2000:
        return reader.problem(part, "too_long", "The name, the value or the unit is too long for a result.")
    reader.seen.add(("lab", unit, *_test(part)))
    lab: dict[str, Any] = {"name": name, "value": value, "unit": unit}
    if quantity is not None:
        lab |= _limits(reader, part, quantity)
    if part.at and part.at.exact:
        lab["taken_at"] = part.at.start.isoformat()
    reader.found.labs.append((lab, part))
    part.entry.mark_used()
    return None


def _test(part: Part) -> tuple[str, str]:
    """What makes two results results of one test: the first code, else the name."""
    first = part.first()
    return (first.system, first.code) if first else ("", part.name.lower())


def _limits(reader: _Reader, part: Part, quantity: _Quantity) -> dict[str, float]:
    """The normal range, when there is one, in the result's own unit."""
    ranges = [
        item for item in things(part.body.get("referenceRange"))
        if code_in(item.get("type"), "http://terminology.hl7.org/CodeSystem/referencerange-meaning") in {"", "normal"}
        and not item.get("appliesTo") and not item.get("age")
    ]  # fmt: skip
    if len(ranges) != 1:
        return {}
    found = {}
    for side in ("low", "high"):
        limit = thing(ranges[0].get(side))
        value = number(limit.get("value"))
        if value is None:
            continue
        same = (
            word(limit.get("code")) == quantity.code
            if limit.get("code") and quantity.code
            else (word(limit.get("unit")) == quantity.unit or not limit.get("unit"))
        )
        if not same:
            reader.bundle.tell(
                part.entry, "range_unit", "The reference range has another unit; it is not used.", outcome="note"
            )
            return {}
        found[f"reference_{side}"] = value
    return found


def _finding(reader: _Reader, part: Part, into: list[tuple[str, Part]], window: timedelta | None) -> None:
    if not part.name:
        return reader.problem(part, "no_name", "The code has no display, and nobody can read a bare code.")
    if window is not None and reader.too_old(part, window):
        return None
    said = _said(part)
    if not said:
        return _no_value(reader, part)
    place = "social" if window is None else "finding"
    if (place, *_test(part)) in reader.seen:
        return reader.left_out(part, "superseded", "A later value of the same observation is in the case.")
    reader.seen.add((place, *_test(part)))
    dated = f" ({part.at.day})" if part.at and window is None else ""
    into.append((f"{part.name}: {said}{dated}", part))
    part.entry.mark_used()
    return None


def _complaint(reader: _Reader, part: Part) -> None:
    if reader.too_old(part, recent.ENCOUNTER):
        return None
    if not (said := word(part.body.get("valueString")) or _said(part)):
        return _no_value(reader, part)
    reader.found.complaints.append((said, part))
    part.entry.mark_used()
    return None


def _pregnancy(reader: _Reader, part: Part) -> None:
    if reader.too_old(part, recent.PREGNANCY):
        return None
    answer = part.body.get("valueCodeableConcept")
    said = vocabulary.PREGNANCY.get(code_in(answer, vocabulary.SNOMED)) or vocabulary.PREGNANCY_WORDS.get(
        plain(text_of(answer)).lower()
    )
    if said is None:
        return reader.problem(part, "unknown_answer", "The pregnancy status is none that is known here.")
    if reader.found.pregnancy:
        return reader.left_out(part, "superseded", "A later pregnancy status is in the case.")
    reader.found.pregnancy = said
    reader.bundle.keep_codes(part.entry, answer, "patient.pregnancy")
    part.entry.mark_used()
    return None


def _gestation(reader: _Reader, part: Part) -> None:
    if reader.too_old(part, timedelta(days=7)):
        return None
    quantity = _quantity(part)
    if quantity is None:
        return _no_value(reader, part)
    weeks = ucum.convert("weeks", quantity.value, system=quantity.system, code=quantity.code, unit=quantity.unit)
    if weeks is None or quantity.comparator:
        return reader.problem(part, "unknown_unit", "The unit is missing, unknown or not one of this measurement.")
    if not 0 <= weeks <= 45:
        return reader.problem(part, "implausible", "The value lies outside what is possible.")
    if reader.found.gestation_weeks is not None:
        return reader.left_out(part, "superseded", "A later gestational age is in the case.")
    reader.found.gestation_weeks = round(weeks, 2)
    reader.bundle.keep_codes(part.entry, part.concept, "patient.gestation_weeks")
    part.entry.mark_used()
    return None
