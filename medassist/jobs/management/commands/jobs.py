"""`manage.py jobs list | retry | cancel | drain`: the job ledger from a terminal."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from medassist.accounts.access import system_actor
from medassist.common.errors import MedAssistError
from medassist.jobs import overview, runner, services
from medassist.tenancy.context import clinic_context


class Command(BaseCommand):
    help = "Lists jobs, queues dead letters again, cancels work, or runs a queue here until it is empty."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="the newest jobs over all clinics")
        listing.add_argument("--state", default="", choices=["", "queued", "running", "done", "dead", "cancelled"])
        listing.add_argument("--clinic", default="")
        listing.add_argument("--queue", default="")
        listing.add_argument("--limit", type=int, default=50)
        listing.add_argument("--json", action="store_true", help="one JSON object a line")
        for name, what in (("retry", "queue dead letters again"), ("cancel", "cancel waiting or running jobs")):
            action = actions.add_parser(name, help=what)
            action.add_argument("ids", nargs="*", type=UUID)
            if name == "retry":
                action.add_argument("--all", action="store_true", help="every dead letter (of --clinic, when given)")
                action.add_argument("--clinic", default="")
        drain = actions.add_parser("drain", help="run waiting jobs in this process")
        drain.add_argument("--queue", required=True)
        drain.add_argument("--limit", type=int, default=None)

    def handle(self, *_: Any, action: str, **options: Any) -> None:
        if action == "list":
            self._list(options)
        elif action == "drain":
            self.stdout.write(f"{runner.drain(options['queue'], limit=options['limit'])} jobs were run")
        else:
            self._each(action, self._ids(options))

    def _list(self, options: dict[str, Any]) -> None:
        chosen = {name: options[name] for name in ("state", "clinic", "queue", "limit")}
        for line in overview.lines(**chosen):
            if options["json"]:
                self.stdout.write(json.dumps({**asdict(line), "id": str(line.id)}))
            else:
                self.stdout.write(
                    f"{line.id}  {line.state:9} {line.clinic:16} {line.kind:20} {line.lane:11} "
                    f"attempt {line.attempt}  {line.age_s:>6} s  {line.reason}".rstrip()
                )

    def _ids(self, options: dict[str, Any]) -> list[UUID]:
        if options.get("all"):
            return [line.id for line in overview.lines(state="dead", clinic=options["clinic"], limit=100_000)]
        if not options["ids"]:
            raise CommandError("Name jobs, or --all" if "all" in options else "Name jobs")
        return list(options["ids"])

    def _each(self, action: str, ids: list[UUID]) -> None:
        failed = 0
        for job_id in ids:
            clinic = overview.clinic_of(job_id)
            try:
                if clinic is None:
                    raise CommandError("no such job")
                with clinic_context(clinic):
                    actor = system_actor(clinic, "jobs")
                    if action == "retry":
                        services.retry(actor=actor, job_id=job_id)
                        state = "queued"
                    else:
                        state = services.cancel(actor=actor, job_id=job_id)
            except (MedAssistError, CommandError) as error:
                failed += 1
                self.stderr.write(f"{job_id}  {getattr(error, 'code', error)}")
            else:
                self.stdout.write(f"{job_id}  {state}")
        if failed:
            raise CommandError(f"{failed} of {len(ids)} could not be changed")
