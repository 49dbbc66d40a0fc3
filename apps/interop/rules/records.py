"""Conditions, allergies, medicines and family history to the lists of the case, in the record's own words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from apps.interop.rules import moment as recent
from apps.interop.rules import vocabulary
from apps.interop.rules.entries import Bundle, Entry
from apps.interop.rules.moment import Moment
from apps.interop.rules.values import Json, code_in, has_code, number, text_of, thing, things, when, word

LONGEST = 2_000
MOST = 200


@dataclass(slots=True)
class Listed:
    """Lines of one list of the case, each once; where each came from, so that its codes can be kept."""

    name: str
    lines: list[str] = field(default_factory=list)

    def add(self, bundle: Bundle, entry: Entry, line: str, *concepts: Any) -> None:
        if len(line) > LONGEST:
            bundle.tell(entry, "too_long", f"The line would be longer than {LONGEST} characters.")
            return
        if line in self.lines:
            bundle.leave_out(entry, "repeated", "The same words are in the list already.")
            return
        if len(self.lines) == MOST:
            bundle.tell(entry, "list_full", f"The list holds {MOST} lines, which is the most.")
            return
        for concept in concepts:
            bundle.keep_codes(entry, concept, f"{self.name}.{len(self.lines)}")
        self.lines.append(line)
        entry.mark_used()


@dataclass(slots=True)
class Recorded:
    past_history: Listed = field(default_factory=lambda: Listed("past_history"))
    medications: Listed = field(default_factory=lambda: Listed("medications"))
    allergies: Listed = field(default_factory=lambda: Listed("allergies"))
    family_history: Listed = field(default_factory=lambda: Listed("family_history"))
    present: list[tuple[str, Entry]] = field(default_factory=list)
    """Active diagnoses of the encounter that the case is about, and others that are new."""
    pregnant: bool = False


def read_records(bundle: Bundle, moment: Moment, encounter: Entry | None) -> Recorded:
    found = Recorded()
    for entry in bundle.of("Condition"):
        _condition(bundle, found, entry, moment, encounter)
    for entry in bundle.of("AllergyIntolerance"):
        _allergy(bundle, found, entry)
    for entry in bundle.of("MedicationStatement", "MedicationRequest"):
        _medicine(bundle, found, entry)
    for entry in bundle.of("FamilyMemberHistory"):
        _relative(bundle, found, entry)
    return found


def _counts(bundle: Bundle, entry: Entry, clinical_system: str, verification_system: str) -> tuple[str, str] | None:
    """(clinical, verification) status, "" where there is none; None when the resource does not count."""
    resource = entry.resource
    clinical = code_in(resource.get("clinicalStatus"), clinical_system)
    verification = code_in(resource.get("verificationStatus"), verification_system)
    for given, code, known in (
        (resource.get("clinicalStatus"), clinical, vocabulary.CLINICAL),
        (resource.get("verificationStatus"), verification, vocabulary.VERIFICATION | {"presumed"}),
    ):
        if given is not None and code not in known:
            bundle.tell(entry, "unknown_status", "A status is not one of FHIR R4.")
            return None
    if verification in {"refuted", "entered-in-error"}:
        bundle.leave_out(entry, "status", "It was refuted, or entered in error.")
        return None
    return clinical, verification


def _condition(bundle: Bundle, found: Recorded, entry: Entry, moment: Moment, encounter: Entry | None) -> None:
    resource = entry.resource
    status = _counts(bundle, entry, vocabulary.CONDITION_CLINICAL, vocabulary.CONDITION_VERIFICATION)
    if status is None:
        return
    clinical, verification = status
    name = text_of(resource.get("code"))
    if not name:
        bundle.tell(entry, "no_name", "The condition has no words, and nobody can read a bare code.")
        return
    onset, ended = _since(resource, "onset"), _since(resource, "abatement")
    if (begin := when(resource.get("onsetDateTime"))) and moment.is_future(begin):
        bundle.tell(entry, "in_the_future", "It is dated after the moment of the case.")
        return
    if not clinical and ended:
        clinical = "resolved"
    severity = text_of(resource.get("severity")).lower()
    # A grade is said once: "Moderate asthma" needs no second "moderate".
    named = name if not severity or severity in name.lower() else f"{name}, {severity}"
    about = [clinical or "status not recorded", "" if verification in {"", "confirmed"} else verification]
    about += [f"since {onset}" if onset else "", f"until {ended}" if ended else ""]
    line = f"{named} ({', '.join(part for part in about if part)})"
    if clinical not in vocabulary.OVER:
        if has_code(resource.get("code"), vocabulary.SNOMED, *vocabulary.PREGNANT_CONDITIONS):
            found.pregnant = True
        if _is_of(bundle, entry, encounter) or _is_new(resource, moment):
            found.present.append((named if verification in {"", "confirmed"} else f"{named} ({verification})", entry))
            return
    found.past_history.add(bundle, entry, line, resource.get("code"))


def _is_of(bundle: Bundle, entry: Entry, encounter: Entry | None) -> bool:
    """Whether a condition is a diagnosis of the encounter that the case is about."""
    if encounter is None:
        return False
    if any(code_in(item, vocabulary.CONDITION_CATEGORY) == "problem-list-item" for item in _categories(entry)):
        return False
    reference = entry.reference_to("encounter")
    return bool(reference) and bundle.resolve(reference, entry) is encounter


def _is_new(resource: Json, moment: Moment) -> bool:
    """Begun (or, without a beginning, recorded) in the last days. What is in the past history counts as past, and a heart
    attack of this morning is not."""
    begun = when(resource.get("onsetDateTime")) or when(thing(resource.get("onsetPeriod")).get("start"))
    begun = begun or when(resource.get("recordedDate"))
    return begun is not None and not moment.is_old(begun, recent.ENCOUNTER)


def _categories(entry: Entry) -> list[Json]:
    return things(entry.resource.get("category"))


def _since(resource: Json, stem: str) -> str:
    """A date, an age or the record's own words; "" for none."""
    if found := when(resource.get(f"{stem}DateTime")):
        return found.day
    if found := when(thing(resource.get(f"{stem}Period")).get("start")):
        return found.day
    age = thing(resource.get(f"{stem}Age"))
    if (value := number(age.get("value"))) is not None:
        return f"the age of {value:g} {word(age.get('unit')) or word(age.get('code'))}".strip()
    return " ".join(word(resource.get(f"{stem}String")).split())


