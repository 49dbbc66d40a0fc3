from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from medassist.accounts.access import SCOPES, Permission, system_actor
from medassist.accounts.services import issue_api_key
from medassist.common.errors import MedAssistError
from medassist.tenancy.schemas import PUBLIC_SCHEMA


class Command(BaseCommand):
    help = "Makes an API key for a clinic. The key is printed once, alone on standard output, and stored nowhere."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--clinic", required=True, help="the clinic's schema")
        parser.add_argument("--name", required=True, help="which system uses it")
        parser.add_argument(
            "--scopes", required=True, help=f"comma-separated: {', '.join(sorted(scope.code for scope in SCOPES))}"
        )
        parser.add_argument("--days", type=int, default=365, help="days until it expires")

    def handle(self, *args: Any, **options: Any) -> None:
        known = {permission.code: permission for permission in Permission}
        codes = [code.strip() for code in options["scopes"].split(",") if code.strip()]
        unknown = [code for code in codes if code not in known]
        if unknown:
            raise CommandError(f"Unknown scopes: {', '.join(unknown)}")
        try:
            issued = issue_api_key(
                clinic=options["clinic"],
                name=options["name"],
                scopes=[known[code] for code in codes],
                expires_at=timezone.now() + timedelta(days=options["days"]),
                by=system_actor(PUBLIC_SCHEMA, "command: issue_api_key", scopes=frozenset(Permission)),
            )
        except MedAssistError as error:
            fields = "; ".join(f"{name}: {text}" for name, text in error.fields.items())
            raise CommandError(f"{error.code}: {error.detail}" + (f" ({fields})" if fields else "")) from error
        self.stderr.write(
            f"{issued.name} of {issued.clinic}: {', '.join(issued.scopes)}; expires {issued.expires_at:%Y-%m-%d}"
        )
        self.stdout.write(issued.key)
