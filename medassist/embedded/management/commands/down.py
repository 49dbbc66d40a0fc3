from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from medassist.embedded import control


class Command(BaseCommand):
    help = "Stops what `up` started; data stay."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        if status := control.down(self.stdout.write):
            raise CommandError("Something may still be running.", returncode=status)