def _allergy(bundle: Bundle, found: Recorded, entry: Entry) -> None:
    resource = entry.resource
    status = _counts(bundle, entry, vocabulary.ALLERGY_CLINICAL, vocabulary.ALLERGY_VERIFICATION)
    if status is None:
        return
    clinical, verification = status
    if clinical in vocabulary.OVER:
        bundle.leave_out(entry, "status", "The allergy is no longer active.")
        return
    reactions = things(resource.get("reaction"))
    name = text_of(resource.get("code")) or next((text_of(item.get("substance")) for item in reactions), "")
    if not name:
        bundle.tell(entry, "no_name", "The allergy has no words, and nobody can read a bare code.")
        return
    shown = [text_of(item) for reaction in reactions for item in things(reaction.get("manifestation"))]
    about = [
        "intolerance" if resource.get("type") == "intolerance" else "",
        verification if verification in {"unconfirmed", "presumed"} else "",
        "high criticality" if resource.get("criticality") == "high" else "",
        ", ".join(dict.fromkeys(part for part in shown if part)),
    ]
    told = "; ".join(part for part in about if part)
    found.allergies.add(bundle, entry, f"{name} ({told})" if told else name, resource.get("code"))


# --- medicines: as recorded -------------------------------------------------------------------------


def _medicine(bundle: Bundle, found: Recorded, entry: Entry) -> None:
    resource = entry.resource
    status = word(resource.get("status"))
    if status not in vocabulary.STATUS[entry.kind][0]:
        bundle.leave_out(entry, "status", "The status says that it is not taken at present.")
        return
    if entry.kind == "MedicationRequest":
        intent = word(resource.get("intent"))
        if intent not in vocabulary.INTENTS[0] | vocabulary.INTENTS[1]:
            bundle.tell(entry, "unknown_status", "The intent is missing or not one of FHIR R4.")
            return
        if intent in vocabulary.INTENTS[1]:
            bundle.leave_out(entry, "intent", "It is a proposal or an option, nothing that was ordered.")
            return
        if resource.get("doNotPerform") not in (None, False):
            bundle.leave_out(entry, "do_not_perform", "It says that the medicine is not to be given.")
            return
    concept = resource.get("medicationCodeableConcept")
    if concept is None and (reference := entry.reference_to("medicationReference")):
        target = bundle.resolve(reference, entry)
        if target is None or target.kind != "Medication":
            bundle.tell(entry, "medicine_missing", "The medicine that it refers to was not sent.")
            return
        target.mark_used()
        concept = target.resource.get("code")
    name = text_of(concept) or word(thing(resource.get("medicationReference")).get("display"))
    if not name:
        bundle.tell(entry, "no_name", "The medicine has no words, and nobody can read a bare code.")
        return
    doses = things(resource.get("dosage") or resource.get("dosageInstruction"))
    told = "; ".join(part for dose in doses if (part := _dosage(dose)))
    line = f"{name}, {told}" if told else name
    line += {"on-hold": " (on hold)", "unknown": " (status unknown)"}.get(status, "")
    found.medications.add(bundle, entry, line, concept)


