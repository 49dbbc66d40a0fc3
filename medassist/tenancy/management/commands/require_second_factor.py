from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.common.errors import MedAssistError
from medassist.tenancy.services import require_second_factor


class Command(BaseCommand):
    help = "From now on a clinic's clinicians and administrators need a second factor; --off makes it optional again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("schema", help="the clinic's schema")
        parser.add_argument("--off", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            clinic = require_second_factor(
                schema_name=options["schema"], required=not options["off"], by="command: require_second_factor"
            )
        except MedAssistError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        state = "required" if clinic.second_factor_required else "optional"
        self.stdout.write(f"{clinic.name} ({clinic.schema_name}): a second factor is {state}")
