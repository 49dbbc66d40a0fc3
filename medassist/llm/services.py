"""Writes of backbones and routes: permission, row and audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import Detail, record
from medassist.llm import table
from medassist.llm.models import Backbone, Route


def store(*, row: Backbone | Route, by: Actor, created: bool, changed: Sequence[str] = ()) -> None:
    """Saves a checked row; `changed` names the fields. Other processes see it within LLM_ROUTES_REFRESH_SECONDS."""
    require(by, Permission.CLINIC_MANAGE)
    with transaction.atomic():
        row.save()
        _note(row, by, "created" if created else "changed", {"changed": ",".join(changed)})


def remove(*, row: Backbone | Route, by: Actor) -> None:
    """Deletes a row; raises Django's `ProtectedError` for a backbone that a route is pinned to."""
    require(by, Permission.CLINIC_MANAGE)
    with transaction.atomic():
        key = row.pk
        row.delete()
        row.pk = key
        _note(row, by, "deleted", {})


def _note(row: Backbone | Route, by: Actor, what: str, detail: dict[str, str]) -> None:
    name = "backbone" if isinstance(row, Backbone) else "route"
    known: Detail = {**detail, **_summary(row)}
    record(actor=by, action=f"{name}.{what}", object_type=name, object_id=str(row.pk), detail=known)
    transaction.on_commit(table.forget)


def _summary(row: Backbone | Route) -> dict[str, str | int | bool | None]:
    if isinstance(row, Backbone):
        return {"name": row.name, "enabled": row.enabled, "canary_percent": row.canary_percent}
    return {"clinic": row.clinic, "backbone": row.backbone_id, "adapter": row.adapter, "fall_back": row.fall_back}
