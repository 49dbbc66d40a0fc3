from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, router
from django.db.models import Model
from psycopg import sql

from medassist.common.blind import BlindIndexField
from medassist.common.fields import EncryptedTextField, other_secrets, ring


class Command(BaseCommand):
    help = (
        "Re-encrypts the current schema's fields that do not use the first key of FIELD_KEYS. Safe beside running "
        "processes and safe to repeat. For all clinics: in_every_clinic rotate_field_keys."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=500)

    def handle(self, *args: Any, **options: Any) -> None:
        total = 0
        for model in apps.get_models():
            for field in model._meta.local_fields:
                if isinstance(field, EncryptedTextField) and router.allow_migrate_model(connection.alias, model):
                    total += self._rotate(model, field, options["batch"])
                if isinstance(field, BlindIndexField) and router.allow_migrate_model(connection.alias, model):
                    total += self._index_anew(model, field, options["batch"])
        total += sum(rotate() for rotate in other_secrets)
        self.stdout.write(f"{total} values re-encrypted with key {ring().current}")

    @staticmethod
    def _index_anew(model: type[Model], field: BlindIndexField, batch: int) -> int:
        """Tokens under the first key, from the row's own words; each row once, in order."""
        done, last = 0, None
        while True:
            rows = model._default_manager.order_by("pk")
            found = list((rows if last is None else rows.filter(pk__gt=last))[:batch])
            for row in found:
                tokens = field.tokens_of(row, connection)
                if tokens != getattr(row, field.attname):
                    done += model._default_manager.filter(pk=row.pk).update(**{field.attname: tokens})
            if not found:
                return done
            last = found[-1].pk

    @staticmethod
    def _rotate(model: type[Model], field: EncryptedTextField, batch: int) -> int:
        table, column = sql.Identifier(model._meta.db_table), sql.Identifier(str(field.column))
        key = sql.Identifier(str(model._meta.pk.column))
        select = sql.SQL("SELECT {key}, {column} FROM {table} WHERE {column} NOT LIKE %s LIMIT %s").format(
            key=key, column=column, table=table
        )
        # Only if it is still what was read: a process may have stored something newer meanwhile.
        update = sql.SQL("UPDATE {table} SET {column} = %s WHERE {key} = %s AND {column} = %s").format(
            key=key, column=column, table=table
        )
        keys, place, done = ring(), field.place(connection), 0
        while True:
            with connection.cursor() as cursor:
                cursor.execute(select, [f"v1:{keys.current}:%", batch])
                rows = cursor.fetchall()
                for pk, value in rows:
                    cursor.execute(update, [keys.encrypt_bytes(keys.decrypt_bytes(value, place), place), pk, value])
                    done += cursor.rowcount
            if not rows:
                return done
