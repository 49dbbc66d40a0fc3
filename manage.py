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

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
