"""FHIR R4 resources to one `CaseInput`, with an account of every entry. Never raises for what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from apps.interop.rules import texts, vocabulary
from apps.interop.rules.entries import BESIDE, Bundle, Entry, Refused, Validate, one_patient, open_bundle
from apps.interop.rules.moment import Moment, moment_of
from apps.interop.rules.observations import Observed, read_observations
from apps.interop.rules.records import Recorded, read_records
from apps.interop.rules.texts import Written
from apps.interop.rules.values import full_years, when, word
from apps.interop.schemas import EntryCounts, EntryProblem, Imported
from medassist.clinical.case import LONG_TEXT, CaseInput
from medassist.clinical.parsing import parse_case
from medassist.common.errors import InvalidInput

MOST_LABS = 500


def import_resources(data: object, *, now: datetime, validate: Validate) -> Imported:
    """The case that the resources make. `now` is aware; `validate` says why one resource is not valid FHIR R4."""
    try:
        bundle = open_bundle(data, validate)
    except Refused as refused:
        return Imported(
            case=None, draft={}, as_of=now, as_of_from="now", refusal=refused.problem,
            entries=EntryCounts(total=0, used=0, left_out=0, quarantined=0),
        )  # fmt: skip
    moment = Moment(now, "now")
    draft: dict[str, Any] = {}
    case, refusal, source = None, None, ""
    try:
        patient = one_patient(bundle)
        moment = moment_of(bundle, now)
        draft, source = _draft(bundle, patient, moment)
        case = _case(draft)
    except Refused as refused:
        refusal = refused.problem
    return Imported(
        case=case, draft=draft, as_of=moment.at, as_of_from=moment.source, complaint_from=source,
        entries=_count(bundle, drafted=bool(draft)), problems=tuple(_in_order(bundle)), codes=tuple(bundle.codes),
        refusal=refusal,
    )  # fmt: skip


def _case(draft: dict[str, Any]) -> CaseInput:
    if not str(draft.get("presenting_complaint", "")).strip() and not str(draft.get("history", "")).strip():
        raise Refused(
            "complaint_missing",
            "Nothing says why the patient is here: give an Encounter with reasonCode, a chief complaint, a text, or "
            "presenting_complaint in Parameters beside the record.",
        )
    try:
        return parse_case(draft)
    except InvalidInput as error:
        raise Refused("case_not_valid", f"The case would not be valid at {', '.join(sorted(error.fields))}.") from None


def _draft(bundle: Bundle, patient: Entry | None, moment: Moment) -> tuple[dict[str, Any], str]:
    encounter = texts.present_encounter(bundle, moment)
    observed = read_observations(bundle, moment)
    recorded = read_records(bundle, moment, encounter)
    written = texts.read_texts(bundle, moment)
    for entry in bundle.of("Medication"):
        if not entry.used:
            bundle.leave_out(entry, "not_referred_to", "No medicine of the record refers to it.")
    why = _complaint(bundle, encounter, observed, recorded, written)
    draft: dict[str, Any] = {
        "patient": _patient(bundle, patient, moment, observed, recorded),
        "presenting_complaint": why.complaint,
        "history": _history(bundle, observed, recorded, written, why),
        "examination": "\n".join([*written.examination, *(line for line, _ in observed.examination)]),
        "social_history": "\n".join([*written.social_history, *(line for line, _ in observed.social)]),
        "vitals": observed.vitals,
        "labs": _labs(bundle, observed),
        "question": bundle.beside.get("question", ""),
        **{
            listed.name: listed.lines
            for listed in (recorded.medications, recorded.allergies, recorded.past_history, recorded.family_history)
        },
    }
    for name, pairs in (("examination", observed.examination), ("social_history", observed.social)):
        for _, part in pairs:
            bundle.keep_codes(part.entry, part.concept, name)
    for name in (*BESIDE, "examination", "social_history"):
        if len(draft[name]) > LONG_TEXT:
            raise Refused("too_long", f"The text of {name} would be longer than {LONG_TEXT} characters.")
    return draft, why.source


# --- who --------------------------------------------------------------------------------------------


def _patient(
    bundle: Bundle, patient: Entry | None, moment: Moment, observed: Observed, recorded: Recorded
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if observed.pregnancy:
        found["pregnancy"] = observed.pregnancy
    elif recorded.pregnant:
        found["pregnancy"] = "pregnant"
    if observed.gestation_weeks is not None:
        found["gestation_weeks"] = observed.gestation_weeks
    if patient is None:
        return found
    patient.mark_used()
    if patient.id:
        found["reference"] = f"Patient/{patient.id}"
    gender = word(patient.resource.get("gender"))
    if gender in vocabulary.GENDERS:
        found["sex"] = gender
    elif patient.resource.get("gender") is not None:
        bundle.tell(patient, "unknown_gender", "The gender is not one of FHIR R4; it is left unknown.", outcome="note")
    if age := _age(bundle, patient, moment):
        found["age"] = age
    return found


def _age(bundle: Bundle, patient: Entry, moment: Moment) -> dict[str, Any] | None:
    """In days below four weeks, in months below two years, in years from then on."""
    born = when(patient.resource.get("birthDate"))
    if born is None:
        bundle.tell(patient, "no_birth_date", "There is no birth date; the age is unknown.", outcome="note")
        return None
    first, today = born.start.date(), moment.at.date()
    if first > today or full_years(first, today) > 125:
        bundle.tell(patient, "implausible", "The birth date makes no plausible age; it is left out.", outcome="note")
        return None
    last = min(born.end.date(), today)
    if first != born.end.date():
        if full_years(last, today) < 2:
            bundle.tell(
                patient, "birth_date_partial", "The birth date is too coarse for a child's age.", outcome="note"
            )
            return None
        if full_years(last, today) != full_years(first, today):
            bundle.tell(
                patient, "birth_date_partial", "The birth date is partial: the age may be a year less.", outcome="note"
            )
    return _age_between(first, today)


def _age_between(born: date, today: date) -> dict[str, Any]:
    days = (today - born).days
    if days < 28:
        return {"value": days, "unit": "days"}
    years = full_years(born, today)
    if years < 2:
        months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
        return {"value": months, "unit": "months"} if months else {"value": days, "unit": "days"}
    return {"value": years, "unit": "years"}


# --- why --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Why:
    complaint: str
    source: str
    also: str = ""
    """The encounter's own reason, when the complaint is from elsewhere."""


