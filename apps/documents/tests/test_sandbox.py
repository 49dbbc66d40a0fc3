"""The reading process: what it cannot do, and how it ends whatever it says."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from apps.documents.extractors import sandbox
from apps.documents.extractors.answers import understood
from apps.documents.extractors.detect import DOCX
from apps.documents.extractors.sandbox import Usage, extract
from apps.documents.schemas import Limits, PageProblem
from apps.documents.tests.makers import good_files, make_docx, make_pdf, word, written_page
from medassist.common.errors import CallAborted, Unavailable

ROOT = Path(__file__).resolve().parents[3]
ANSWER: dict[str, Any] = {
    "media_type": "text/plain", "reason": None, "text": "A note.", "language": "en", "headers": [""],
    "blocks": [[1, 0, 7, None, 0, 0]], "pages": None, "problems": [], "claims": {},
}  # fmt: skip


@pytest.fixture
def note(tmp_path: Path) -> Path:
    path = tmp_path / "note.txt"
    path.write_text("A note.")
    return path


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts another program in the place of the reading one."""
    return lambda program: monkeypatch.setattr(sandbox, "_PROGRAM", "import json,os,sys,time\n" + program)


def say(line: object) -> str:
    told = json.dumps(line).encode() + b"\n"
    return f"os.write(1, {told!r})"


def children() -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process().children(recursive=True)
    return found


