from __future__ import annotations

from collections.abc import Iterator

import pytest

from medassist.llm.tests.servers import reference_service


@pytest.fixture(scope="session")
def faulty_service() -> Iterator[str]:
    """A reference backbone that accepts faults; its address without /v1."""
    with reference_service("--faults", "--context-tokens", "4096") as address:
        yield address
