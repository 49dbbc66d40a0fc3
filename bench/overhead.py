"""python -m bench overhead [--seconds 8] [--without-litellm]

What MedAssist adds to a model call, beside the same call made directly and through the LiteLLM proxy, in one run with one
load generator on the same cores; the callers belong to eight clinics. MedAssist does what it does for every note: key,
clinic, ledger, encryption, audit, de-identification, verification, guard, result; the others pass a body on. Compare
ratios, not figures.

The targets: at most 5 ms of processor time a call around the pipeline's own work, LiteLLM's requests a second or more with
the guard, and at most 150 ms added by the queue (p50).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiohttp

from bench.figures import last_line, percentile, say, table
from bench.memory import peak, processor_s
from bench.stand import Stand, case, wait_until
from medassist.embedded.processes import free_port

CLINICS = ("north", "south", "east", "west", "hill", "lake", "shore", "dale")
LATENCY_S = 0.2
LEVELS = (1, 64, 256, 1_000)
LITELLM = "litellm[proxy]==1.106.2"
NOTE = (
    "Patient presents with chest pain since this morning, noted as mark-overhead. She denies fever and has no cough. "
    "On examination the heart rate is 96 and the lungs are clear. Follow-up in clinic on Monday."
)
AROUND_MS = 5.0
QUEUE_MS = 150.0


@dataclass(frozen=True)
class Target:
    """An address to call: callers take the sets of `headers` in turn (one a clinic, where there are clinics)."""

    name: str
    url: str
    body: Any
    headers: Sequence[Mapping[str, str]]
    pids: tuple[int, ...]


@dataclass(frozen=True)
class Level:
    target: str
    concurrency: int
    answered: int
    errors: int
    per_s: float
    p50_ms: float
    p95_ms: float
    cpu_ms: float
    memory_mb: float
    statuses: Mapping[str, int]


async def load(target: Target, concurrency: int, seconds: float) -> Level:
    """`concurrency` callers in a closed loop for `seconds`; what is under way then is waited for and counted."""
    times: list[float] = []
    statuses: Counter[str] = Counter()
    connector = aiohttp.TCPConnector(limit=0)
    ends_at = time.perf_counter() + seconds

    async def caller(session: aiohttp.ClientSession, number: int) -> None:
        own = target.headers[number % len(target.headers)]
        # Callers arrive one after another, not in one instant.
        await asyncio.sleep(number * min(1.0, seconds / 8) / concurrency)
        while time.perf_counter() < ends_at:
            started = time.perf_counter()
            try:
                async with session.post(
                    target.url, data=json.dumps(target.body), headers={**own, "Idempotency-Key": uuid4().hex}
                ) as response:
                    await response.read()
                    statuses[str(response.status)] += 1
                    if response.status == 200:
                        times.append((time.perf_counter() - started) * 1000)
            except (aiohttp.ClientError, TimeoutError) as error:
                statuses[type(error).__name__] += 1

    cpu = sum(processor_s(pid) for pid in target.pids)
    started = time.perf_counter()
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=90)) as session:
        await asyncio.gather(*[caller(session, number) for number in range(concurrency)])
    took = time.perf_counter() - started
    cpu = sum(processor_s(pid) for pid in target.pids) - cpu
    return Level(
        target.name, concurrency, len(times), sum(statuses.values()) - len(times), len(times) / took,
        percentile(times, 50), percentile(times, 95), cpu * 1000 / max(1, sum(statuses.values())),
        sum(peak(pid) for pid in target.pids), dict(statuses),
    )  # fmt: skip


def litellm_python() -> str:
    """An environment with the LiteLLM proxy, made beside the checkout's own at first use."""
    home = Path(__file__).resolve().parents[1] / ".venv-litellm"
    python = home / "bin" / "python"
    if not (home / "bin" / "litellm").exists():
        say(f"installing {LITELLM} into .venv-litellm")
        uv = shutil.which("uv")
        if uv:
            links = {"UV_FIND_LINKS": os.environ["PIP_FIND_LINKS"]} if os.environ.get("PIP_FIND_LINKS") else {}
            subprocess.run([uv, "venv", "-q", "--clear", str(home)], check=True)
            subprocess.run(
                [uv, "pip", "install", "-q", "--python", str(python), LITELLM], check=True, env=os.environ | links
            )
        else:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "-q", LITELLM], check=True)
    return str(home / "bin" / "litellm")


