from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from medassist.accounts.access import SCOPES, Permission, system_actor
from medassist.accounts.services import revoke_api_key, rotate_api_key
from medassist.common.errors import MedAssistError
from medassist.tenancy import selectors as tenancy
from medassist.tenancy.context import clinic_context
from medassist.tenancy.schemas import PUBLIC_SCHEMA
from medassist.tenancy.services import set_rates
from medassist.web.api_keys import MOST_DAYS, key_document, usage_of_keys


class Command(BaseCommand):
    help = "Lists, rotates and ends the API keys of a clinic, tells what they did, and sets how fast they may ask."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listed = actions.add_parser("list", help="one line a key, as JSON; secrets are stored nowhere")
        rotated = actions.add_parser("rotate", help="a new secret, printed once, alone on standard output")
        ended = actions.add_parser("revoke", help="ends a key at once")
        used = actions.add_parser("usage", help="requests and jobs by key and day, one JSON line each")
        rated = actions.add_parser("rates", help="requests a minute of one caller; `default` or 0 for no limit")
        actions.add_parser("scopes", help="what a key may be allowed to do")
        for one in (listed, rotated, ended, used, rated):
            one.add_argument("--clinic", required=True, help="the clinic's schema")
        for one in (rotated, ended):
            one.add_argument("prefix", help="the twelve characters after ma_")
        rotated.add_argument(
            "--overlap-hours", type=float, default=24.0, help="how long the secret before works on (24); 0: not at all"
        )
        used.add_argument("--days", type=int, default=7, help=f"UTC days, today included (7; at most {MOST_DAYS})")
        rated.add_argument("--reads", type=_rate, default=None, metavar="N|default")
        rated.add_argument("--writes", type=_rate, default=None, metavar="N|default")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except MedAssistError as error:
            fields = "; ".join(f"{name}: {text}" for name, text in error.fields.items())
            raise CommandError(f"{error.code}: {error.detail}" + (f" ({fields})" if fields else "")) from error

    def _by(self) -> Any:
        return system_actor(PUBLIC_SCHEMA, "command: api_keys", scopes=frozenset(Permission))

    def _list(self, *, clinic: str, **_: Any) -> None:
        tenancy.clinic_by_schema(clinic)
        for key in tenancy.keys_of(clinic):
            self._line(key_document(key))

    def _rotate(self, *, clinic: str, prefix: str, overlap_hours: float, **_: Any) -> None:
        overlap = timedelta(hours=overlap_hours)
        issued = rotate_api_key(clinic=clinic, prefix=prefix, overlap=overlap, by=self._by())
        self.stderr.write(f"{issued.name} of {clinic}: the secret before works for {overlap_hours:g} hours more")
        self.stdout.write(issued.key)

    def _revoke(self, *, clinic: str, prefix: str, **_: Any) -> None:
        revoke_api_key(clinic=clinic, prefix=prefix, by=self._by())
        self.stdout.write(f"ma_{prefix}… no longer works")

    def _usage(self, *, clinic: str, days: int, **_: Any) -> None:
        if not 1 <= days <= MOST_DAYS:
            raise CommandError(f"--days is a whole number from 1 to {MOST_DAYS}")
        with clinic_context(clinic):
            keys = tenancy.keys_of(clinic)
            for prefix, found in usage_of_keys(keys, days=days).items():
                for day in found:
                    self._line({"prefix": prefix, **day})

    def _rates(self, *, clinic: str, reads: int | str | None, writes: int | str | None, **_: Any) -> None:
        ref = tenancy.clinic_by_schema(clinic)
        if reads is not None or writes is not None:
            ref = set_rates(
                schema_name=clinic, by="command: api_keys",
                reads=ref.reads_per_minute if reads is None else _stored(reads),
                writes=ref.writes_per_minute if writes is None else _stored(writes),
            )  # fmt: skip
        self._line(
            {"clinic": clinic, "reads_per_minute": ref.reads_per_minute, "writes_per_minute": ref.writes_per_minute}
        )

    def _scopes(self, **_: Any) -> None:
        for scope in sorted(SCOPES, key=lambda one: one.code):
            self.stdout.write(scope.code)

    def _line(self, found: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(found, default=str, ensure_ascii=False))


def _rate(text: str) -> int | str:
    if text == "default":
        return text
    number = int(text)
    if not 0 <= number <= 1_000_000:
        raise ValueError
    return number


def _stored(given: int | str) -> int | None:
    return None if isinstance(given, str) else given
