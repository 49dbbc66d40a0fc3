"""Writes of backbones and routes: permission, row and audit entry in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import get_args

from django.db import transaction

from medassist.accounts.access import Actor, Permission, require
from medassist.audit.services import Detail, record
from medassist.common.errors import ActivationRefused, InvalidInput
from medassist.llm import registry, table
from medassist.llm.models import Backbone, Route
from medassist.llm.routing import Call, Server
from medassist.llm.schemas import Activation, Served, Tier

CANARY_SHARE = 5
"""Percent of the subjects that a canary may have before it counts as activated."""
LEAST_REASON = 10

activation_gates: list[Callable[[Activation], None]] = []
"""Each is asked before calls meet a version that they did not meet before; it raises `ActivationRefused` with the
reason. Higher floors add theirs when they start."""


def store(
    *, row: Backbone | Route, by: Actor, created: bool, changed: Sequence[str] = (), override: str = ""
) -> None:  # fmt: skip
    """Saves a checked row; `changed` names the fields. Other processes see it within LLM_ROUTES_REFRESH_SECONDS.

    Raises `ActivationRefused` when a gate refuses the version that calls would meet by it; with a reason in `override`
    it is stored nevertheless, and the reason is audited.
    """
    require(by, Permission.CLINIC_MANAGE)
    with transaction.atomic():
        refused = refusal(row)
        if refused and not override:
            raise ActivationRefused(refused)
        if refused:
            if len(override.strip()) < LEAST_REASON:
                raise InvalidInput(fields={"override": f"say why, in at least {LEAST_REASON} characters"})
            row.save()
            _note(row, by, "gate_overridden", {"refused": refused[:500], "reason": " ".join(override.split())[:500]})
        row.save()
        _note(row, by, "created" if created else "changed", {"changed": ",".join(changed)})


def refusal(row: Backbone | Route) -> str:
    """Why the gates refuse what this row would activate; empty when they do not."""
    for activation in _activations(row):
        for gate in activation_gates:
            try:
                gate(activation)
            except ActivationRefused as error:
                return error.detail
    return ""


def _activations(row: Backbone | Route) -> Iterator[Activation]:
    """Versions that calls meet with this row and did not meet by it before."""
    if isinstance(row, Backbone):
        earlier = Backbone.objects.filter(pk=row.pk).first() if row.pk else None
        if not _serves(row) or (
            earlier and _serves(earlier) and earlier.model == row.model and _tiers(earlier) >= _tiers(row)
        ):
            return
        for tier in sorted(_tiers(row)):
            others = [one for one in registry.ordinary(tier) if one.name != row.name or one.source == "settings"]
            yield Activation(Served(row.name, row.model), _served(others[0]) if others else None)
        return
    for tier in get_args(Tier):
        if row.tier in ("", tier):
            yield from _routed(row, tier)


def _routed(row: Route, tier: Tier) -> Iterator[Activation]:
    before = registry.route(Call(tier=tier, clinic=row.clinic, kind=row.kind, lane=row.lane))
    now = _served(before.servers[0], before.adapter or "") if before.servers else None
    if row.backbone is not None:
        version = Served(row.backbone.name, row.backbone.model, row.adapter)
    elif row.adapter and (others := registry.ordinary(tier)):
        version = _served(others[0], row.adapter)
    else:
        return
    if version != now:
        yield Activation(version, now)


def _serves(row: Backbone) -> bool:
    return row.enabled and not 0 < row.canary_percent <= CANARY_SHARE


def _tiers(row: Backbone) -> set[Tier]:
    return {tier for tier in get_args(Tier) if row.tiers in (tier, Backbone.Tiers.BOTH)}


def _served(server: Server, adapter: str = "") -> Served:
    return Served(server.name, server.model, adapter)


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