def chat() -> dict[str, Any]:
    return {"model": "bench-model", "messages": [{"role": "user", "content": NOTE}], "max_tokens": 200}


def direct(stand: Stand) -> Target:
    return Target(
        "upstream", f"http://127.0.0.1:{stand.upstream_port}/v1/chat/completions", chat(),
        [{"Content-Type": "application/json"}], (stand.pid_of("upstream"),),
    )  # fmt: skip


def litellm(stand: Stand) -> Target:
    port = free_port()
    configuration = stand.folder / "litellm.yaml"
    configuration.write_text(
        "model_list:\n  - model_name: bench-model\n    litellm_params:\n      model: openai/bench-model\n"
        f"      api_base: http://127.0.0.1:{stand.upstream_port}/v1\n      api_key: none\n"
        "litellm_settings:\n  telemetry: false\n"
    )
    key = f"sk-{secrets.token_hex(24)}"
    kept = stand.keep(
        "litellm", "--config", str(configuration), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1",
        program=litellm_python(), LITELLM_LOG="ERROR", LITELLM_LOCAL_MODEL_COST_MAP="True", PYTHONPATH="",
        DJANGO_SETTINGS_MODULE="", DATABASE_URL="", REDIS_URL="", LITELLM_MASTER_KEY=key,
    )  # fmt: skip
    _answers(port, "/health/liveliness", "LiteLLM")
    return Target(
        "LiteLLM proxy", f"http://127.0.0.1:{port}/v1/chat/completions", chat(),
        [{"Content-Type": "application/json", "Authorization": f"Bearer {key}"}], (kept.pid,),
    )  # fmt: skip


def medassist(stand: Stand) -> Target:
    """A web process of its own with a thread a call: what is measured is the call, not the bound on direct work."""
    port = free_port()
    kept = stand.keep(
        "web-direct", "-m", "gunicorn", "medassist.wsgi:application", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
        "--workers", "1", "--threads", "256", "--timeout", "120", "--backlog", "4096", "--worker-connections", "4096",
        "--no-control-socket",
        DATABASE_POOL_SIZE="24", DIRECT_PLACES="256", NOTES_DIRECT_SECONDS="60",
    )  # fmt: skip
    _answers(port, "/health/live", "MedAssist's web process")
    return Target(
        "MedAssist direct", f"http://127.0.0.1:{port}/api/v1/notes/summarize", {"text": NOTE},
        [
            {"Content-Type": "application/json", "Host": door.host, "Authorization": f"Api-Key {door.key}"}
            for door in map(stand.doors.__getitem__, CLINICS)
        ],
        (kept.pid,),
    )  # fmt: skip


def _answers(port: int, path: str, name: str) -> None:
    import urllib.error
    import urllib.request

    def up() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
                return bool(answer.status < 500)
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    if not wait_until(up, seconds=90, every_s=0.3):
        raise SystemExit(f"{name} did not start")


def pipeline_ms() -> float:
    """Processor time of the note pipeline's own work on one note: de-identification, verification, guard."""
    from apps.notes.pipeline.lines import lines_of
    from apps.safety import services as safety
    from medassist.clinical.draft import Draft, DraftCite, DraftClaim

    def once() -> None:
        lines = lines_of(NOTE)
        for source in lines.sources:
            claim = DraftClaim(
                text=source.text, kind="patient_fact", cites=(DraftCite(source=source.id, quote=source.text),)
            )
            verified = safety.verify_draft(
                draft=Draft(triage_level="routine", summary=(claim,)), sources=lines.sources, audience="clinician"
            )
            safety.guard_draft(verified=verified, record_text=NOTE, audience="clinician")

    once()
    started = time.process_time()
    for _ in range(50):
        once()
    return (time.process_time() - started) * 1000 / 50


