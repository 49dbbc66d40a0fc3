from __future__ import annotations

from collections.abc import Iterator

import pytest

from medassist.embedded.processes import free_port
from medassist.llm.tests.vllm.server import PYTHON, VLLM, make_model

collect_ignore = [] if PYTHON else ["test_vllm.py"]


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VLLM]:
    folder = tmp_path_factory.mktemp("vllm")
    make_model(folder)
    server = VLLM(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.kill()
