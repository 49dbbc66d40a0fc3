"""An index of the test's own for every test of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.rag.index import holder


@pytest.fixture(autouse=True)
def _own_index(settings: Any, tmp_path: Path) -> Iterator[None]:
    holder.forget()
    settings.STATE_DIR = str(tmp_path)
    yield
    holder.forget()
