"""FHIR in and out for every door: a record becomes a case, an assessment becomes a Bundle."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.cases import selectors as cases
from apps.cases import services as submitting
from apps.interop.extractors.validation import require_valid, why_not_valid
from apps.interop.rules.exporting import export_assessment
from apps.interop.rules.importing import import_resources
from apps.interop.schemas import Imported, Submitted
from apps.safety import services as safety
from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import record
from medassist.common.database import again_on_deadlock
from medassist.common.errors import FhirRefused
from medassist.jobs.schemas import Lane


def read_record(data: object) -> Imported:
    """What the resources would make; touches no database."""
    return import_resources(data, now=timezone.now(), validate=why_not_valid)


def map_record(*, actor: Actor, data: object) -> Imported:
    """What the resources would make, nothing stored. Whoever may submit may try."""
    require(actor, Permission.CASE_SUBMIT)
    return read_record(data)


def submit_record(
    *, actor: Actor, imported: Imported, idempotency_key: str | None = None, lane: Lane | None = None
) -> Submitted:  # fmt: skip
    """Stores the case of an import and queues its assessment.

    Raises `FhirRefused` when there is none, and what `cases.services.request_assessment` raises.
    """
    require(actor, Permission.CASE_SUBMIT)
    if imported.case is None:
        raise FhirRefused(imported.refusal.reason if imported.refusal else "")
    return _submit(actor, imported, idempotency_key, lane)


@again_on_deadlock
def _submit(actor: Actor, imported: Imported, idempotency_key: str | None, lane: Lane | None) -> Submitted:
    assert imported.case is not None
    with transaction.atomic():
        requested = submitting.request_assessment(
            actor=actor, case=imported.case, idempotency_key=idempotency_key, lane=lane
        )
        if requested.created:
            counts = imported.entries
            record(
                actor=actor, action="fhir.import", object_type="case", object_id=str(requested.case_id),
                detail={
                    "entries": counts.total, "used": counts.used, "left_out": counts.left_out,
                    "quarantined": counts.quarantined,
                },
            )  # fmt: skip
    return Submitted(imported, requested.case_id, requested.job_id, requested.floor, requested.created)


def assessment_bundle(*, actor: Actor, assessment_id: UUID) -> dict[str, Any]:
    """A stored assessment as a FHIR R4 Bundle, validated; audited. Raises `NotFound`, also without the right."""
    found = cases.assessment_of_case(actor=actor, assessment_id=assessment_id)
    assessment = found.stored.assessment

    def may_show(text: str) -> bool:
        # Against an empty record no dose is a restatement: what names one stays inside.
        return safety.may_quote(quote=text, kind="record", record_text="", audience=assessment.audience)

    with transaction.atomic():
        record(
            actor=actor, action="fhir.export", object_type="assessment", object_id=str(assessment_id),
            detail={"case": str(found.case_id)},
        )  # fmt: skip
    bundle = export_assessment(
        assessment, assessment_id=assessment_id, case_id=found.case_id, made_at=found.stored.created_at,
        patient=found.reference, may_show=may_show,
    )  # fmt: skip
    require_valid(bundle)
    return bundle
