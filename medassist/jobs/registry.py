"""Which function does which kind of job. Rooms declare kinds in `jobs.py` and bind them in `tasks.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from django.utils.module_loading import autodiscover_modules

from medassist.common.errors import ConfigurationError
from medassist.jobs.schemas import JobKind

if TYPE_CHECKING:
    from medassist.jobs.runner import Run

Handler = Callable[["Run"], None]

_kinds: dict[str, JobKind] = {}
_handlers: dict[str, Handler] = {}


def declare(kind: JobKind) -> JobKind:
    if _kinds.setdefault(kind.name, kind) != kind:
        raise ConfigurationError(f"The job kind {kind.name} is declared twice")
    return kind


def queues_of_others(prefix: str) -> set[str]:
    """Queues of all kinds of job whose name does not begin with `prefix`."""
    return {kind.queue for name, kind in _kinds.items() if not name.startswith(prefix)}


def bind(kind: JobKind, handler: Handler) -> None:
    _handlers[kind.name] = handler


def handler_of(name: str) -> Handler:
    """Raises `ConfigurationError` for a kind that no room binds."""
    if name not in _handlers:
        # A worker has the rooms' tasks from Celery; a command that runs jobs itself has not.
        autodiscover_modules("tasks")
    try:
        return _handlers[name]
    except KeyError:
        raise ConfigurationError(f"No handler is bound for jobs of kind {name}") from None


def deadline_of(name: str) -> int | None:
    """The kind's own deadline in seconds; None when it has none or is not known here."""
    kind = _kinds.get(name)
    return kind.deadline_s if kind else None


def result_address(name: str, references: Mapping[str, str]) -> str:
    kind = _kinds.get(name)
    return kind.result_address(references) if kind else ""
