"""python -m bench streams [--streams 1000]

A thousand event streams of a thousand jobs open at once in the events process, by signed tickets; each gets its own twenty
events, sealed ones among them, while one reader takes nothing. Every stream is broken off half-way once and resumed with
Last-Event-ID. Counts what is wrong, missing or double, and the process's peak memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID, uuid4

import aiohttp

from bench.figures import last_line, percentile, table
from bench.memory import peak
from bench.stand import Stand

EVENTS = 20
MOST_MB = 100.0
CLINIC = "north"


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench streams", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=1_000)
    options = parser.parse_args(arguments)
    with Stand(clinics=(CLINIC,), guidelines=False) as stand:
        before = peak(stand.pid_of("events"))
        wrong, delays = asyncio.run(_run(options.streams))
        memory = peak(stand.pid_of("events"))
    table(
        f"{options.streams} streams, {EVENTS} events each, each resumed once, one reader that takes nothing",
        ["wrong, missing or double", "delay p50 ms", "delay p95 ms", "peak MB", "MB before"],
        [[wrong, percentile(delays, 50), percentile(delays, 95), round(memory), round(before)]],
    )
    good = wrong == 0 and memory <= MOST_MB
    last_line(
        {
            "bench": "streams", "ok": good, "streams": options.streams, "wrong": wrong, "peak_mb": round(memory, 1),
            "delay_p95_ms": round(percentile(delays, 95), 1),
        }
    )  # fmt: skip
    return 0 if good else 1


async def _run(count: int) -> tuple[int, list[float]]:
    jobs = [uuid4() for _ in range(count)]
    delays: list[float] = []
    ready = asyncio.Semaphore(0)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=120)
    ) as session:
        deaf = await _deaf_reader(jobs[0])
        readers = [asyncio.create_task(_read(session, job, ready, delays)) for job in jobs]
        for _ in jobs:
            await ready.acquire()
        await asyncio.to_thread(_publish, jobs)
        found = await asyncio.gather(*readers)
        deaf.close()
    expected = list(range(EVENTS))
    return sum(numbers != expected for numbers in found), delays


def _address(job: UUID) -> str:
    from django.conf import settings

    from medassist.common import tickets

    ticket = tickets.sign(tickets.Channel(CLINIC, f"job:{job}"), settings.TICKET_KEY, 600)
    return f"{os.environ['EVENTS_URL'].replace('localhost', '127.0.0.1')}/v1/events?ticket={ticket}"


async def _deaf_reader(job: UUID) -> asyncio.StreamWriter:
    """Asks for a stream and never reads a byte of it."""
    address = _address(job)
    host, _, rest = address.removeprefix("http://").partition("/")
    _, writer = await asyncio.open_connection(*host.split(":"), limit=1)
    writer.write(f"GET /{rest} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await writer.drain()
    return writer


async def _read(session: aiohttp.ClientSession, job: UUID, ready: asyncio.Semaphore, delays: list[float]) -> list[int]:
    """The numbers that arrived, in order; broken off once after the tenth and resumed."""
    numbers: list[int] = []
    last = ""
    told = False
    for wanted in (EVENTS // 2, EVENTS):
        headers = {"Last-Event-ID": last} if last else {}
        async with session.get(_address(job), headers=headers) as response:
            if not told:
                ready.release()
                told = True
            async for raw in response.content:
                line = raw.decode().strip()
                if line.startswith("id: "):
                    last = line[4:]
                elif line.startswith("data: ") and '"number"' in line:
                    data = json.loads(line[6:])
                    if data["job"] != str(job):
                        return [-1]
                    numbers.append(data["number"])
                    delays.append((time.time() - data["at"]) * 1000)
                if len(numbers) >= wanted:
                    break
    return numbers


def _publish(jobs: Sequence[UUID]) -> None:
    from medassist.jobs import progress

    for number in range(EVENTS):
        for job in jobs:
            data = {"job": str(job), "number": number, "at": time.time()}
            with suppress(OSError):
                (progress.publish_sealed if number % 2 else progress.publish)(CLINIC, job, "section", data)
