"""How long `POST /api/v1/cases/analyze` takes to answer 202, and what its triage floor costs.

    python -m bench.submit_latency --url http://127.0.0.1:8000 --host demo.localhost --key-file .state/demo.json

Run it against a running MedAssist; stop the backbone first to see that the floor needs no model
(`kill` its process, or start without it). One client thread a connection; latency is the whole answer's.
The cases are left in the clinic: use the demonstration clinic.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CASE = json.loads((Path(__file__).parents[1] / "apps/cases/data/demo_case.json").read_text("utf-8"))


def one_client(url: str, host: str, key: str, count: int) -> list[float]:
    """Latencies in milliseconds of `count` submissions over one connection."""
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 80, timeout=60)
    headers = {"Host": host, "Authorization": f"Api-Key {key}", "Content-Type": "application/json"}
    body = json.dumps(CASE)
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        connection.request("POST", "/api/v1/cases/analyze", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
        taken.append((time.perf_counter() - start) * 1000)
        if response.status != 202 or not answer["red_flags"]:
            raise SystemExit(f"answered {response.status} {answer.get('code')}")
    connection.close()
    return taken


def percentiles(values: list[float]) -> Iterator[str]:
    cuts = statistics.quantiles(values, n=100)
    for name, value in (("p50", cuts[49]), ("p95", cuts[94]), ("p99", cuts[98]), ("max", max(values))):
        yield f"{name} {value:.0f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--host", default="demo.localhost")
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--each", type=int, default=50)
    options = parser.parse_args()
    key: str = json.loads(options.key_file.read_text("utf-8"))["key"]
    start = time.perf_counter()
    with ThreadPoolExecutor(options.clients) as pool:
        futures = [
            pool.submit(one_client, options.url, options.host, key, options.each) for _ in range(options.clients)
        ]
        values = [value for future in futures for value in future.result()]
    seconds = time.perf_counter() - start
    print(
        f"{len(values)} submissions by {options.clients} clients, {len(values) / seconds:.0f}/s:",
        ", ".join(percentiles(values)),
    )
    print(f"triage floor alone: {floor_ms():.1f} ms a case")


def floor_ms() -> float:
    """Mean time of the rules over the sample case, in this process."""
    from apps.safety.services import triage_floor
    from medassist.clinical.parsing import parse_case

    case: Any = parse_case(CASE)
    triage_floor(case)
    start = time.perf_counter()
    for _ in range(50):
        triage_floor(case)
    return (time.perf_counter() - start) / 50 * 1000


if __name__ == "__main__":
    main()
