"""The guides' own commands, run as they are printed: each `sh` block of docs/integrators that holds a curl, in the order of its page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.documents.tests.makers import make_docx, make_pdf, paragraph, word, written_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here"),
]

GUIDES = Path(__file__).resolve().parents[3] / "docs" / "integrators"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LEFT_OUT = {
    "media.md": "pictures are switched off unless an operator wants them",
}
NOT_HERE = ("/events", "2c4b0b2e-")
"""Commands that need what a test has not: the events process, the id of somebody's document."""

# What a reader sets up once: where the clinic is. The host stands in the address there and in a header here.
PREAMBLE = """
set -eu -o pipefail
curl() {
  local given=()
  for one in "$@"; do given+=("${one//https:\\/\\/demo.clinic.example/$BASE}"); done
  command curl --silent --show-error --fail-with-body --max-time 60 -H "Host: alpha.localhost" "${given[@]}"
}
"""


def blocks_of(page: Path) -> list[str]:
    return [block for block in BLOCK.findall(page.read_text("utf-8")) if "curl " in block]


def commands_of(block: str) -> str:
    """The block without the commands that a test cannot run; one command may have several lines."""
    joined = re.sub(r"\\\n\s*", " ", block)
    kept = [line for line in joined.splitlines() if not any(word in line for word in NOT_HERE)]
    text = "\n".join(kept)
    return re.sub(r"(?m)^export CLINIC=.*$", 'export CLINIC="$BASE"', text).replace(".venv/bin/python", sys.executable)


PAGES = sorted(page.name for page in GUIDES.glob("*.md") if blocks_of(page))


def test_the_guides_have_commands() -> None:
    assert set(LEFT_OUT) < set(PAGES)
    assert {"api.md", "quick-start.md", "webhooks.md", "cds-hooks.md", "notes.md", "documents.md"} <= set(PAGES)
    assert sum(len(blocks_of(GUIDES / name)) for name in PAGES) >= 10


@pytest.mark.parametrize("name", [name for name in PAGES if name not in LEFT_OUT])
def test_the_commands_of_a_guide_work_as_they_are_printed(
    name: str, live_server: Any, key_of: Callable[..., str], settings: Any, tmp_path: Path
) -> None:
    settings.MAX_WAITERS = settings.NOTES_DIRECT_CHARS = 0
    (tmp_path / "letter.pdf").write_bytes(make_pdf([written_page("Letter", ["Admitted with cough for three days."])]))
    (tmp_path / "sepsis.docx").write_bytes(make_docx(word(paragraph("Call outreach when the score is seven or more."))))
    (tmp_path / "results.csv").write_text("test,value\nsodium,141\n", encoding="utf-8")
    script = PREAMBLE + "\n".join(commands_of(block) for block in blocks_of(GUIDES / name))
    ran = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={
            "BASE": f"http://127.0.0.1:{live_server.thread.port}",
            "KEY": key_of("alpha"),
            "PATH": "/usr/local/bin:/usr/bin:/bin",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-600:]}\n{ran.stderr[-600:]}"
    assert ran.stdout.strip().startswith("{")
