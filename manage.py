#!/usr/bin/env python
"""The command line of MedAssist: every management command runs through here."""

from __future__ import annotations

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medassist.settings.base")
    # Without DATABASE_URL this checkout runs embedded: ports and secrets remembered in its state folder.
    from medassist.embedded.environment import apply_defaults

    apply_defaults()
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


if __name__ == "__main__":
    main()
