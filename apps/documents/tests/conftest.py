"""Documents of tests: an index of the test's own, and work that is done when a test says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.cases.tests.engine import backbone
from apps.rag.index import holder
from medassist.jobs import runner


@pytest.fixture(autouse=True)
def _own_index(settings: Any, tmp_path: Path) -> Iterator[None]:
    holder.forget()
    settings.STATE_DIR = str(tmp_path)
    yield
    holder.forget()


@pytest.fixture
def work() -> Callable[[], int]:
    """Does what waits in both queues; returns how many jobs ran."""

    def run() -> int:
        with backbone():
            return runner.drain("ingest") + runner.drain("llm")

    return run
