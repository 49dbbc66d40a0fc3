from __future__ import annotations

import os
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.embedded import control


class Command(BaseCommand):
    help = "Starts Postgres, Redis, the backbone, web, events and the workers of this checkout, and keeps them alive."
    # The database is what this command starts: nothing may ask for it before.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--detach", action="store_true", help="Return once everything answers.")
        parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="Only these, without migrations.")

    def handle(self, *_args: Any, **options: Any) -> None:
        only = options["only"]
        if not options["detach"]:
            # The supervisor lives long and needs no Django: it takes this process's place.
            sys.stdout.flush()
            command = [sys.executable, "-m", "medassist.embedded", "up", *(["--only", *only] if only else [])]
            os.execv(sys.executable, command)  # noqa: S606
        if status := control.up_detached(self.stdout.write, only=frozenset(only)):
            raise CommandError("MedAssist is not up.", returncode=status)
