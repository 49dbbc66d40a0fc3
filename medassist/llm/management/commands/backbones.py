"""`manage.py backbones list | probe | explain`: which model servers there are, which answer, who is asked for a call."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError

from medassist.common.errors import MedAssistError
from medassist.llm import registry, table
from medassist.llm.failover import Member
from medassist.llm.routing import Call, Server
from medassist.llm.schemas import ChatRequest, Message, Tier

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes"]}},
    "required": ["answer"],
    "additionalProperties": False,
}

NOBODY = "No language model is configured: LLM_BASE_URL is empty and there is no row that can be asked."


class Command(BaseCommand):
    help = "Shows backbones and routes, asks each backbone something small, or explains who is asked for a call."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="tiers, their backbones in order, what each can do, and the routes")
        actions.add_parser("probe", help="one structured question to every backbone; status 1 when one does not answer")
        explain = actions.add_parser("explain", help="who is asked for such a call, who would answer now, and why")
        explain.add_argument("--tier", choices=get_args(Tier), required=True)
        explain.add_argument("--clinic", default="", help="schema name")
        explain.add_argument("--kind", default="", help="kind of job, for example cases.assessment")
        explain.add_argument("--lane", default="", choices=("emergency", "interactive", "batch"))
        explain.add_argument("--subject", default="", help="job id: decides about canaries")

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        if action == "probe":
            self._probe()
        elif action == "list":
            self._list()
        else:
            names = ("tier", "clinic", "kind", "lane", "subject")
            self._explain(Call(**{name: options[name] for name in names}))

    # --- list ------------------------------------------------------------------------------------

    def _list(self) -> None:
        if not list(_everyone()):
            raise CommandError(NOBODY)
        for tier in get_args(Tier):
            self.stdout.write(tier)
            for place, server in enumerate(registry.ordinary(tier)):
                self._line(
                    registry.member_of(server), "primary" if place == 0 else f"fallback {place}", server.model, server.source
                )  # fmt: skip
        rows = table.current()
        special = [row for row in rows.servers if row.canary_percent or row.problem or _is_pin_only(row)]
        if special:
            self.stdout.write("other rows")
        for row in special:
            words = [f"canary {row.canary_percent} %"] if row.canary_percent else []
            if row.problem:
                self.stdout.write(f"  {row.name:12} {'; '.join([*words, f'left out: {row.problem}', row.source])}")
            else:
                self._line(registry.member_of(row), *(words or ["asked by route only"]), row.model, row.source)
        if rows.rules:
            self.stdout.write("routes")
        for rule in rows.rules:
            pin = f"pinned to {rule.pin}, {'falls back' if rule.fall_back else 'nobody else'}" if rule.pin else ""
            adapter = f"adapter {rule.adapter}" if rule.adapter else ""
            self.stdout.write(f"  {rule}: {'; '.join(filter(None, (pin, adapter))) or 'the ordinary order'}")

    def _line(self, member: Member, *words: str) -> None:
        self.stdout.write(f"  {member.model.name:12} {'; '.join([*words, *_about(member)])}")

    # --- explain ---------------------------------------------------------------------------------

    def _explain(self, call: Call) -> None:
        choice = registry.route(call)
        said = [
            f"{name} {getattr(call, name)}" for name in ("clinic", "kind", "lane", "subject") if getattr(call, name)
        ]
        self.stdout.write(", ".join([call.tier, *said]))
        for reason in choice.why:
            self.stdout.write(f"  because {reason}")
        if not choice.servers:
            raise CommandError(choice.nobody)
        chosen = False
        for place, server in enumerate(choice.servers):
            member = registry.member_of(server)
            adapter = choice.adapter if place == 0 else None
            free = member.model.capabilities.probed and not member.breaker.view().blocked_s
            words = [
                server.model,
                server.source,
                *([f"with adapter {adapter}"] if adapter else []),
                *(["the server does not list this adapter"] if adapter and _lacks(member, adapter) else []),
            ]
            verdict = "would answer" if free and not chosen else ("waits its turn" if free else "passed over")
            chosen = chosen or free
            self._line(member, *words, verdict)

    # --- probe -----------------------------------------------------------------------------------

    def _probe(self) -> None:
        asked = list(_everyone())
        if not asked:
            raise CommandError(NOBODY)
        failed = sum(not self._ask(member) for member in asked)
        if failed:
            raise CommandError(f"{failed} of {len(asked)} did not answer", returncode=1)

    def _ask(self, member: Member) -> bool:
        question = ChatRequest(
            messages=(Message("user", "Answer yes."),),
            json_schema=SCHEMA,
            schema_name="probe",
            max_tokens=32,
            deadline_s=30,
        )
        start = time.monotonic()
        try:
            result = member.model.complete(question)
        except MedAssistError as error:
            self.stdout.write(f"{member.model.name:12} {error.code}")
            return False
        milliseconds = (time.monotonic() - start) * 1000
        self.stdout.write(f"{member.model.name:12} {result.model}: answered in {milliseconds:.0f} ms")
        return True


def _about(member: Member) -> Iterator[str]:
    can, view = member.model.capabilities, member.breaker.view()
    yield f"context {can.context_tokens}" if can.probed else "not reached"
    if not can.json_schema:
        yield "no JSON schema"
    if can.adapters:
        yield f"adapters {', '.join(can.adapters)}"
    if not can.language_model:
        yield "not a language model"
    yield f"breaker {view.state}"


def _lacks(member: Member, adapter: str) -> bool:
    can = member.model.capabilities
    return can.probed and adapter not in can.adapters


def _is_pin_only(row: Server) -> bool:
    return all(row.name not in {one.name for one in registry.ordinary(tier)} for tier in get_args(Tier))


def _everyone() -> Iterator[Member]:
    """Every backbone once: those of the tiers in their order, then the other rows that can be asked."""
    servers = [server for tier in get_args(Tier) for server in registry.ordinary(tier)]
    servers += [row for row in table.current().servers if not row.problem]
    seen: dict[int, Member] = {id(member): member for member in map(registry.member_of, servers)}
    yield from seen.values()
