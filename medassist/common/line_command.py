"""A management command that turns each line of a stream into one line: JSONL in, JSONL out, order kept."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError


class LineCommand(BaseCommand, ABC):
    """Needs no database: subclasses give `answer(line)`, which reports a bad line instead of raising."""

    requires_system_checks: list[str] = []
    requires_migrations_checks = False

    @abstractmethod
    def answer(self, line: str) -> dict[str, Any]:
        """The output object for one input line."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--input", default="-", help="a JSONL file; - is standard input")

    def handle(self, *_: Any, input: str = "-", **__: Any) -> None:
        if input == "-":
            self._run(sys.stdin)
            return
        try:
            with open(input, encoding="utf-8") as lines:  # noqa: PTH123 - mirrors standard input
                self._run(lines)
        except OSError as error:
            raise CommandError(f"cannot read {input}: {error.strerror}") from None

    def _run(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line.strip():
                self.stdout.write(json.dumps(self.answer(line), ensure_ascii=False))
