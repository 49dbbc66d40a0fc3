"""The way from the lower floors to the audit trail, which stands above them and registers itself here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from medassist.common.errors import ConfigurationError


class Recorder(Protocol):
    def __call__(
        self,
        *,
        actor: Any,
        action: str,
        object_type: str,
        object_id: str,
        detail: Mapping[str, str | int | bool | None] | None = None,
    ) -> None: ...


_recorders: list[Recorder] = []


def record_with(recorder: Recorder) -> None:
    """Makes `recorder` the one that writes; called once, when the audit room is ready."""
    _recorders[:] = [recorder]


def note(
    *,
    actor: Any,
    action: str,
    object_type: str,
    object_id: str,
    detail: Mapping[str, str | int | bool | None] | None = None,
) -> None:
    """Writes an audit entry in the caller's transaction and schema; without a trail nothing may happen at all.

    `actor` is an `accounts.access.Actor`, or the name of a part of the system.
    """
    if not _recorders:
        raise ConfigurationError("There is no audit trail to write to")
    _recorders[0](actor=actor, action=action, object_type=object_type, object_id=object_id, detail=detail)