def _complaint(
    bundle: Bundle, encounter: Entry | None, observed: Observed, recorded: Recorded, written: Written
) -> _Why:  # fmt: skip
    """The presenting complaint and where it is from: the first of these that says anything.

    Given beside the record; an observation or a section of a document that is a chief complaint; the reason of the
    encounter; its active diagnoses and those that are new; the kind of visit.
    """
    given = bundle.beside.get("presenting_complaint", "").strip()
    first, source = given, "given"
    if not first and observed.complaints:
        first, source = "; ".join(dict.fromkeys(text for text, _ in observed.complaints)), "observation"
    if not first and written.complaints:
        first, source = "\n".join(dict.fromkeys(text for text, _ in written.complaints)), "document"
    if not given:
        for _, part in observed.complaints:
            bundle.keep_codes(part.entry, part.concept, "presenting_complaint")
    reason = ""
    if encounter is not None:
        reason = "; ".join(texts.reasons(bundle, encounter, "history" if first else "presenting_complaint"))
        if reason:
            encounter.mark_used()
    if first:
        return _Why(first, source, also=reason)
    if reason:
        return _Why(reason, "encounter_reason")
    if recorded.present:
        return _Why("; ".join(dict.fromkeys(line for line, _ in recorded.present)), "encounter_diagnosis")
    if encounter is not None and (visit := texts.kind_of_visit(encounter)):
        encounter.mark_used()
        bundle.tell(
            encounter, "complaint_from_visit", "No reason is recorded; the kind of visit stands for it.", outcome="note"
        )
        return _Why(visit, "encounter_type")
    return _Why("", "")


def _history(bundle: Bundle, observed: Observed, recorded: Recorded, written: Written, why: _Why) -> str:
    parts = [bundle.beside.get("history", "").strip()]
    if why.source in {"given", "document"}:
        # What somebody wrote into the record as the complaint is not lost when another one counts.
        parts += [f"Chief complaint as recorded: {text}." for text, _ in observed.complaints]
        for _, part in observed.complaints:
            bundle.keep_codes(part.entry, part.concept, "history")
    if why.source in {"given", "observation"}:
        parts += [f"Chief complaint as written: {text}" for text, _ in written.complaints]
    if why.also and why.also not in why.complaint:
        parts.append(f"Reason of the encounter: {why.also}.")
    present = []
    for line, entry in recorded.present:
        entry.mark_used()
        into = "history"
        if line in why.complaint.split("; "):
            into = "presenting_complaint"
        elif line not in present:
            present.append(line)
        bundle.keep_codes(entry, entry.resource.get("code"), into)
    if present:
        parts.append(f"Present diagnoses: {'; '.join(present)}.")
    return "\n\n".join(part for part in (*parts, *written.history) if part)


def _labs(bundle: Bundle, observed: Observed) -> list[dict[str, Any]]:
    labs = []
    for index, (lab, part) in enumerate(observed.labs):
        if index >= MOST_LABS:
            bundle.tell(part.entry, "list_full", f"The list holds {MOST_LABS} results, which is the most.")
            part.entry.used = False
            continue
        bundle.keep_codes(part.entry, part.concept, f"labs.{index}")
        labs.append(lab)
    return labs


# --- the account ------------------------------------------------------------------------------------


def _count(bundle: Bundle, *, drafted: bool) -> EntryCounts:
    """Every entry once. What neither was used nor was told of is told here, so that nothing goes unsaid."""
    why = ("nothing_used", "It holds nothing that this case needs.") if drafted else (
        "case_refused", "The whole was refused before this entry was read."
    )  # fmt: skip
    told = {problem.entry for problem in bundle.problems if problem.outcome != "note"}
    used = left_out = quarantined = 0
    for entry in bundle.entries:
        if entry.used:
            used += 1
        elif entry.quarantined:
            quarantined += 1
        else:
            left_out += 1
            if entry.index not in told:
                bundle.leave_out(entry, *why)
    return EntryCounts(total=len(bundle.entries), used=used, left_out=left_out, quarantined=quarantined)


def _in_order(bundle: Bundle) -> list[EntryProblem]:
    return sorted(dict.fromkeys(bundle.problems), key=lambda item: -1 if item.entry is None else item.entry)