def _dosage(dose: Json) -> str:
    """The instruction as written; without words, its numbers as they stand, nothing reckoned."""
    if text := " ".join(word(dose.get("text")).split()):
        return text
    return " ".join(part for part in _dosage_parts(dose) if part)


def _dosage_parts(dose: Json) -> Iterator[str]:
    for rate in things(dose.get("doseAndRate"))[:1]:
        quantity = thing(rate.get("doseQuantity"))
        if (value := number(quantity.get("value"))) is not None:
            yield f"{value:g} {word(quantity.get('unit')) or word(quantity.get('code'))}".strip()
    yield text_of(dose.get("route")).lower()
    repeat = thing(thing(dose.get("timing")).get("repeat"))
    frequency, span = number(repeat.get("frequency")), number(repeat.get("period"))
    if frequency is not None and span is not None:
        units = {
            "s": "seconds",
            "min": "minutes",
            "h": "hours",
            "d": "days",
            "wk": "weeks",
            "mo": "months",
            "a": "years",
        }
        if unit := units.get(word(repeat.get("periodUnit"))):
            yield f"{frequency:g} in {span:g} {unit}"
    else:
        yield text_of(thing(dose.get("timing")).get("code"))
    if dose.get("asNeededBoolean") is True:
        yield "as needed"
    elif reason := text_of(dose.get("asNeededCodeableConcept")):
        yield f"as needed for {reason}"


# --- family -----------------------------------------------------------------------------------------


def _relative(bundle: Bundle, found: Recorded, entry: Entry) -> None:
    resource = entry.resource
    if word(resource.get("status")) not in vocabulary.STATUS[entry.kind][0]:
        bundle.leave_out(entry, "status", "The status says that nothing is known, or that it was an error.")
        return
    who = text_of(resource.get("relationship")) or word(resource.get("name"))
    conditions = [item for item in things(resource.get("condition")) if text_of(item.get("code"))]
    if not who or not conditions:
        bundle.leave_out(entry, "no_condition", "It names no relative or no condition.")
        return
    for item in conditions:
        onset = _since(item, "onset")
        line = f"{who}: {text_of(item.get('code'))}" + (f" (since {onset})" if onset else "")
        line += " (died of it)" if item.get("contributedToDeath") is True else ""
        found.family_history.add(bundle, entry, line, item.get("code"))
