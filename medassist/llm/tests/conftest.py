from __future__ import annotations

from collections.abc import Iterator

import pytest

from medassist.llm.tests.servers import reference_service


@pytest.fixture(scope="session")
def faulty_service() -> Iterator[str]:
    """A reference backbone that accepts faults; its address without /v1."""
    with reference_service("--faults", "--context-tokens", "4096") as address:
        yield address


@pytest.fixture(autouse=True)
def _no_gates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are stored here without a run of the safety suite; that gates hold is tested where they are made."""
    monkeypatch.setattr("medassist.llm.services.activation_gates", [])