@pytest.fixture(autouse=True)
def working(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the process works. Afterwards neither a process nor a folder is left."""
    folder = tmp_path_factory.mktemp("working")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = {process.pid for process in children()}
    yield folder
    assert {process.pid for process in children()} <= before
    assert list(folder.iterdir()) == []


# --- whatever it says -----------------------------------------------------------------------------


def test_the_answer_of_an_honest_process_is_taken(note: Path, child: Any) -> None:
    child(say({"done": ANSWER}))
    found = extract(note)
    assert found.body is not None
    assert found.body.text == "A note."


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("print('nonsense')", "unreadable"),
        ("os.write(1, b'\\xff\\xfe\\n')", "unreadable"),
        ("os.write(1, b'[' * 100000 + b'\\n')", "unreadable"),
        ("os.write(1, b'{}\\n')", "unreadable"),
        ("os.write(1, b'{\"done\": 7}\\n')", "unreadable"),
        (say({"done": {}}), "unreadable"),
        ("pass", "unreadable"),
        ("sys.exit(3)", "unreadable"),
        ("os.kill(os.getpid(), 11)", "unreadable"),
        ("os.kill(os.getpid(), 6)", "limits_exceeded"),
        ("os.kill(os.getpid(), 9)", "limits_exceeded"),
        ("os.kill(os.getpid(), 24)", "time_exceeded"),
        ("while True: os.write(1, b'x' * 100000)", "limits_exceeded"),
        ("while True: os.write(1, b'{\"page\": 1, \"of\": 2}\\n' * 1000)", "limits_exceeded"),
        ("time.sleep(60)", "time_exceeded"),
        ("os.close(1); time.sleep(60)", "unreadable"),
        ("import signal; signal.signal(15, signal.SIG_IGN); time.sleep(60)", "time_exceeded"),
        ("os.fork() or time.sleep(60)\ntime.sleep(60)", "time_exceeded"),
    ],
)  # fmt: skip
def test_a_process_that_misbehaves_ends_with_a_reason(note: Path, child: Any, program: str, reason: str) -> None:
    child(program)
    began = time.monotonic()
    assert extract(note, limits=Limits(wall_s=2, characters=1_000, pages=10)).reason == reason
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"text": None},
        {"text": "A\x00note."},
        {"text": "Cafe\u0301 x"},
        {"text": "a" * 2_000},
        {"text": "\ud800 lone."},
        {"blocks": []},
        {"blocks": [[1, 0, 99, None, 0, 0]]},
        {"blocks": [[1, 3, 3, None, 0, 0]]},
        {"blocks": [[1, 0, 4, None, 0, 0], [1, 3, 7, None, 0, 0]]},
        {"blocks": [[9, 0, 7, None, 0, 0]]},
        {"blocks": [[-1, 0, 7, None, 0, 0]]},
        {"blocks": [[1, 0, 7, 0, 0, 0]]},
        {"blocks": [[1, 0, 7, None, 9, 0]]},
        {"blocks": [[1, 0, 7, None, 0, 4]]},
        {"blocks": [[1, True, 7, None, 0, 0]]},
        {"blocks": "x"},
        {"reason": "because"},
        {"reason": ["unreadable"]},
        {"media_type": 5},
        {"media_type": "x" * 500},
        {"media_type": "text/\nplain"},
        {"pages": -1},
        {"pages": 10**9},
        {"problems": [[1, "unreadable"]]},
        {"problems": [[1, "x"]], "pages": 2},
        {"claims": []},
        {"claims": {"title": 5}},
        {"language": "x" * 50},
        {"headers": ["x" * 5_000]},
        {"text": "a" + "\u0301" * 500},
    ],
)
def test_an_answer_that_no_honest_process_gives_is_refused(wrong: dict[str, Any]) -> None:
    limits = Limits(characters=1_000)
    assert understood(ANSWER, limits) is not None
    assert understood({**ANSWER, **wrong}, limits) is None


def test_the_type_is_told_also_when_reading_did_not_end(tmp_path: Path) -> None:
    path = tmp_path / "slow.docx"
    path.write_bytes(make_docx(word("<w:p/>" * 3_000_000)))
    found = extract(path, limits=Limits(cpu_s=1, wall_s=20))
    assert (found.reason, found.media_type) == ("time_exceeded", DOCX)


def test_a_missing_library_is_no_answer_about_the_file(note: Path, child: Any) -> None:
    child(f"os._exit({sandbox.NOT_INSTALLED})")
    with pytest.raises(Unavailable):
        extract(note)


def test_a_page_that_kills_the_process_is_left_out_and_the_rest_is_read(note: Path, child: Any) -> None:
    done = {**ANSWER, "pages": 3}
    child(
        "skip = dict(json.loads(sys.argv[2])['skip'])\n"
        "for page in (1, 2, 3):\n"
        "    os.write(1, json.dumps({'page': page, 'of': 3}).encode() + b'\\n')\n"
        "    if page in (2, 3) and page not in skip: os.kill(os.getpid(), 11 if page == 2 else 6)\n"
        f"answer = {done!r}\n"
        "answer['problems'] = sorted(skip.items())\n"
        "os.write(1, json.dumps({'done': answer}).encode() + b'\\n')\n"
    )
    usage, heard = Usage(), []
    found = extract(note, usage=usage, progress=lambda page, of: heard.append((page, of)))
    assert found.page_problems == (PageProblem(2, "unreadable"), PageProblem(3, "limits_exceeded"))
    assert (usage.runs, usage.signals) == (3, [11, 6])
    assert heard == [(1, 3), (2, 3), (3, 3)]


# --- stopping -------------------------------------------------------------------------------------


def test_stopping_ends_the_process_at_once(note: Path, child: Any) -> None:
    child("time.sleep(60)")
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    began = time.monotonic()
    with pytest.raises(CallAborted):
        extract(note, stopped=stop.is_set)
    assert 0.4 < time.monotonic() - began < 1.5


def test_a_long_document_tells_its_pages_and_stops_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "long.pdf"
    path.write_bytes(
        make_pdf([written_page(f"Part {n}", [f"Sentence {n} on page {n} of the text."] * 25) for n in range(300)])
    )
    heard: list[tuple[int, int | None]] = []
    with pytest.raises(CallAborted):
        extract(path, progress=lambda page, of: heard.append((page, of)), stopped=lambda: len(heard) >= 100)
    assert len(heard) < 300
    heard.clear()
    found = extract(path, progress=lambda page, of: heard.append((page, of)))
    assert found.pages == 300
    assert heard == [(page, 300) for page in range(1, 301)]


def test_an_error_of_the_listener_ends_the_process_too(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(good_files()["pdf"])

    def fails(_page: int, _of: int | None) -> None:
        raise RuntimeError("the listener")

    with pytest.raises(RuntimeError, match="the listener"):
        extract(path, progress=fails)


# --- what it cannot do ----------------------------------------------------------------------------


def test_the_process_has_no_secrets_no_name_of_the_file_and_an_empty_folder(
    tmp_path: Path, child: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    path = tmp_path / "Jane Doe 1970-01-01.txt"
    path.write_text("A note.")
    child(
        "seen = json.dumps([dict(os.environ), sys.argv, sys.flags.isolated, os.listdir('.'), os.getsid(0) == os.getpid()])\n"
        f"answer = {ANSWER!r}\nanswer['text'] = seen\nanswer['blocks'] = [[1, 0, len(seen), None, 0, 0]]\n"
        "os.write(1, json.dumps({'done': answer}).encode() + b'\\n')"
    )
    found = extract(path)
    assert found.body is not None
    environment, arguments, isolated, files, leads = json.loads(found.body.text)
    # LC_CTYPE is set by Python itself.
    assert set(environment) - {"LC_CTYPE"} == {"PATH", "LANG", "HOME", "TMPDIR", "OMP_THREAD_LIMIT"}
    assert "Jane" not in json.dumps(arguments)
    assert (isolated, files, leads) == (1, [], True)


TRIES = """
import os, socket, subprocess, sys, ctypes, resource, threading
sys.path.append(sys.argv[1])
from apps.documents.extractors import barriers
from apps.documents.schemas import Limits
barriers.limit_resources(Limits(memory_bytes=500_000_000, cpu_s=5), programs=False)
if sys.argv[2] == "hook":
    barriers._filter_system_calls = lambda programs: False
library = ctypes.CDLL(None, use_errno=True)
kernel = barriers.close_off(programs=False)
def tries(what):
    try:
        what()
        return "done"
    except (OSError, MemoryError, RuntimeError) as error:
        return type(error).__name__
answers = {
    "kernel": kernel,
    "socket": tries(lambda: socket.socket()),
    "read": tries(lambda: open("/etc/passwd")),
    "write": tries(lambda: open("/tmp/x", "w")),
    "program": tries(lambda: subprocess.run(["/bin/true"])),
    "system": tries(lambda: os.system("true")),
    "fork": tries(os.fork),
    "kill": tries(lambda: os.kill(os.getppid(), 0)),
    "native socket": library.socket(2, 1, 0),
    "native open": library.open(b"/etc/passwd", 0),
    "memory": tries(lambda: bytearray(900_000_000)),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
}
os.write(1, repr(answers).encode())
"""


def tried(how: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-I", "-c", TRIES, str(ROOT), how], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr[-800:]
    answers: dict[str, Any] = eval(done.stdout)
    return answers


def test_files_programs_and_the_network_are_out_of_reach() -> None:
    answers = tried("filter")
    refused = ("socket", "read", "write", "program", "system", "fork")
    assert {answers[name] for name in refused} <= {"PermissionError", "BlockingIOError"}
    assert (answers["memory"], answers["core"]) == ("MemoryError", 0)
    if not answers["kernel"]:
        pytest.skip("this kernel takes no filter: native code is not held")
    assert answers["kill"] == "PermissionError"
    assert (answers["native socket"], answers["native open"]) == (-1, -1)


def test_without_the_kernels_filter_python_code_is_still_held() -> None:
    answers = tried("hook")
    assert {answers[name] for name in ("socket", "read", "write", "program", "system", "fork")} <= {
        "PermissionError",
        "BlockingIOError",
    }


def test_the_calling_process_never_loads_a_parser() -> None:
    program = (
        "import sys; sys.path.append(sys.argv[1]); import apps.documents.extractors.sandbox; "
        "print([name for name in ('lxml', 'pypdfium2', 'markdown_it', 'zipfile', 'pyexpat', 'csv', 'django') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program, str(ROOT)], capture_output=True, text=True, check=True)
    # The temporary folder of the standard library brings zipfile along.
    assert set(eval(done.stdout)) <= {"zipfile", "csv"}


# --- OCR ------------------------------------------------------------------------------------------


def test_a_scan_is_read_where_tesseract_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "tesseract"
    fake.write_text(
        '#!/bin/sh\n[ "$(head -c 2)" = P5 ] && cat >/dev/null && printf "Words of the scan.\\n\\nSecond paragraph.\\n"\n'
    )
    fake.chmod(0o755)
    scan = tmp_path / "scan.pdf"
    drawn = b"q 500 0 0 700 40 40 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x00 EI Q"
    scan.write_bytes(make_pdf([[]], contents={0: drawn}))
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert extract(scan).reason == "nothing_extracted"
    assert extract(scan).page_problems == (PageProblem(1, "no_text_layer"),)
    monkeypatch.setattr("shutil.which", lambda _: str(fake))
    found = extract(scan)
    assert found.body is not None, found
    assert found.body.text == "Words of the scan.\n\nSecond paragraph."
    assert (found.page_problems, found.metadata) == ((), {"ocr_pages": "1"})


def test_the_working_folder_is_private(note: Path, child: Any, working: Path) -> None:
    child("time.sleep(1)")
    seen: list[int] = []

    def look() -> bool:
        seen.extend(folder.stat().st_mode & 0o777 for folder in working.iterdir())
        return False

    extract(note, stopped=look, limits=Limits(wall_s=3))
    assert set(seen) == {0o700}
