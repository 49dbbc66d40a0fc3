from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.accounts.access import Permission, system_actor
from medassist.accounts.services import reset_second_factor, unlock_person
from medassist.common.errors import MedAssistError
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = "Opens the sign-in of a person who was locked out; with --reset-second-factor for a lost phone or key."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--clinic", required=True, help='the clinic\'s schema, or "public"')
        parser.add_argument(
            "--reset-second-factor", action="store_true",
            help="also takes app, passkeys and recovery codes away and ends all sessions",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        clinic, username = options["clinic"], options["username"]
        by = system_actor(clinic, "command: unlock_person", scopes=frozenset(Permission))
        try:
            with public_context() if clinic == PUBLIC_SCHEMA else clinic_context(clinic):
                attempts = unlock_person(username=username, by=by)
                taken = reset_second_factor(username=username, by=by) if options["reset_second_factor"] else None
        except MedAssistError as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        self.stdout.write(f"{username} of {clinic} may sign in again ({attempts} counts of failures taken back)")
        if taken is not None:
            self.stdout.write(f"{taken} second factors taken away, all sessions ended")
