"""python -m bench media [--rounds 5] [--flood 5000] [--window 30]

Thousands of pictures asked for, and a ComfyUI that is frozen; language-model work goes on beside them. Its p95,
submission to result, may be at most 1.05 times what it is without the flood (median of the rounds). All of it is the real
media room: requests through its service, a worker of its own, its gateway against the frozen stand-in for ComfyUI.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from bench.figures import say
from bench.flood import QUIET, cancel_waiting, rounds
from bench.stand import Stand

BAR = 1.05
KIND = "media.generate"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench media", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--flood", type=int, default=5_000)
    parser.add_argument("--window", type=float, default=30.0, help="seconds a window")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds that the model takes for a call")
    options = parser.parse_args(arguments)
    from medassist.embedded.processes import free_port

    port = free_port()
    settings = {
        "JOB_CLINIC_CAP": "8", "MEDIA_ENABLED": "true", "COMFYUI_URL": f"http://127.0.0.1:{port}",
        "MEDIA_JOBS_PER_DAY": "1000000", "MEDIA_GPU_LABELS": "media", "LLM_GPU_LABELS": "llm",
    }  # fmt: skip
    with Stand(clinics=QUIET, latency_s=options.latency, settings=settings) as stand:
        stand.keep("comfyui", "-m", "medassist.comfyui", "--port", str(port), "--faults", "--mode", "frozen")
        stand.worker("worker-second", "llm", threads=16)
        stand.worker("worker-media", "media", threads=16)
        return rounds(
            stand,
            name="media",
            count=options.rounds,
            window_s=options.window,
            every_s=1.0,
            flood=lambda: flood(options.flood),
            ebb=ebb,
            bar=BAR,
        )


def ebb() -> None:
    for clinic in QUIET:
        cancel_waiting(clinic, "media")


def flood(count: int) -> int:
    """The quiet clinics' own pictures: not even a clinic's own flood of them may slow its cases."""
    from apps.media import services
    from apps.media.schemas import MediaInput
    from medassist.accounts.access import system_actor
    from medassist.jobs.models import Job
    from medassist.tenancy.context import clinic_context, public_context

    started = time.monotonic()
    for number in range(count):
        clinic = QUIET[number % len(QUIET)]
        with clinic_context(clinic):
            services.generate(actor=system_actor(clinic, "bench"), given=MediaInput(topic="hand_washing"))
    say(f"{count} pictures asked for in {time.monotonic() - started:.1f} s")
    with public_context():
        return Job.objects.filter(kind=KIND, state__in=("queued", "running")).count()
