from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from medassist.common.errors import MedAssistError
from medassist.tenancy.migrating import migrate_public, migration_target, without_pool
from medassist.tenancy.selectors import all_clinics
from medassist.tenancy.services import clinics_to_migrate, migrate_one


class Command(BaseCommand):
    help = "Migrates the public schema, then every clinic that is not at the newest state. Resumable: run it again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--all", action="store_true", help="also clinics recorded as current; renews roles and rights"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        without_pool()
        self.stdout.write("public: migrating")
        migrate_public()
        total = len(all_clinics())
        waiting = clinics_to_migrate(target="" if options["all"] else migration_target())
        self.stdout.write(f"clinics: {len(waiting)} of {total} to migrate")
        failed = []
        for number, schema_name in enumerate(waiting, start=1):
            started = time.monotonic()
            try:
                migrate_one(schema_name=schema_name)
            except (MedAssistError, DatabaseError) as error:
                failed.append(schema_name)
                self.stderr.write(f"[{number}/{len(waiting)}] {schema_name}: failed ({type(error).__name__})")
            else:
                self.stdout.write(f"[{number}/{len(waiting)}] {schema_name}: {time.monotonic() - started:.1f} s")
        if failed:
            raise CommandError(f"{len(failed)} of {len(waiting)} clinics failed: {', '.join(failed)}")
