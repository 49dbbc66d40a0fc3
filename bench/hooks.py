"""How fast an EHR gets its cards with every model down. Bar: p95 at most 500 ms.

A real stand (web process, Postgres, Redis) without any worker or backbone. Each call brings a patient, an encounter, 20 conditions
and 30 vital signs that no call before it had, so that each is mapped, judged and stored anew, as when a ward opens one record
after the other.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from apps.interop.tests.records import condition, encounter, observation, patient, quantity
from bench.stand import Stand

BAR_MS = 500.0
CLINIC = "bench"


def main(arguments: Sequence[str] = ()) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench hooks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=200)
    options = parser.parse_args(list(arguments))
    with Stand(clinics=(CLINIC,), say=lambda said: print(said, file=sys.stderr)) as stand:
        door = stand.doors[CLINIC]
        connection = http.client.HTTPConnection("127.0.0.1", stand.web_port, timeout=30)
        headers = {"Host": door.host, "Authorization": f"Api-Key {door.key}", "Content-Type": "application/json"}
        taken, cards = [], 0
        for number in range(options.calls):
            body = json.dumps(call(number))
            began = time.perf_counter()
            connection.request("POST", "/api/v1/cds-services/medassist-patient-view", body, headers)
            answer = connection.getresponse()
            content = answer.read()
            taken.append((time.perf_counter() - began) * 1000)
            if answer.status != 200:
                raise SystemExit(f"status {answer.status}: {content[:200]!r}")
            cards += len(json.loads(content)["cards"])
    p95, middle = statistics.quantiles(taken, n=20)[18], statistics.median(taken)
    said = f"p50 {middle:.0f} ms, p95 {p95:.0f}, max {max(taken):.0f}; bar {BAR_MS:.0f}"
    print(f"{len(taken)} calls, {cards} cards: {said}")
    return 0 if p95 <= BAR_MS and cards >= options.calls else 1


def call(number: int) -> dict[str, Any]:
    def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}

    vitals = [
        observation(code, quantity(value, unit))
        for code, value, unit in (
            ("8867-4", 90 + number % 80, "/min"), ("59408-5", 80 + number % 12, "%"), ("9279-1", 18 + number % 20, "/min"),
        )
        for _ in range(10)
    ]  # fmt: skip
    return {
        "hook": "patient-view", "hookInstance": str(uuid4()),
        "context": {"userId": "Practitioner/1", "patientId": f"p{number}"},
        "prefetch": {
            "patient": patient(), "encounters": bundle(encounter()), "vitals": bundle(*vitals),
            "conditions": bundle(*(condition(f"Finding number {place}") for place in range(20))),
        },
    }  # fmt: skip
