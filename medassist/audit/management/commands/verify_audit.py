from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.audit.services import verify_chain
from medassist.common.errors import MedAssistError
from medassist.tenancy.schemas import PUBLIC_SCHEMA
from medassist.tenancy.selectors import all_clinics


class Command(BaseCommand):
    help = "Checks audit trails against their chains and signed heads; exit status 1 when anything is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("schemas", nargs="*", help='schemas of clinics, or "public"; all of them without one')

    def handle(self, *args: Any, **options: Any) -> None:
        schemas = options["schemas"] or [PUBLIC_SCHEMA, *(clinic.schema_name for clinic in all_clinics())]
        wrong = []
        for schema in schemas:
            try:
                problems = verify_chain(schema)
            except MedAssistError as error:
                raise CommandError(f"{schema}: {error.code}: {error.detail}") from error
            self.stdout.write(f"{schema}: {'ok' if not problems else f'{len(problems)} problems'}")
            for problem in problems:
                self.stderr.write(f"{schema}: {problem.kind}: {problem.text}")
            if problems:
                wrong.append(schema)
        if wrong:
            raise CommandError(f"Trails that are not as they were written: {', '.join(wrong)}")
