"""Faults on request: how tests and benchmarks make a model server misbehave. Off unless the process is told otherwise.

A fault is written `name` or `name=value`, several with commas: "latency=2", "429=7" (Retry-After),
"500", "garbage", "wrong_schema", "empty", "truncated", "half_stream", "slow", "always_obeys".
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from medassist.common.errors import InvalidInput

NAMES = frozenset(
    {"latency", "429", "500", "garbage", "wrong_schema", "empty", "truncated", "half_stream", "slow", "always_obeys"}
)
MODEL_MARK = "@fault="


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults that hold for one request: name -> value (seconds for latency, 429 and slow)."""

    active: tuple[tuple[str, float | None], ...] = ()

    def has(self, name: str) -> bool:
        return any(active == name for active, _ in self.active)

    def value(self, name: str, default: float) -> float:
        return next((value for active, value in self.active if active == name and value is not None), default)


def parse_faults(text: str) -> Faults:
    """Raises `InvalidInput` for an unknown name or a value that is not a number."""
    active: list[tuple[str, float | None]] = []
    for item in (part.strip() for part in text.split(",") if part.strip()):
        name, _, value = item.partition("=")
        if name not in NAMES:
            raise InvalidInput(
                f"Unknown fault; known are {', '.join(sorted(NAMES))}.", fields={"faults": "unknown fault"}
            )
        try:
            active.append((name, float(value) if value else None))
        except ValueError:
            raise InvalidInput("A fault's value is a number.", fields={"faults": "not a number"}) from None
    return Faults(tuple(active))


class FaultBox:
    """Standing faults set through POST /faults, for all requests or for the next `times`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing = Faults()
        self._left: int | None = None

    def set(self, faults: Faults, times: int | None) -> None:
        with self._lock:
            self._standing, self._left = faults, times

    def take(self) -> Faults:
        with self._lock:
            if self._left is None:
                return self._standing
            if self._left <= 0:
                return Faults()
            self._left -= 1
            return self._standing
