"""The admin's rows as this process last read them: at most every few seconds, and never at the cost of a call."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import nullcontext
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection, transaction

from medassist.common.database import hand_back_connection
from medassist.common.errors import ConfigurationError
from medassist.llm.models import Backbone, Route
from medassist.llm.routing import Rule, Server, Table
from medassist.llm.schemas import Tier
from medassist.llm.secrets import key_at
from medassist.tenancy.context import public_context

logger = logging.getLogger(__name__)

_BOTH: tuple[Tier, ...] = ("light", "heavy")


@dataclass
class _Known:
    table: Table = field(default_factory=Table)
    read: bool = False
    due: float = 0.0
    generation: int = 0


_known = _Known()
_lock = threading.Lock()


def current() -> Table:
    """The rows, at most LLM_ROUTES_REFRESH_SECONDS old unless the database is away; then the last that were known."""
    if time.monotonic() < _known.due or (_known.read and connection.in_atomic_block):
        # A transaction that somebody holds open is not made longer for a fresher table.
        return _known.table
    # One thread reads; the others go on with what is known, and wait only while nothing is.
    if not _lock.acquire(blocking=not _known.read):
        return _known.table
    try:
        if time.monotonic() >= _known.due:
            _refresh()
    finally:
        _lock.release()
    return _known.table


def forget() -> None:
    """The next call reads the rows again; what was known stays known for the case that they cannot be read."""
    _known.generation += 1
    _known.read, _known.due = False, 0.0


def forget_all() -> None:
    """As if the process had just started."""
    forget()
    _known.table = Table()


def _refresh() -> None:
    generation = _known.generation
    try:
        table = read()
    except Exception as error:  # noqa: BLE001 - a call to a model never fails because of the table of routes
        logger.warning("The routes could not be read: the last known ones hold", extra={"code": type(error).__name__})
        table = _known.table
    if generation == _known.generation:
        _known.table, _known.read = table, True
        _known.due = time.monotonic() + settings.LLM_ROUTES_REFRESH_SECONDS


def read() -> Table:
    """Two queries in the public schema; the connection goes back at once, since a model is asked next."""
    try:
        with public_context(), transaction.atomic() if connection.in_atomic_block else nullcontext():
            backbones = list(Backbone.objects.filter(enabled=True))
            routes = list(Route.objects.select_related("backbone"))
    finally:
        hand_back_connection()
    return Table(tuple(map(_server, backbones)), tuple(map(_rule, routes)))


def row_named(name: str) -> Server | None:
    """One row as it stands now, also a disabled one."""
    with public_context():
        row = Backbone.objects.filter(name=name).first()
    return _server(row) if row else None


def _server(row: Backbone) -> Server:
    key, problem = "", ""
    try:
        key = key_at(row.api_key_ref)
    except ConfigurationError as error:
        problem = error.detail
        logger.warning("A backbone's key is not where its row says", extra={"backbone": row.name})
    tiers = tuple(tier for tier in _BOTH if row.tiers in (tier, Backbone.Tiers.BOTH))
    return Server(
        name=row.name, base_url=row.base_url, model=row.model, api_key=key, source="admin", tiers=tiers,
        order=row.order, canary_percent=row.canary_percent, problem=problem,
    )  # fmt: skip


def _rule(row: Route) -> Rule:
    return Rule(
        id=row.pk, clinic=row.clinic, kind=row.kind, lane=row.lane, tier=row.tier,
        pin=row.backbone.name if row.backbone else "", adapter=row.adapter, fall_back=row.fall_back,
    )  # fmt: skip
