"""An import's account as a FHIR OperationOutcome (R4)."""

from __future__ import annotations

from apps.interop.rules.values import Json
from apps.interop.schemas import EntryProblem, Imported

_SEVERITY = {"quarantined": "warning", "left_out": "information", "note": "information"}
_TYPES = {
    "not_fhir": "structure", "not_valid": "structure", "no_resource": "required", "complaint_missing": "required",
    "no_code": "required", "no_value": "required", "no_name": "required", "unknown_unit": "code-invalid",
    "unknown_status": "code-invalid", "unknown_answer": "code-invalid", "type_not_read": "not-supported",
    "category_not_read": "not-supported", "modifier": "not-supported", "bundle_type": "not-supported",
    "several_patients": "multiple-matches", "too_many_entries": "too-costly", "too_long": "too-long",
    "implausible": "value", "in_the_future": "value",
}  # fmt: skip
"""Our codes to HL7's issue-type; anything else is a business rule of ours."""


def outcome_of(imported: Imported) -> Json:
    """The refusal first, as an error, then every problem."""
    issues = [_issue(imported.refusal, "error")] if imported.refusal else []
    issues += [_issue(problem, _SEVERITY[problem.outcome]) for problem in imported.problems]
    return {"resourceType": "OperationOutcome", "issue": issues}


def _issue(problem: EntryProblem, severity: str) -> Json:
    issue: Json = {
        "severity": severity,
        "code": _TYPES.get(problem.code, "business-rule"),
        "details": {"coding": [{"system": "urn:medassist:fhir-problem", "code": problem.code}]},
        "diagnostics": problem.reason,
    }
    if problem.entry is not None:
        issue["expression"] = [f"Bundle.entry[{problem.entry}].resource"]
    return issue
