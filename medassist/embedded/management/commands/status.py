from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from medassist.embedded import control


class Command(BaseCommand):
    help = "Says which processes of this checkout run. Exit status: 0 all up, 3 down, 4 something is amiss."
    requires_system_checks: list[str] = []

    def handle(self, *_args: Any, **_options: Any) -> None:
        if status := control.status(self.stdout.write):
            sys.exit(status)
