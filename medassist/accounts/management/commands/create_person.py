from __future__ import annotations

import getpass
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.accounts.access import Permission, Role, system_actor
from medassist.accounts.services import create_person
from medassist.common.errors import MedAssistError
from medassist.tenancy.context import clinic_context, public_context
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = "Makes a person in a clinic, or platform staff in the public schema (--clinic public)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--clinic", required=True, help='the clinic\'s schema, or "public"')
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument("--full-name", default="")
        parser.add_argument("--email", default="")
        parser.add_argument(
            "--password-variable",
            help="environment variable that holds the password; without it the password is asked for",
        )
        parser.add_argument("--no-password", action="store_true", help="they cannot sign in until one is set")

    def handle(self, *args: Any, **options: Any) -> None:
        clinic = options["clinic"]
        try:
            with public_context() if clinic == PUBLIC_SCHEMA else clinic_context(clinic):
                person = create_person(
                    username=options["username"],
                    full_name=options["full_name"],
                    role=Role(options["role"]),
                    email=options["email"],
                    password=self._password(options),
                    by=system_actor(clinic, "command: create_person", scopes=frozenset(Permission)),
                )
        except MedAssistError as error:
            fields = "; ".join(f"{name}: {text}" for name, text in error.fields.items())
            raise CommandError(f"{error.code}: {error.detail}" + (f" ({fields})" if fields else "")) from error
        self.stdout.write(f"{person.username} ({person.role}) of {clinic} was made")

    @staticmethod
    def _password(options: dict[str, Any]) -> str | None:
        if options["no_password"]:
            return None
        variable = options["password_variable"]
        if variable is None:
            return getpass.getpass("Password: ")
        password = os.environ.get(variable)
        if not password:
            raise CommandError(f"The environment variable {variable} is empty")
        return password
