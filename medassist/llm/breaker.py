"""A breaker per backbone and process: after repeated infrastructure failures nobody waits for a dead server.

closed --(THRESHOLD failures in a row)--> open --(PAUSE_S)--> half-open: one call is let through as a probe;
its success closes the breaker, its failure opens it again. A server that asks for a pause itself (429 or 503
with Retry-After) gets it, and that counts as no failure.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

THRESHOLD = 5
PAUSE_S = 5.0

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerView:
    """For people: the state, failures in a row, and seconds until the next call is let through."""

    state: State
    failures: int
    blocked_s: float


class Breaker:
    """Thread-safe. Every `enter()` that answers True is followed by `succeeded`, `failed` or `left`."""

    def __init__(
        self, *, threshold: int = THRESHOLD, pause_s: float = PAUSE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold, self._pause_s, self._clock = threshold, pause_s, clock
        self._lock = threading.Lock()
        self._failures = 0
        self._closed = True
        self._probing = False
        self._blocked_until = 0.0

    def enter(self) -> bool:
        """Whether a call may go out now."""
        with self._lock:
            if self._clock() < self._blocked_until or (not self._closed and self._probing):
                return False
            self._probing = not self._closed
            return True

    def succeeded(self) -> None:
        """The server answered; also when it refused the request itself."""
        with self._lock:
            self._failures, self._closed, self._probing, self._blocked_until = 0, True, False, 0.0

    def failed(self) -> None:
        """The server could not be reached, failed, or did not answer in time."""
        with self._lock:
            self._failures += 1
            if not self._closed or self._failures >= self._threshold:
                self._closed = False
                self._blocked_until = self._clock() + self._pause_s
            self._probing = False

    def asked_to_wait(self, seconds: float) -> None:
        """The server is alive and wants a pause."""
        with self._lock:
            self._blocked_until = max(self._blocked_until, self._clock() + seconds)
            self._probing = False

    def left(self) -> None:
        """The call ended for a reason that says nothing about the server (it was aborted)."""
        with self._lock:
            self._probing = False

    @property
    def blocked_s(self) -> float:
        """Seconds until a call may go out; 0 when one may now."""
        with self._lock:
            return self._blocked()

    def view(self) -> BreakerView:
        with self._lock:
            blocked = self._blocked()
            state: State = "closed" if self._closed else ("open" if blocked else "half_open")
            return BreakerView(state, self._failures, blocked)

    def _blocked(self) -> float:
        return max(0.0, self._blocked_until - self._clock())
