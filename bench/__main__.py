"""`python -m bench <name> [options]`: each benchmark starts what it needs, is bounded, and stops by itself."""

from __future__ import annotations

import importlib
import signal
import sys

BENCHES = {
    "faults": ("bench.faults.run", "real jobs under faults, with an invariant checker and planted defects"),
    "hostile": ("bench.hostile", "every hostile file through the reading process; none may pass its limits"),
    "documents": ("bench.documents", "one long PDF: read, cancelled, begun again, its worker killed, found"),
    "retrieval": ("bench.retrieval", "the embedded index at 10,000 and 100,000 passages: speed, latency, memory"),
    "fairness": ("bench.fairness", "one clinic floods; what the others notice"),
    "media": ("bench.media", "a media flood with ComfyUI frozen; what language-model work notices"),
    "overhead": ("bench.overhead", "what MedAssist adds to a model call, beside the direct call and the LiteLLM proxy"),
    "streams": ("bench.streams", "a thousand event streams, resumed, beside a reader that takes nothing"),
    "concurrency": ("bench.concurrency", "a thousand users at once"),
    "leaks": (
        "bench.leaks",
        "an always-obeying backbone end to end over poisoned cases, documents and notes; every door",
    ),
    "notes": ("bench.notes", "conversations summarised: nothing invented, what is held, ROUGE against people's notes"),
    "pages": ("bench.pages", "every page and read of the API in a clinic with 10,000 cases"),
    "hooks": ("bench.hooks", "cards for an EHR with every model down"),
    "guard": ("bench.guard", "the medicine guard: time over 4 kB, verify and guard together, levels of the suites"),
}


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHES:
        print(__doc__ or "", *[f"  {name:<12}{words}" for name, (_, words) in BENCHES.items()], sep="\n")
        return 2
    # Whoever ends a benchmark ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return int(importlib.import_module(BENCHES[sys.argv[1]][0]).main(sys.argv[2:]))


if __name__ == "__main__":
    sys.exit(main())
