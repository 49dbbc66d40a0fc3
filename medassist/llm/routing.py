"""Who is asked for one call, in which order, with which adapter, and why. Pure: no Django, no clock, no network."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from medassist.llm.schemas import Tier

CLINIC_WEIGHS = 4
"""More than kind, lane and tier together: what was agreed with a clinic holds whatever else is routed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A backbone as settings or a row give it. `problem` says why it cannot be asked (its key is not there)."""

    name: str
    base_url: str
    model: str
    api_key: str = field(default="none", repr=False)
    source: Literal["settings", "admin"] = "settings"
    tiers: tuple[Tier, ...] = ("light", "heavy")
    order: int = 0
    canary_percent: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A route: blank fields fit everything. `pin` names an enabled or disabled backbone, or none."""

    id: int
    clinic: str = ""
    kind: str = ""
    lane: str = ""
    tier: str = ""
    pin: str = ""
    adapter: str = ""
    fall_back: bool = False

    def fits(self, call: Call) -> bool:
        return all(
            mine in ("", given)
            for mine, given in (
                (self.clinic, call.clinic), (self.kind, call.kind), (self.lane, call.lane), (self.tier, call.tier),
            )
        )  # fmt: skip

    @property
    def weight(self) -> tuple[int, bool, bool, bool, int]:
        """How specific: the clinic first, then the number of named fields; kind before lane before tier in a tie."""
        kind, lane, tier = bool(self.kind), bool(self.lane), bool(self.tier)
        return (CLINIC_WEIGHS * bool(self.clinic) + kind + lane + tier, kind, lane, tier, -self.id)

    def __str__(self) -> str:
        named = [
            f"{name} {value}"
            for name, value in (("clinic", self.clinic), ("kind", self.kind), ("lane", self.lane), ("tier", self.tier))
            if value
        ]
        return f"route {self.id} ({', '.join(named) or 'any call'})"


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of the admin: enabled backbones and all routes."""

    servers: tuple[Server, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What a call says about itself. `subject` decides about canaries: the same subject is always treated alike."""

    tier: Tier
    clinic: str = ""
    kind: str = ""
    lane: str = ""
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """`servers` in the order in which they are asked; `adapter` is asked of the first only; `why` is for people."""

    servers: tuple[Server, ...]
    adapter: str | None
    why: tuple[str, ...]

    @property
    def nobody(self) -> str:
        """What to say when there is no server at all."""
        return f"No language model may be asked: {'; '.join(self.why)}."


def choose(call: Call, *, configured: Sequence[Server], table: Table) -> Choice:
    """The choice for one call. `configured` are the settings' backbones of the tier in their order, those without an
    address included: a row may take their place."""
    ordinary = ordinary_servers(call.tier, configured=configured, table=table)
    rule = max((rule for rule in table.rules if rule.fits(call)), key=lambda rule: rule.weight, default=None)
    if rule is not None and rule.pin:
        return _pinned(rule, ordinary, table)
    if rule is not None and rule.adapter:
        return Choice(
            ordinary,
            rule.adapter,
            (f"{rule}: adapter {rule.adapter} of the first backbone, no canary", "the rest without it", _ORDINARY),
        )
    why = f"{rule}: nothing but the ordinary order" if rule else "no route fits"
    canary, said = _canary(call, table)
    servers = (canary, *ordinary) if canary else ordinary
    empty = () if servers else ("LLM_BASE_URL is empty and no row stands in",)
    return Choice(servers, None, (why, said, _ORDINARY, *empty))


_ORDINARY = "then the settings' backbones and the ordinary rows in order"


def ordinary_servers(tier: Tier, *, configured: Sequence[Server], table: Table) -> tuple[Server, ...]:
    """The settings' backbones, each replaced by the row of its name, and then the other rows by their order."""
    rows = {row.name: row for row in table.servers if not row.canary_percent}
    placed = [rows.get(one.name, one) for one in configured]
    names = {one.name for one in configured}
    others = sorted((row for row in rows.values() if row.name not in names), key=lambda row: (row.order, row.name))
    return tuple(one for one in (*placed, *others) if _usable(one, tier))


def _usable(server: Server, tier: Tier) -> bool:
    return bool(server.base_url) and not server.problem and tier in server.tiers


def _pinned(rule: Rule, ordinary: Iterable[Server], table: Table) -> Choice:
    pinned = next((one for one in table.servers if one.name == rule.pin), None)
    why = [f"{rule}: pinned to {rule.pin}" + (f" with adapter {rule.adapter}" if rule.adapter else "")]
    usable = pinned is not None and not pinned.problem
    if not usable:
        why.append(f"{rule.pin} cannot be asked: {pinned.problem if pinned else 'it is disabled'}")
    first = (pinned,) if pinned is not None and usable else ()
    rest = tuple(one for one in ordinary if one.name != rule.pin) if rule.fall_back else ()
    why.append(_ORDINARY if rule.fall_back else "nobody else is asked: the route does not fall back")
    return Choice((*first, *rest), rule.adapter or None if usable else None, tuple(why))


def bucket_of(subject: str) -> int:
    """0 to 99, the same for a subject in every process and after every restart."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8]) % 100


def _canary(call: Call, table: Table) -> tuple[Server | None, str]:
    """Canaries share the hundred buckets in their order, so that a subject never belongs to two of them."""
    canaries = sorted(
        (one for one in table.servers if one.canary_percent and _usable(one, call.tier)),
        key=lambda one: (one.order, one.name),
    )
    if not canaries:
        return None, "no canary"
    if not call.subject:
        return None, "no canary: the call has no subject"
    bucket, upto = bucket_of(call.subject), 0
    for one in canaries:
        upto += one.canary_percent
        if bucket < upto:
            return one, f"canary {one.name}: the subject's bucket {bucket} is below {upto}"
    return None, f"no canary: the subject's bucket {bucket} is not below {upto}"