def queue_ms(stand: Stand, count: int = 20) -> float:
    """What the queued path adds to the model's own time: submission to result, less two calls of the model (p50)."""
    from medassist.jobs.models import Job
    from medassist.tenancy.context import public_context

    caller = stand.caller(CLINICS[0])
    times = []
    for number in range(count + 3):
        answer = caller.call("POST", "/api/v1/cases/analyze", case(f"mark-q{number}"), {"Idempotency-Key": uuid4().hex})
        job_id = UUID(answer.body["job"]["id"])

        def done(job_id: UUID = job_id) -> bool:
            with public_context():
                return bool(Job.objects.filter(pk=job_id, state="done").exists())

        wait_until(done, seconds=30, every_s=0.05)
        with public_context():
            job = Job.objects.get(pk=job_id)
        if job.finished_at and number >= 3:
            times.append((job.finished_at - job.created_at).total_seconds() * 1000 - 2 * LATENCY_S * 1000)
    caller.close()
    return percentile(times, 50)


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench overhead", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="a level")
    parser.add_argument("--without-litellm", action="store_true", help="leave the proxy out: nothing is installed")
    options = parser.parse_args(arguments)
    levels: list[Level] = []
    with Stand(clinics=CLINICS, latency_s=LATENCY_S) as stand:
        queued = queue_ms(stand)
        targets = [direct(stand), medassist(stand)]
        if not options.without_litellm:
            targets.insert(1, litellm(stand))
        own = pipeline_ms()
        for concurrency in LEVELS:
            for target in targets:
                levels.append(asyncio.run(load(target, concurrency, options.seconds)))
                say(f"{target.name} at {concurrency}: {levels[-1].per_s:.0f}/s, p50 {levels[-1].p50_ms:.0f} ms")
                time.sleep(1)
    return _conclude(levels, own, queued)


def _conclude(levels: Sequence[Level], own: float, queued: float) -> int:
    base = {level.concurrency: level for level in levels if level.target == "upstream"}
    table(
        f"A model that takes {LATENCY_S * 1000:.0f} ms",
        ["target", "at once", "requests/s", "p50 ms", "p95 ms", "added p50 ms", "CPU ms a call", "peak MB", "refused or queued"],
        [
            [
                level.target, level.concurrency, level.per_s, level.p50_ms, level.p95_ms,
                level.p50_ms - base[level.concurrency].p50_ms, level.cpu_ms, round(level.memory_mb), level.errors,
            ]
            for level in levels
        ],
    )  # fmt: skip
    ours = {level.concurrency: level for level in levels if level.target == "MedAssist direct"}
    proxy = {level.concurrency: level for level in levels if level.target == "LiteLLM proxy"}
    around = min(level.cpu_ms for level in ours.values()) - own
    say(
        f"\nof MedAssist's processor time {own:.1f} ms a call are de-identification, verification and guard; {around:.1f} ms are around it"
    )
    say(f"the queued path adds {queued:.0f} ms to two calls of the model (p50)")
    beats = all(ours[at].per_s >= level.per_s for at, level in proxy.items() if at > 1)
    # A level that nobody was answered at measured nothing.
    measured = all(level.answered for level in levels)
    good = measured and around <= AROUND_MS and queued <= QUEUE_MS and beats
    last_line(
        {
            "bench": "overhead", "ok": good, "measured": measured, "around_ms": round(around, 2), "pipeline_ms": round(own, 2),
            "queued_added_ms": round(queued, 1), "litellm": bool(proxy), "at_least_litellm": beats if proxy else None,
            "levels": [
                {
                    "target": level.target, "at": level.concurrency, "per_s": round(level.per_s, 1),
                    "p50_ms": round(level.p50_ms, 1), "cpu_ms": round(level.cpu_ms, 2), "mb": round(level.memory_mb),
                    "statuses": dict(level.statuses),
                }
                for level in levels
            ],
        }
    )  # fmt: skip
    return 0 if good else 1
