#!/usr/bin/env python
"""`healthcheck.py http://…` asks an address; `healthcheck.py worker:llm` asks Redis for a worker's sign of life."""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit


def main(what: str) -> int:
    try:
        if what.startswith("http"):
            url = urlsplit(what)
            connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=3)
            connection.request("GET", url.path)
            # A redirect (to https, say) is an answer; it is not followed out of the container.
            return 0 if connection.getresponse().status < 400 else 1
        import redis

        file = os.environ.get("REDIS_URL_FILE")
        url = Path(file).read_text(encoding="utf-8").strip() if file else os.environ["REDIS_URL"]
        with redis.Redis.from_url(url, socket_timeout=3) as client:
            return 0 if client.exists(what) else 1
    except Exception as error:  # noqa: BLE001 - whatever it is, the container is not healthy
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
