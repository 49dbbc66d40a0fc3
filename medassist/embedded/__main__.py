"""`python -m medassist.embedded up|down|status|remove`: what the commands do, without loading Django."""

from __future__ import annotations

import argparse
import sys
from datetime import datetime

from medassist.common.errors import MedAssistError
from medassist.embedded import control


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _log(line: str) -> None:
    """The reader of a detached supervisor's log needs the time; a terminal's does not."""
    _say(line if sys.stdout.isatty() else f"{datetime.now().astimezone():%H:%M:%S} {line}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m medassist.embedded", description="The one-machine set-up.")
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start everything and keep it alive")
    up.add_argument("--detach", action="store_true", help="return once everything answers")
    up.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these processes, without migrations")
    commands.add_parser("down", help="stop everything")
    commands.add_parser("status", help="say what runs")
    commands.add_parser("remove", help="stop everything and delete all data of this checkout")
    options = parser.parse_args(arguments)
    try:
        if options.command == "up":
            only = frozenset(options.only)
            return control.up_detached(_say, only=only) if options.detach else control.up(_log, only=only)
        return {"down": control.down, "status": control.status, "remove": control.remove}[options.command](_say)
    except MedAssistError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
