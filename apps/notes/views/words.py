"""Plain words for the codes of this room. A code without words is shown as itself, never hidden."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = Mapping[str, str | Promise]

SECTIONS: Words = {
    "reason": _("Reason for the visit"),
    "history": _("History"),
    "findings": _("Findings"),
    "results": _("Results"),
    "assessment_recorded": _("Assessment, as recorded"),
    "plan_recorded": _("Plan, as recorded"),
    "open_questions": _("Open questions"),
}
HEADINGS: Words = {
    **SECTIONS,
    "Reason for the visit": _("Reason for the visit"),
    "Subjective": _("Subjective"),
    "Objective": _("Objective"),
    "Assessment": _("Assessment"),
    "Plan": _("Plan"),
    "Other": _("Other"),
}
STATUSES: Words = {
    "released": _("Summarised"), "withheld": _("Withheld"), "abstained": _("No summary"), "queued": _("Waiting"),
    "running": _("In progress"), "dead": _("Failed"), "cancelled": _("Cancelled"), "done": _("Done"),
}  # fmt: skip
BADGES: Mapping[str, str] = {
    "released": "routine", "withheld": "same_day", "abstained": "same_day", "dead": "emergency_now", "queued": "info",
    "running": "info",
}  # fmt: skip
OMISSIONS: Words = {
    "number": _("a number"),
    "negation": _("a denial"),
    "medicine": _("a medicine"),
    "instruction": _("not followed"),
}
STEPS: Words = {
    "gather": _("Read the note"),
    "deidentify": _("Remove identifiers"),
    "draft": _("Draft"),
    "guard": _("Check every sentence"),
    "release": _("Release"),
}
REASONS: Words = {
    "too_few_verified_claims": _("No sentence of the draft stood in the note."),
    "backbone_output_unusable": _("The model's answer could not be used."),
    "backbone_rejected": _("The model refused the request."),
    "prompt_too_long": _("The note is too long for the model."),
    "guard_failed": _("A safety check did not finish, so nothing unchecked was released."),
}


def say(words: Words, code: str) -> str:
    return str(words.get(code, code))
