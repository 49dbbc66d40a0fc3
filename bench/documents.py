"""python -m bench documents [--pages 300]: one long PDF through the real stack.

Its reading is watched, it is cancelled while it is being indexed, nothing of it may be found; it is begun again, its worker is
killed in the middle, and at the end the text of one page is found, with its page, within the document's case alone.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import time
from collections.abc import Sequence
from typing import Any

from apps.documents.tests.makers import make_pdf, written_page
from bench.figures import last_line, say, table
from bench.memory import peak
from bench.stand import Stand, wait_until

CLINIC = "north"
WORDS = [
    "the",
    "patient",
    "was",
    "seen",
    "with",
    "pain",
    "in",
    "the",
    "joint",
    "after",
    "a",
    "fall",
    "and",
    "the",
    "wound",
    "was",
    "cleaned",
    "before",
    "a",
    "review",
    "of",
    "the",
    "results",
]
CANCEL_S = 2.0


def long_pdf(pages: int) -> bytes:
    """`pages` pages of plain sentences; each carries a word of its own."""
    chance = random.Random(4)
    return make_pdf(
        [
            written_page(
                f"Chapter {number}",
                [" ".join(chance.choice(WORDS) for _ in range(60)) + f" quixotic{number:04d}x." for _ in range(4)],
            )
            for number in range(1, pages + 1)
        ]
    )


class Course:
    def __init__(self, stand: Stand, pages: int) -> None:
        self.stand, self.pages, self.caller = stand, pages, stand.caller(CLINIC)
        self.figures: dict[str, Any] = {"pages": pages}

    def send(self) -> str:
        boundary = "frontier-of-a-bench"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="long.pdf"\r\n\r\n'.encode()
        data = head + long_pdf(self.pages) + f"\r\n--{boundary}--\r\n".encode()
        self.figures["bytes"] = len(data)
        started = time.perf_counter()
        answer = self.caller.raw(
            "POST", "/api/v1/documents/ingest", data, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )
        self.figures["answer_ms"] = round((time.perf_counter() - started) * 1000)
        return str(answer.body["documents"][0]["id"])

    def state(self, document: str) -> dict[str, Any]:
        return dict(self.caller.call("GET", f"/api/v1/documents/{document}").body)

    def until(self, document: str, states: set[str], seconds: float = 120.0) -> str:
        found = ""

        def there() -> bool:
            nonlocal found
            found = str(self.state(document).get("state"))
            return found in states

        wait_until(there, seconds=seconds, every_s=0.05)
        return found

    def found(self, word: str, case: str | None = None) -> list[dict[str, Any]]:
        body = {"query": word, "mode": "sparse", **({"case": case} if case else {})}
        answer = self.caller.call("POST", "/api/v1/documents/search", body)
        while answer.status in (200, 202) and not answer.body.get("result"):
            time.sleep(0.1)
            answer = self.caller.call("GET", str(answer.body["links"]["self"]))
        return [item for item in answer.body["result"]["passages"] if item["kind"] == "case_document"]

    def run(self) -> bool:
        started = time.perf_counter()
        document = self.send()
        seen: set[int] = set()
        while (view := self.state(document))["state"] in ("queued", "reading"):
            seen.add(int(view["pages_read"]))
            time.sleep(0.02)
        self.figures["read_s"] = round(time.perf_counter() - started, 2)
        cancelled = time.perf_counter()
        self.caller.call("POST", f"/api/v1/documents/{document}/cancel", {})
        stopped = self.until(document, {"cancelled", "ready", "partly"})
        self.figures["stopped_s"] = round(time.perf_counter() - cancelled, 2)
        case = str(self.caller.call("POST", "/api/v1/cases/analyze", {"history": "A fall"}).body["case"])
        nothing = self.found(f"quixotic{self.pages // 2:04d}x", case) == []
        self.caller.call("POST", f"/api/v1/documents/{document}/resume", {})
        self.until(document, {"indexing"})
        time.sleep(0.5)
        os.kill(self.stand.pid_of("worker-ingest"), signal.SIGKILL)
        killed = time.perf_counter()
        ended = self.until(document, {"ready", "partly", "failed"})
        self.figures["after_kill_s"] = round(time.perf_counter() - killed, 2)
        job = self.caller.call("GET", f"/api/v1/jobs/{self.state(document)['job']}").body
        self.figures["attempts"] = job.get("attempt")
        other = case
        case = str(
            self.caller.call("POST", "/api/v1/cases/analyze", {"history": "A fall", "documents": [document]}).body[
                "case"
            ]
        )
        self.until(document, {"ready", "partly"})
        page = self.pages // 2
        hits = self.found(f"quixotic{page:04d}x", case)
        there = bool(hits) and hits[0]["page"] == page
        elsewhere = self.found(f"quixotic{page:04d}x", other) == []
        self.figures |= {
            "stopped": stopped == "cancelled", "half_indexed": not nothing, "ended": ended, "found_on_its_page": there,
            "found_in_another_case": not elsewhere, "passages": self.state(document)["passages"],
            "worker_mb": round(peak(self.stand.pid_of("worker-ingest"))),
        }  # fmt: skip
        return (
            stopped == "cancelled" and self.figures["stopped_s"] <= CANCEL_S and nothing and ended == "ready"
            and there and elsewhere
        )  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench documents", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=300)
    options = parser.parse_args(arguments)
    with Stand(clinics=(CLINIC,)) as stand:
        course = Course(stand, options.pages)
        good = course.run()
    table(
        "One long document", ["what", "figure"], [[name, json.dumps(value)] for name, value in course.figures.items()]
    )
    say("" if good else "something was not as it must be")
    last_line({"bench": "documents", "ok": good, **course.figures})
    return 0 if good else 1
