"""The ASGI application: `GET /v1/events?ticket=…` and the health addresses."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from medassist.common import env, tickets
from medassist.common.errors import MedAssistError, TooManyRequests
from medassist.events.hub import START, Client, Hub, position

# Any page may read a stream that it holds a ticket for; no cookie is ever asked for or sent.
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Last-Event-ID, Cache-Control",
    "access-control-max-age": "86400",
}
_STREAM_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    "x-content-type-options": "nosniff",
    **_CORS,
}
_RETRY_MS = 2_000
_RETRY_TOO_SLOW_MS = 5_000


@dataclass(frozen=True)
class Settings:
    """Read from the environment; a missing value stops the process by name."""

    redis_url: str
    ticket_key: str
    heartbeat_s: float = 15.0
    send_timeout_s: float = 30.0
    longest_stream_s: float = 3600.0
    max_clients: int = 10_000

    @classmethod
    def from_environment(cls) -> Settings:
        key = env.required("TICKET_KEY", "base64 of 32 bytes, shared by web and events.")
        tickets.key_bytes(key)
        return cls(
            redis_url=env.required("REDIS_URL", "redis://:password@host:port/0"),
            ticket_key=key,
            heartbeat_s=env.number("EVENTS_HEARTBEAT_SECONDS", 15.0, minimum=0.05),
            max_clients=env.integer("EVENTS_MAX_CLIENTS", 10_000, minimum=1),
        )


class EventStream:
    """The streaming endpoint, as a bare ASGI application: thousands are open, so each costs little."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method == "OPTIONS":
            await Response(status_code=204, headers=_CORS)(scope, receive, send)
            return
        try:
            channel = tickets.read(request.query_params.get("ticket", ""), self._settings.ticket_key)
            if self._hub.clients >= self._settings.max_clients:
                raise TooManyRequests("Too many open streams; poll the job's address instead", retry_after=5)
        except MedAssistError as error:
            await _problem(error)(scope, receive, send)
            return
        reached = position(request.headers.get("last-event-id") or request.query_params.get("last_event_id"))
        if reached > START and await self._hub.has_ended(channel.stream, reached):
            # 204 is how a server tells an EventSource not to come back.
            await Response(status_code=204, headers=_CORS)(scope, receive, send)
            return
        client = self._hub.subscribe(channel.stream, reached)
        watcher = asyncio.create_task(_close_when_gone(receive, client))
        try:
            await self._stream(client, send)
        finally:
            watcher.cancel()
            self._hub.unsubscribe(channel.stream, client)

    async def _stream(self, client: Client, send: Send) -> None:
        headers = [(name.encode(), value.encode()) for name, value in _STREAM_HEADERS.items()]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        loop = asyncio.get_running_loop()
        leave_at = loop.time() + self._settings.longest_stream_s
        body = f"retry: {_RETRY_MS}\n\n".encode()
        with contextlib.suppress(TimeoutError):
            while loop.time() < leave_at:
                async with asyncio.timeout(self._settings.send_timeout_s):
                    await send({"type": "http.response.body", "body": body, "more_body": True})
                body = await client.take(self._settings.heartbeat_s)
                if not body and client.finished:
                    break
                body = body or b": still here\n\n"
        # A reader that does not even take the farewell is cut off.
        farewell = f"retry: {_RETRY_TOO_SLOW_MS}\n\n".encode() if client.too_slow else b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await send({"type": "http.response.body", "body": farewell, "more_body": False})


async def _close_when_gone(receive: Receive, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.close()


def _problem(error: MedAssistError) -> Response:
    """RFC 9457, with the stable code."""
    headers = dict(_CORS)
    if error.retry_after is not None:
        headers["retry-after"] = str(error.retry_after)
    body = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.code,
    }
    return JSONResponse(body, status_code=error.status, headers=headers, media_type="application/problem+json")


def build(settings: Settings, hub: Hub) -> Starlette:
    """The application around a hub, which starts and stops with it."""

    async def live(_: Request) -> Response:
        return JSONResponse({"status": "live"})

    async def ready(_: Request) -> Response:
        body = {"status": "ready" if hub.connected else "redis_away", "clients": hub.clients, "streams": hub.streams}
        return JSONResponse(body, status_code=200 if hub.connected else 503)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        hub.start()
        try:
            yield
        finally:
            await hub.stop()

    return Starlette(
        routes=[
            Route("/v1/events", EventStream(settings, hub), methods=["GET", "OPTIONS"]),
            Route("/health/live", live),
            Route("/health/ready", ready),
        ],
        lifespan=lifespan,
    )
