"""`python -m medassist.events --host 127.0.0.1 --port 8001`; REDIS_URL and TICKET_KEY from the environment."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import resource
import socket
import sys

import uvicorn

from medassist.common.errors import ConfigurationError
from medassist.common.logs import JsonFormatter
from medassist.events.app import Settings, build
from medassist.events.hub import Hub


class _Server(uvicorn.Server):
    """Ends open streams first when asked to stop; their clients come back to the next process."""

    def __init__(self, config: uvicorn.Config, hub: Hub) -> None:
        super().__init__(config)
        self._hub = hub

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._hub.release()
        await super().shutdown(sockets)


async def _serve(settings: Settings, host: str, port: int) -> None:
    hub = Hub(settings.redis_url, settings.ticket_key)
    # No access log: the ticket is part of the address.
    config = uvicorn.Config(
        build(settings, hub),
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
        ws="none",
    )
    await _Server(config, hub).serve()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m medassist.events", description="Server-sent events of MedAssist.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    options = parser.parse_args(arguments)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    # Each open stream is a file descriptor.
    with contextlib.suppress(ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        settings = Settings.from_environment()
    except ConfigurationError as error:
        sys.stderr.write(f"{error.detail}\n")
        return 2
    asyncio.run(_serve(settings, options.host, options.port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
