"""Structured log lines with an allow-list of keys, so that patient text cannot reach a log by accident."""

from __future__ import annotations

import json
import logging
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

trace_id: ContextVar[str] = ContextVar("trace_id", default="")

# What a record may carry besides its message. Everything else given as `extra` is dropped.
ALLOWED_KEYS = frozenset(
    {
        "job",
        "kind",
        "clinic",
        "queue",
        "lane",
        "state",
        "step",
        "attempt",
        "fence",
        "code",
        "status",
        "method",
        "route",
        "ms",
        "count",
        "worker",
        "backbone",
        "actor",
        "reason",
        "generation",
        "bytes",
    }
)


class JsonFormatter(logging.Formatter):
    """One JSON object a line. An exception is written as its type and code places, never as its message:
    messages of foreign libraries may quote the data that they choked on."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        if trace := trace_id.get():
            line["trace"] = trace
        for key in ALLOWED_KEYS:
            value = record.__dict__.get(key)
            if value is not None:
                line[key] = value if isinstance(value, (int, float, bool)) else str(value)[:200]
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["where"] = [
                f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(record.exc_info[2])
            ][-8:]
        return json.dumps(line, ensure_ascii=False, default=str)


_OWN = ("medassist", "apps", "training", "bench")
_SPEAKS_FREELY = (*_OWN, "celery", "gunicorn", "uvicorn", "kombu", "django.server", "django.security")


def _message(record: logging.LogRecord) -> str:
    """Own loggers write constants; of foreign ones only those known to carry no data are quoted in full."""
    if record.name.split(".")[0] in _OWN:
        return str(record.msg)
    if record.name.startswith(_SPEAKS_FREELY):
        try:
            return record.getMessage()[:500]
        except (TypeError, ValueError):
            return str(record.msg)[:500]
    return str(record.msg)[:200]
