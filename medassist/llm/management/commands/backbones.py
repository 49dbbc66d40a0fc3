"""`manage.py backbones list | probe | explain TIER`: which model servers there are, and which would answer now."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any, get_args

from django.core.management.base import BaseCommand, CommandError

from medassist.common.errors import MedAssistError
from medassist.llm import registry
from medassist.llm.failover import Member
from medassist.llm.schemas import ChatRequest, Message, Tier

SCHEMA = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


class Command(BaseCommand):
    help = "Shows the configured backbones, asks each of them something small, or explains a tier's route."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="tiers, their backbones in order, and what each can do")
        actions.add_parser("probe", help="one structured question to every backbone; status 1 when one does not answer")
        explain = actions.add_parser("explain", help="who would answer a tier now, and why")
        explain.add_argument("tier", choices=get_args(Tier))

    def handle(self, *_: Any, action: str, tier: str = "", **__: Any) -> None:
        if action == "probe":
            self._probe()
        else:
            for one in get_args(Tier) if action == "list" else (tier,):
                self._tier(one, explain=action == "explain")

    def _members(self, tier: Tier) -> tuple[Member, ...]:
        try:
            return registry.members_of(tier)
        except MedAssistError as error:
            raise CommandError(f"{tier}: {error.detail}") from None

    def _tier(self, tier: Tier, *, explain: bool) -> None:
        self.stdout.write(tier)
        chosen = False
        for place, member in enumerate(self._members(tier)):
            can, view = member.model.capabilities, member.breaker.view()
            words = [
                "primary" if place == 0 else f"fallback {place}",
                f"context {can.context_tokens}" if can.probed else "not reached",
                *(["no JSON schema"] if not can.json_schema else []),
                *([f"adapters {', '.join(can.adapters)}"] if can.adapters else []),
                *(["not a language model"] if not can.language_model else []),
                f"breaker {view.state}",
            ]
            if explain:
                free = can.probed and not view.blocked_s
                words.append("would answer" if free and not chosen else ("waits its turn" if free else "passed over"))
                chosen = chosen or free
            self.stdout.write(f"  {member.model.name:12} {'; '.join(words)}")

    def _probe(self) -> None:
        asked: dict[int, Member] = {id(one): one for tier in get_args(Tier) for one in self._members(tier)}
        failed = sum(not self._ask(member) for member in asked.values())
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
