"""The entries of what was sent: a Bundle, a single resource, or Parameters with resources and words beside them.

Also whose record it is: one living patient, or it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from apps.interop.rules import vocabulary
from apps.interop.rules.values import Code, Json, codes, thing, things, unreadable, when, word
from apps.interop.schemas import EntryProblem, KeptCode

MOST_ENTRIES = 5_000
READ = frozenset({
    "Patient", "Condition", "Observation", "MedicationStatement", "MedicationRequest", "AllergyIntolerance", "Encounter",
    "DocumentReference", "DiagnosticReport", "FamilyMemberHistory", "Composition",
})  # fmt: skip
"""Resource types that are read. `Medication` is looked up by what refers to it."""
BESIDE = ("presenting_complaint", "history", "question")
Validate = Callable[[Json], str]
"""Why a resource is not valid FHIR R4, "" when it is; the reason names elements, never values."""


class Refused(Exception):
    """The whole makes no case; no detail is lost, the problem says why."""

    def __init__(self, code: str, reason: str, entry: Entry | None = None) -> None:
        super().__init__(code)
        self.problem = EntryProblem(
            entry=entry.index if entry else None, resource_type=entry.kind if entry else "",
            id=entry.id if entry else "", code=code, outcome="quarantined", reason=reason,
        )  # fmt: skip


@dataclass(slots=True)
class Entry:
    index: int
    resource: Json
    full_url: str = ""
    parent: Entry | None = None
    """For a contained resource, the entry that it is in; it counts as a part of that entry."""
    used: bool = False
    quarantined: bool = False
    older: bool = False
    """A newer version of the same resource is in the bundle."""

    @property
    def kind(self) -> str:
        return word(self.resource.get("resourceType"))[:64]

    @property
    def id(self) -> str:
        return word(self.resource.get("id"))[:64]

    def mark_used(self) -> None:
        self.used = True
        if self.parent:
            self.parent.used = True

    def reference_to(self, *names: str) -> str:
        """The literal reference of the first of these elements that has one."""
        return next((found for name in names if (found := word(thing(self.resource.get(name)).get("reference")))), "")


@dataclass(slots=True)
class Bundle:
    entries: list[Entry]
    timestamp: str = ""
    beside: dict[str, str] = field(default_factory=dict)
    """Words given beside the resources (`BESIDE`) and "as_of"."""
    problems: list[EntryProblem] = field(default_factory=list)
    codes: list[KeptCode] = field(default_factory=list)
    _found: dict[str, Entry] = field(default_factory=dict)
    _inside: dict[int, dict[str, Json]] = field(default_factory=dict)

    def tell(
        self, entry: Entry | None, code: str, reason: str, *,
        outcome: Literal["left_out", "quarantined", "note"] = "quarantined", about: Code | None = None,
    ) -> None:  # fmt: skip
        if entry and outcome == "quarantined":
            entry.quarantined = True
        if entry and about is None:
            first = codes(entry.resource.get("code"))
            about = first[0] if first else None
        self.problems.append(
            EntryProblem(
                entry=entry.index if entry else None, resource_type=entry.kind if entry else "",
                id=entry.id if entry else "", about=f"{about.system}|{about.code}"[:200] if about else "",
                code=code, outcome=outcome, reason=reason,
            )
        )  # fmt: skip

    def leave_out(self, entry: Entry, code: str, reason: str, about: Code | None = None) -> None:
        self.tell(entry, code, reason, outcome="left_out", about=about)

    def keep_codes(self, entry: Entry, concept: object, where: str) -> None:
        self.codes += [
            KeptCode(entry=entry.index, system=one.system, code=one.code, display=one.display, where=where)
            for one in codes(concept)
        ]

    def of(self, *kinds: str) -> Iterator[Entry]:
        """The entries of these types that may be read, in order."""
        return (entry for entry in self.entries if entry.kind in kinds and not entry.quarantined and not entry.older)

    def index(self) -> None:
        for entry in self.entries:
            for name in _names(entry):
                self._found.setdefault(name, entry)

    def resolve(self, reference: str, at: Entry) -> Entry | None:
        """The entry that a literal reference points to; None when it is not here."""
        if reference.startswith("#"):
            home = at.parent or at
            if home.index not in self._inside:
                listed = things(home.resource.get("contained"))
                self._inside[home.index] = {word(item.get("id")): item for item in listed if word(item.get("id"))}
            match = self._inside[home.index].get(reference[1:])
            return Entry(home.index, match, parent=home) if match else None
        return self._found.get(reference.split("/_history/", maxsplit=1)[0])


def _names(entry: Entry) -> Iterator[str]:
    if entry.full_url:
        yield entry.full_url.split("/_history/")[0]
    if entry.kind and entry.id:
        yield f"{entry.kind}/{entry.id}"


# --- opening what was sent --------------------------------------------------------------------------


def open_bundle(data: object, validate: Validate) -> Bundle:
    """Every entry, those that cannot be read already quarantined. Raises `Refused`."""
    resource = thing(data)
    kind = word(resource.get("resourceType"))
    if not kind:
        raise Refused("not_fhir", "The body is no FHIR resource: resourceType is missing.")
    if kind == "Parameters":
        bundle = _parameters(resource)
    elif kind == "Bundle":
        bundle = Bundle([])
        _unpack(bundle, resource)
    else:
        bundle = Bundle([Entry(0, resource)])
    if len(bundle.entries) > MOST_ENTRIES:
        raise Refused("too_many_entries", f"A bundle may have at most {MOST_ENTRIES} entries.")
    if not bundle.entries:
        raise Refused("empty", "There is no resource to read.")
    _check(bundle, validate)
    _drop_older_versions(bundle)
    bundle.index()
    return bundle


def _parameters(resource: Json) -> Bundle:
    bundle = Bundle([])
    for parameter in things(resource.get("parameter")):
        name = word(parameter.get("name"))
        if name in BESIDE and isinstance(parameter.get("valueString"), str):
            bundle.beside[name] = parameter["valueString"]
        elif name == "as_of" and when(parameter.get("valueDateTime")):
            bundle.beside[name] = word(parameter.get("valueDateTime"))
        elif name in {"record", "resource"} and isinstance(parameter.get("resource"), dict):
            inner = parameter["resource"]
            if word(inner.get("resourceType")) == "Bundle":
                _unpack(bundle, inner)
            else:
                bundle.entries.append(Entry(len(bundle.entries), inner))
        else:
            raise Refused(
                "unknown_parameter",
                "Parameters may hold record (a resource), presenting_complaint, history, question (valueString) and "
                "as_of (valueDateTime).",
            )
    if reason := unreadable(bundle.beside):
        raise Refused(reason, "The words beside the record hold characters that cannot be stored.")
    return bundle


def _unpack(bundle: Bundle, resource: Json) -> None:
    kind = word(resource.get("type"))
    if kind not in vocabulary.BUNDLES:
        # A history holds several versions of one resource, and which of them counts is not for us to say.
        raise Refused("bundle_type", "Bundle.type is not one that a case can be made of.")
    bundle.timestamp = bundle.timestamp or word(resource.get("timestamp"))
    listed = resource.get("entry")
    if listed is not None and not isinstance(listed, list):
        raise Refused("not_fhir", "Bundle.entry is no list.")
    for item in listed or []:
        shown = thing(item)
        entry = Entry(len(bundle.entries), thing(shown.get("resource")), word(shown.get("fullUrl")))
        bundle.entries.append(entry)
        if not entry.resource:
            bundle.tell(entry, "no_resource", "The entry holds no resource.")
        elif word(thing(shown.get("request")).get("method")) == "DELETE":
            entry.resource = {"resourceType": entry.kind, "id": entry.id}
            bundle.tell(entry, "deletion", "The entry asks to delete the resource.")
    if any(word(link.get("relation")) == "next" for link in things(resource.get("link"))):
        bundle.tell(
            None, "more_pages", "The bundle is one page of a search; other pages were not sent.", outcome="note"
        )


def _check(bundle: Bundle, validate: Validate) -> None:
    for entry in bundle.entries:
        if entry.quarantined:
            continue
        resource = entry.resource
        if reason := unreadable(resource):
            entry.resource = {"resourceType": entry.kind} if not unreadable(entry.kind) else {}
            bundle.tell(entry, reason, "The resource holds text that cannot be stored, or is nested too deeply.")
        elif entry.kind not in READ and entry.kind != "Medication":
            bundle.leave_out(entry, "type_not_read", "Resources of this type are not read.")
        elif resource.get("modifierExtension") or resource.get("implicitRules"):
            bundle.tell(entry, "modifier", "A modifierExtension or implicitRules may change what the resource means.")
        elif reason := validate(resource):
            bundle.tell(entry, "not_valid", reason)
        else:
            _check_status(bundle, entry)


def _check_status(bundle: Bundle, entry: Entry) -> None:
    if entry.kind not in vocabulary.STATUS:
        return
    read, left_out = vocabulary.STATUS[entry.kind]
    status = word(entry.resource.get("status"))
    if status not in read | left_out:
        bundle.tell(entry, "unknown_status", "The status is missing or not one of FHIR R4.")


def _drop_older_versions(bundle: Bundle) -> None:
    newest: dict[tuple[str, str], Entry] = {}
    for entry in bundle.entries:
        if not entry.id or not entry.kind or entry.quarantined:
            continue
        held = newest.get((entry.kind, entry.id))
        older = entry
        if held is None or _updated(entry) >= _updated(held):
            newest[entry.kind, entry.id], older = entry, held or entry
        if held is not None:
            older.older = True
            bundle.leave_out(older, "older_version", "The bundle holds a newer version of the same resource.")


def _updated(entry: Entry) -> str:
    found = when(thing(entry.resource.get("meta")).get("lastUpdated"))
    return found.start.isoformat() if found else ""


# --- whose record -------------------------------------------------------------------------------------

_SUBJECT = ("subject", "patient")


def one_patient(bundle: Bundle) -> Entry | None:
    """The patient of the record, None when no Patient resource was sent.

    Raises `Refused` for several patients and for a patient who has died. Entries of somebody else are quarantined.
    """
    patients = list(bundle.of("Patient"))
    if len(patients) > 1:
        raise Refused("several_patients", "The bundle holds several patients; send one bundle for each.", patients[1])
    if any(entry.kind == "Patient" and entry.quarantined for entry in bundle.entries):
        raise Refused("patient_not_valid", "The Patient resource cannot be read; see problems.")
    about = [entry for entry in bundle.of(*READ) if entry.kind != "Patient"]
    if not patients:
        _one_subject(bundle, about)
        return None
    patient = patients[0]
    dead = patient.resource.get("deceasedBoolean"), patient.resource.get("deceasedDateTime")
    if dead[0] not in (None, False) or dead[1] is not None:
        raise Refused("patient_deceased", "The patient is recorded as deceased.", patient)
    if patient.resource.get("active") is False:
        bundle.tell(patient, "patient_inactive", "The patient record is marked as not in use.", outcome="note")
    if any(word(link.get("type")) == "replaced-by" for link in things(patient.resource.get("link"))):
        raise Refused("patient_replaced", "The patient record has been replaced by another one.", patient)
    for entry in about:
        _check_subject(bundle, entry, patient)
    return patient


def _check_subject(bundle: Bundle, entry: Entry, patient: Entry) -> None:
    if entry.resource.get("focus"):
        bundle.tell(entry, "other_focus", "The observation is about something else than the patient (focus).")
        return
    reference = entry.reference_to(*_SUBJECT)
    if reference:
        if bundle.resolve(reference, entry) is not patient:
            bundle.tell(entry, "other_patient", "The resource is about somebody else than the bundle's patient.")
        return
    identifier = next((found for name in _SUBJECT if (found := _identifier(entry.resource.get(name)))), None)
    if identifier is None or identifier not in _identifiers(patient):
        bundle.tell(entry, "subject_unknown", "The resource does not say that it is about the bundle's patient.")


def _identifier(reference: object) -> tuple[str, str] | None:
    value = thing(thing(reference).get("identifier"))
    found = word(value.get("system")), word(value.get("value"))
    return found if found[1] else None


def _identifiers(patient: Entry) -> set[tuple[str, str]]:
    return {
        (word(item.get("system")), word(item.get("value")))
        for item in things(patient.resource.get("identifier"))
        if word(item.get("value"))
    }


def _subject(entry: Entry) -> str:
    reference = entry.reference_to(*_SUBJECT).split("/_history/", maxsplit=1)[0]
    # "#p" means something else in each resource.
    return f"{entry.index}{reference}" if reference.startswith("#") else reference


def _one_subject(bundle: Bundle, about: list[Entry]) -> None:
    named = {_subject(entry) for entry in about} - {""}
    named |= {
        "|".join(found) for entry in about for name in _SUBJECT if (found := _identifier(entry.resource.get(name)))
    }
    if len(named) > 1:
        raise Refused(
            "several_patients", "The resources are about several patients, or name one patient in several ways."
        )
    for entry in about:
        if entry.resource.get("focus"):
            bundle.tell(entry, "other_focus", "The observation is about something else than the patient (focus).")
        elif len(about) > 1 and not any(entry.resource.get(name) for name in _SUBJECT):
            bundle.tell(entry, "subject_unknown", "The resource does not say whom it is about.")
