from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.accounts.access import Permission, system_actor
from medassist.accounts.services import revoke_api_key
from medassist.common.errors import MedAssistError
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = "Ends an API key at once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("prefix", help="the twelve characters after ma_")
        parser.add_argument("--clinic", required=True, help="the clinic's schema")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            revoke_api_key(
                clinic=options["clinic"],
                prefix=options["prefix"],
                by=system_actor(PUBLIC_SCHEMA, "command: revoke_api_key", scopes=frozenset(Permission)),
            )
        except MedAssistError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        self.stdout.write(f"ma_{options['prefix']}… no longer works")
