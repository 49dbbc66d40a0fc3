from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.common.errors import MedAssistError
from medassist.tenancy.migrating import without_pool
from medassist.tenancy.services import open_clinic


class Command(BaseCommand):
    help = "Opens a clinic: schema, database role, tables, host names. Safe to repeat; carries on after a kill."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("schema", help="lower-case letters, digits, underscores; at most 40")
        parser.add_argument("--name", default="", help="what people call the clinic; needed for a new one")
        parser.add_argument("--host", action="append", default=[], dest="hosts", help="host name; may be repeated")
        parser.add_argument("--locale", default="en-GB")
        parser.add_argument("--emergency-number", default="999")
        parser.add_argument("--language", action="append", default=[], dest="languages")

    def handle(self, *args: Any, **options: Any) -> None:
        without_pool()
        started = time.monotonic()
        try:
            clinic = open_clinic(
                schema_name=options["schema"],
                name=options["name"],
                hosts=options["hosts"],
                locale=options["locale"],
                emergency_number=options["emergency_number"],
                languages=options["languages"],
                by="command: open_clinic",
            )
        except MedAssistError as error:
            fields = "; ".join(f"{name}: {text}" for name, text in error.fields.items())
            raise CommandError(f"{error.code}: {error.detail}" + (f" ({fields})" if fields else "")) from error
        self.stdout.write(f"{clinic.name} ({clinic.schema_name}) is open; {time.monotonic() - started:.1f} s")
