"""python -m bench concurrency [--users 1000] [--latency 2] [--spread 90]

A thousand clinicians of four clinics sign in through the page, submit a case, watch its events to the end and read the
assessment, all of them open at once. Reports errors, the times of each step, and the peak memory of each process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp

from bench.figures import last_line, percentile, say, table
from bench.memory import peaks
from bench.stand import Stand, case

CLINICS = ("north", "south", "east", "west")
PASSWORD = "a-long-password-for-the-bench"
SUBMIT_P95_MS = 500.0
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_EVENTS = re.compile(r'data-events="([^"]*)"')


@dataclass
class Record:
    times_ms: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: Counter[str] = field(default_factory=Counter)
    open_streams: int = 0
    most_streams: int = 0
    finished: int = 0


class User:
    """One browser: its own cookies, its clinic's host name."""

    def __init__(self, number: int, stand: Stand, connector: aiohttp.TCPConnector, record: Record) -> None:
        self.number, self._record = number, record
        clinic = CLINICS[number % len(CLINICS)]
        self._base = f"http://127.0.0.1:{stand.web_port}"
        self._mark = f"mark-u{number}"
        self._session = aiohttp.ClientSession(
            connector=connector, connector_owner=False, cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=180), headers={"Host": stand.doors[clinic].host},
        )  # fmt: skip
        self._cookies: dict[str, str] = {}

    async def sign_in(self) -> None:
        page = await self._call("sign-in page", "GET", "/login/")
        await self._call(
            "sign in", "POST", "/login/",
            {"username": f"user{self.number}", "password": PASSWORD, "csrfmiddlewaretoken": self._token(page)}, wants=302,
        )  # fmt: skip

    async def work(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        page = await self._call("form", "GET", "/cases/new/json/")
        body = json.dumps(case(self._mark))
        form = {"case_json": body, "csrfmiddlewaretoken": self._token(page), "idempotency_key": uuid4().hex}
        address = await self._call("submit", "POST", "/cases/new/json/", form, wants=302)
        page = await self._call("case page", "GET", address)
        found = _EVENTS.search(page)
        if found and found.group(1):
            await self._watch(found.group(1).replace("&amp;", "&"))
        page = await self._call("assessment", "GET", address)
        if self._mark not in page or "data-progress" in page:
            self._record.errors["the assessment was not there"] += 1
        await self._call("work list", "GET", "/cases/")
        self._record.finished += 1

    async def close(self) -> None:
        await self._session.close()

    async def _watch(self, address: str) -> None:
        """Reads the stream to its end; the ticket is all it needs."""
        started = time.perf_counter()
        self._record.open_streams += 1
        self._record.most_streams = max(self._record.most_streams, self._record.open_streams)
        try:
            async with self._session.get(
                address.replace("localhost", "127.0.0.1"), headers={"Host": "localhost"}
            ) as response:
                if response.status != 200:
                    self._record.errors[f"events {response.status}"] += 1
                    return
                async for line in response.content:
                    if line.strip() == b"event: end":
                        break
            self._record.times_ms["events to the end"].append((time.perf_counter() - started) * 1000)
        except (aiohttp.ClientError, TimeoutError) as error:
            self._record.errors[f"events {type(error).__name__}"] += 1
        finally:
            self._record.open_streams -= 1

    async def _call(
        self, step: str, method: str, path: str, form: dict[str, str] | None = None, *, wants: int = 200
    ) -> str:
        """The page, or for a redirect its address."""
        started = time.perf_counter()
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        try:
            async with self._session.request(
                method, self._base + path, data=form, headers=headers, allow_redirects=False
            ) as response:
                text = await response.text()
                for name, morsel in response.cookies.items():
                    self._cookies[name] = morsel.value
        except (aiohttp.ClientError, TimeoutError) as error:
            self._record.errors[f"{step} {type(error).__name__}"] += 1
            return ""
        self._record.times_ms[step].append((time.perf_counter() - started) * 1000)
        if response.status != wants:
            self._record.errors[f"{step} {response.status}"] += 1
            return ""
        return response.headers["Location"] if wants == 302 else text

    def _token(self, page: str) -> str:
        found = _CSRF.search(page)
        return found.group(1) if found else ""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench concurrency", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=1_000)
    parser.add_argument("--latency", type=float, default=2.0, help="seconds that the model takes for a call")
    parser.add_argument("--spread", type=float, default=90.0, help="seconds over which the users submit")
    options = parser.parse_args(arguments)
    settings = {"JOB_CLINIC_CAP": "64"}
    with Stand(clinics=CLINICS, latency_s=options.latency, settings=settings) as stand:
        stand.worker("worker-second", "llm", threads=40)
        people(options.users)
        record = Record()
        started = time.monotonic()
        asyncio.run(_run(stand, record, options.users, options.spread))
        seconds = time.monotonic() - started
        memory = peaks(stand)
    return _conclude(record, options.users, seconds, memory)


def people(count: int) -> None:
    """Accounts with one password, hashed once: making them is not what is measured, checking it at sign-in is."""
    from django.contrib.auth.hashers import make_password
    from django.db import transaction

    from medassist.accounts.access import Permission, Role, system_actor
    from medassist.accounts.models import User as Account
    from medassist.accounts.services import store_person
    from medassist.tenancy.context import clinic_context

    hashed = make_password(PASSWORD)
    for at, clinic in enumerate(CLINICS):
        with clinic_context(clinic), transaction.atomic():
            by = system_actor(clinic, "bench", scopes=frozenset(Permission))
            for number in range(at, count, len(CLINICS)):
                person = Account(username=f"user{number}", full_name=f"User {number}", role=Role.CLINICIAN)
                person.password = hashed
                store_person(person=person, by=by, created=True)


async def _run(stand: Stand, record: Record, count: int, spread_s: float) -> None:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=1.0)
    users = [User(number, stand, connector, record) for number in range(count)]
    # Signing in is slow by intent (the password's hash): a few at a time, as people arrive.
    gate = asyncio.Semaphore(4)

    async def arrive(user: User) -> None:
        async with gate:
            await user.sign_in()

    started = time.monotonic()
    await asyncio.gather(*[arrive(user) for user in users])
    say(f"{count} users signed in within {time.monotonic() - started:.0f} s")
    chooser = random.Random(1)
    await asyncio.gather(*[user.work(chooser.uniform(0, spread_s)) for user in users])
    for user in users:
        with suppress(aiohttp.ClientError):
            await user.close()
    await connector.close()


def _conclude(record: Record, users: int, seconds: float, memory: dict[str, float]) -> int:
    table(
        f"{users} users, {seconds:.0f} s, at most {record.most_streams} event streams open (milliseconds)",
        ["step", "count", "p50", "p95", "p99", "slowest"],
        [
            [step, len(times), percentile(times, 50), percentile(times, 95), percentile(times, 99), max(times)]
            for step, times in record.times_ms.items()
        ],
    )
    table("Peak memory", ["process", "MB"], [[name, round(value)] for name, value in memory.items()])
    for words, count in record.errors.items():
        say(f"  error {count} x {words}")
    p95 = percentile(record.times_ms["submit"], 95)
    good = not record.errors and record.finished == users and p95 < SUBMIT_P95_MS
    result: dict[str, Any] = {
        "bench": "concurrency", "ok": good, "users": users, "finished": record.finished,
        "errors": sum(record.errors.values()), "submit_p95_ms": round(p95, 1), "most_streams": record.most_streams,
        "seconds": round(seconds), "peak_mb": {name: round(value) for name, value in memory.items()},
    }  # fmt: skip
    last_line(result)
    return 0 if good else 1
