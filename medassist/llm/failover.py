"""Several backbones behind one: the first that may be asked and answers. One total deadline, no second retry loop."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from medassist.common.errors import BackboneUnavailable, CallAborted
from medassist.llm.breaker import Breaker
from medassist.llm.failures import AdapterMissing
from medassist.llm.protocol import ChatModel
from medassist.llm.schemas import Capabilities, ChatRequest, ChatResult

_T = TypeVar("_T")
LEAST_S = 1.0
"""What must be left of the deadline for another backbone to be asked."""


@dataclass(frozen=True)
class Member:
    model: ChatModel
    breaker: Breaker = field(default_factory=Breaker)


class Failover:
    """A `ChatModel` out of an ordered list. Only infrastructure failures lead to the next one: an answer that cannot
    be used, or a refused request, is the same answer or request everywhere and goes back to the caller."""

    def __init__(
        self, members: Sequence[Member], *, adapter: str | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`adapter` is asked of the first backbone only; the answer says whether it was the one that spoke."""
        if not members:
            raise ValueError("a failover needs at least one backbone")
        self.members = tuple(members)
        self.adapter = adapter
        self._clock = clock

    @property
    def name(self) -> str:
        return self.members[0].model.name

    @property
    def capabilities(self) -> Capabilities:
        """Those of the backbone that would be asked now."""
        return next((one for one in self.members if not one.breaker.blocked_s), self.members[0]).model.capabilities

    def complete(self, request: ChatRequest, *, abort: threading.Event | None = None) -> ChatResult:
        def ask(member: Member, left: ChatRequest) -> ChatResult:
            return member.model.complete(left, abort=abort)

        return self._first(request, ask)

    def stream(self, request: ChatRequest, *, abort: threading.Event | None = None) -> Iterator[str]:
        """Another backbone is asked only as long as no piece has come."""

        def ask(member: Member, left: ChatRequest) -> tuple[str, Iterator[str]]:
            pieces = member.model.stream(left, abort=abort)
            return next(pieces, ""), pieces

        first, rest = self._first(request, ask)
        if first:
            yield first
        yield from rest

    def close(self) -> None:
        for member in self.members:
            close = getattr(member.model, "close", None)
            if close is not None:
                close()

    def _first(self, request: ChatRequest, ask: Callable[[Member, ChatRequest], _T]) -> _T:
        ends_at = self._clock() + request.deadline_s
        last: BackboneUnavailable | None = None
        for member in self.members:
            left = ends_at - self._clock()
            if last is not None and left < LEAST_S:
                break
            if not self._can(member, request) or not member.breaker.enter():
                continue
            adapter = self.adapter if member is self.members[0] else None
            try:
                answer = ask(member, replace(request, deadline_s=left, adapter=adapter))
            except AdapterMissing as error:
                # The server answered: those who ask it for something else must not be kept from it.
                last = error
                member.breaker.succeeded()
            except BackboneUnavailable as error:
                last = error
                if error.retry_after is None:
                    member.breaker.failed()
                else:
                    member.breaker.asked_to_wait(error.retry_after)
            except CallAborted:
                member.breaker.left()
                raise
            except Exception:
                # The server is there: it is the request or the answer that was no good.
                member.breaker.succeeded()
                raise
            else:
                member.breaker.succeeded()
                return answer
        raise self._all_away(last)

    def _can(self, member: Member, request: ChatRequest) -> bool:
        """A fallback that is known to lack what the request needs is passed over."""
        if member is self.members[0] or request.json_schema is None:
            return True
        known = member.model.capabilities
        return known.json_schema or not known.probed

    def _all_away(self, last: BackboneUnavailable | None) -> BackboneUnavailable:
        soonest = min(member.breaker.blocked_s for member in self.members)
        if last is not None:
            last.retry_after = last.retry_after if last.retry_after is not None else (math.ceil(soonest) or None)
            return last
        return BackboneUnavailable(
            "The language model failed repeatedly and is left alone for a moment.",
            retry_after=max(1, math.ceil(soonest)),
        )
