"""Plain words for the codes of the contract. A code without words is shown as itself, never hidden."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, str | Promise]

LEVELS: Words = {"emergency_now": _("Emergency now"), "same_day": _("Same day"), "routine": _("Routine")}

FILTER_STATUSES: Words = {
    "waiting": _("No assessment yet"),
    "released": _("Released"),
    "abstained": _("Abstained"),
    "withheld": _("Withheld"),
}

BANDS: Words = {
    "cannot_miss": _("Cannot miss"),
    "likely": _("Likely"),
    "possible": _("Possible"),
    "less_likely": _("Less likely"),
}
BAND_ORDER = ("cannot_miss", "likely", "possible", "less_likely")
BAND_NOTES: Words = {
    "cannot_miss": _("Kept in view whatever its probability, because missing it does harm."),
}

CLAIM_KINDS: Words = {"inference": _("Inference")}

NO_NUMBER: Words = {
    "not_calibrated": _("No probability: this model version has no calibration record."),
}

STATUS_REASONS: Words = {
    "weak_retrieval": _("The guideline search found nothing that fits this case well enough."),
    "too_few_verified_claims": _("Fewer than two statements could be verified against a guideline."),
    "guard_removed_too_much": _("The safety guard had to remove too much of the draft."),
    "guard_failed": _("A safety check did not finish, so nothing unchecked was released."),
    "backbone_output_unusable": _("The model's answer could not be used."),
    "backbone_rejected": _("The model refused the request."),
    "prompt_too_long": _("The case and its evidence are too long for the model."),
    "retrieval_unavailable": _("The guideline search was not available."),
    "key_facts_missing": _("Facts that the differential depends on are missing."),
    "missing_age": _("The age is missing."),
    "missing_duration": _("The duration of the complaint is missing."),
    "missing_red_flag_screen": _("Nothing shows that red flags were screened for."),
    "contradictory_input": _("The record contradicts itself."),
    "unsupported_language": _("The record is in a language that is not supported yet."),
    "image_or_signal": _("The question is about an image or a signal, which is not supported."),
    "medication_fidelity": _("A medicine was restated differently from the record."),
}

JOB_REASONS: Words = {
    "deadline_exceeded": _("It took longer than allowed."),
    "worker_lost": _("The process that worked on it stopped several times."),
    "lease_lost": _("The process that worked on it stopped several times."),
    "error": _("Something went wrong on our side."),
    "backbone_unavailable": _("The model was not available."),
    "backbone_rejected": _("The model refused the request."),
    "prompt_too_long": _("The case and its evidence are too long for the model."),
    "bad_model_output": _("The model's answer could not be used."),
    "answer_withheld": _("The answer was withheld by a safety check."),
    "retrieval_unavailable": _("The guideline search was not available."),
    "internal_error": _("Something went wrong on our side."),
}

JOB_STATES: Words = {
    "queued": _("Waiting"),
    "running": _("In progress"),
    "done": _("Ready"),
    "dead": _("Failed"),
    "cancelled": _("Cancelled"),
}

STATUSES: Words = {"released": _("Ready"), "withheld": _("Withheld"), "abstained": _("Abstained")}

STEPS: Words = {
    "gather": _("Gather the record"),
    "deidentify": _("Remove identifiers"),
    "retrieve": _("Search the guidelines"),
    "draft": _("Draft with citations"),
    "verify": _("Verify each claim against its source"),
    "guard": _("Safety checks"),
    "release": _("Release"),
}

OMISSIONS: Words = {
    "abnormal_value": _("Abnormal value"),
    "red_flag": _("Red flag"),
    "cannot_miss": _("Cannot miss"),
}

CONFLICTS: Words = {
    "advice": _("One advises what the other advises against."),
    "negation": _("One says what the other denies."),
    "opposite": _("They judge it in opposite ways."),
    "age": _("They name different ages."),
    "interval": _("They name different intervals."),
    "time": _("They name different lengths of time."),
    "number": _("They name different values."),
}

TEXT_STATES: Words = {"superseded": _("Superseded since"), "withdrawn": _("Withdrawn since")}

TIMINGS: Words = {**STEPS, "total": _("Total"), "queue": _("Waiting")}

NEWS2: Words = {
    "respiratory_rate": _("Respiratory rate"),
    "spo2": _("Oxygen saturation"),
    "on_oxygen": _("Air or oxygen"),
    "air_or_oxygen": _("Air or oxygen"),
    "systolic_bp": _("Systolic pressure"),
    "heart_rate": _("Heart rate"),
    "pulse": _("Heart rate"),
    "consciousness": _("Consciousness"),
    "temperature_c": _("Temperature"),
    "temperature": _("Temperature"),
}

PARTS: Words = {
    "patient": _("Patient"),
    "presenting_complaint": _("Presenting complaint"),
    "history": _("History"),
    "examination": _("Examination"),
    "social_history": _("Social history"),
    "symptoms": _("Symptoms"),
    "vitals": _("Vital signs"),
    "labs": _("Laboratory"),
    "medications": _("Medications, as recorded"),
    "allergies": _("Allergies, as recorded"),
    "past_history": _("Past history"),
    "family_history": _("Family history"),
    "question": _("Question"),
    "own_impression": _("Own impression"),
}

VITALS: Mapping[str, tuple[str | Promise, str]] = {
    "respiratory_rate": (_("Respiratory rate"), "/min"),
    "spo2": (_("Oxygen saturation"), "%"),
    "spo2_scale": (_("SpO₂ scale"), ""),
    "on_oxygen": (_("Air or oxygen"), ""),
    "systolic_bp": (_("Systolic pressure"), "mmHg"),
    "diastolic_bp": (_("Diastolic pressure"), "mmHg"),
    "heart_rate": (_("Heart rate"), "/min"),
    "temperature_c": (_("Temperature"), "°C"),
    "consciousness": (_("Consciousness"), ""),
    "gcs": (_("Glasgow Coma Scale"), "/15"),
    "weight_kg": (_("Weight"), "kg"),
}


def say(words: Words, code: str) -> str:
    """The words for a code, or the code itself in readable form."""
    known = words.get(code)
    return str(known) if known is not None else code.replace("_", " ")
