from __future__ import annotations

import argparse
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.tenancy.context import clinic_context
from medassist.tenancy.selectors import open_clinics


class Command(BaseCommand):
    help = "Runs a management command inside each open clinic; carries on after an error and sums up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments")

    def handle(self, *args: Any, **options: Any) -> None:
        words = options["command"]
        if not words:
            raise CommandError("Say which command, for example: in_every_clinic clearsessions")
        clinics, failed = open_clinics(), []
        for clinic in clinics:
            self.stdout.write(f"--- {clinic.schema_name}")
            try:
                with clinic_context(clinic.schema_name):
                    call_command(*words, stdout=self.stdout, stderr=self.stderr)
            except (Exception, SystemExit) as error:  # noqa: BLE001 - one clinic's failure must not stop the others
                failed.append(clinic.schema_name)
                self.stderr.write(f"{clinic.schema_name}: failed ({type(error).__name__}: {error})")
        self.stdout.write(f"{len(clinics) - len(failed)} of {len(clinics)} clinics done")
        if failed:
            raise CommandError(f"Failed in: {', '.join(failed)}")
