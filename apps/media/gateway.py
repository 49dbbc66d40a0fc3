"""The one door to ComfyUI: its HTTP and websocket protocol, with the times and sizes that we allow.

A call has an event loop, a session and connections of its own: nothing is shared with calls to language models. Progress
comes over the websocket; what is true comes over HTTP (`/queue`, `/history`), which is asked whenever the websocket is
silent or lost. The id of a prompt is made from the job and its attempt, so that a run which takes over from a dead
worker finds the picture that ComfyUI is drawing, or has drawn, instead of asking for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from django.conf import settings

from apps.media.rules import png
from medassist.common.errors import CallAborted, MediaFailed, MediaTimeout, MediaUnavailable

logger = logging.getLogger(__name__)

STOP_LOOK_S = 0.25
MOST_FETCHES = 3
MOST_MESSAGE_BYTES = 8_000_000
MOST_ANSWER_BYTES = 4_000_000
RETRY_AFTER_S = 15
_NOT_THERE = (aiohttp.ClientError, OSError, TimeoutError)


@dataclass(frozen=True)
class Call:
    """One picture to be had: the filled graph, the id to draw it under, and earlier ids under which it may be there.

    `told(done, total)` hears the sampler's progress; `stopped()` ends the call; with `left()` the server goes on drawing,
    since another worker has taken the job over.
    """

    graph: Mapping[str, Any]
    prompt_id: str
    known: Sequence[str]
    seconds: float
    told: Callable[[int, int], None] = lambda _done, _total: None
    stopped: Callable[[], bool] = lambda: False
    left: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Fetched:
    data: bytes
    prompt_id: str


def generate(call: Call) -> Fetched:
    """Draws and fetches one picture, a whole PNG file.

    Raises `MediaUnavailable` (the server is away, frozen, full or forgot the prompt), `MediaFailed` (it refused the
    graph, the drawing failed, the file is damaged), `MediaTimeout`, and `CallAborted` when `stopped`.
    """
    return asyncio.run(_generate(call))


def forget(prompt_id: str) -> None:
    """Takes a prompt out of the server's history, best effort: what is stored here need not stay there."""

    async def work() -> None:
        async with _session() as session:
            await _json(session, "POST", "/history", {"delete": [prompt_id]})

    with contextlib.suppress(MediaUnavailable, MediaFailed):
        asyncio.run(work())


def answers() -> bool:
    """Whether the server answers at all."""

    async def work() -> None:
        async with _session() as session:
            await _json(session, "GET", "/system_stats")

    try:
        asyncio.run(work())
    except (MediaUnavailable, MediaFailed):
        return False
    return True


@contextlib.asynccontextmanager
async def _session() -> AsyncIterator[aiohttp.ClientSession]:
    reply_s = settings.MEDIA_REPLY_SECONDS
    async with aiohttp.ClientSession(
        base_url=f"{settings.COMFYUI_URL.rstrip('/')}/",
        connector=aiohttp.TCPConnector(limit=4),
        timeout=aiohttp.ClientTimeout(total=reply_s, sock_connect=min(3.0, reply_s)),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield session


async def _generate(call: Call) -> Fetched:
    ends_at = time.monotonic() + call.seconds
    async with _session() as session:
        found = await _found(session, call)
        if found is None:
            watch = _Watch(session, call.prompt_id)
            try:
                # Listening first: nothing that the server says about this prompt may be missed.
                await watch.connect()
                prompt_id = await _submit(session, call, watch.client_id)
                found = await _await(session, call, watch, prompt_id, ends_at)
            finally:
                await watch.close()
        elif found.outputs is None:
            watch = _Watch(session, found.prompt_id)
            try:
                found = await _await(session, call, watch, found.prompt_id, ends_at)
            finally:
                await watch.close()
        return Fetched(await _fetch(session, found), found.prompt_id)


@dataclass(frozen=True)
class _Found:
    """Where a prompt is: `outputs` None while it waits or is drawn."""

    prompt_id: str
    outputs: Mapping[str, Any] | None
    running: bool = False


async def _found(session: aiohttp.ClientSession, call: Call) -> _Found | None:
    """What earlier runs of the same job left on the server, the youngest first; a failed drawing counts as none."""
    for prompt_id in dict.fromkeys((call.prompt_id, *reversed(call.known))):
        try:
            found = await _where(session, prompt_id)
        except MediaFailed:
            continue
        if found is not None:
            return found
    return None


async def _where(session: aiohttp.ClientSession, prompt_id: str) -> _Found | None:
    """None when the server knows nothing of the prompt; raises `MediaFailed` when its drawing failed.

    The queue is asked before the history: what ends in between is then in the history.
    """
    queue = await _json(session, "GET", "/queue")
    for place in ("queue_running", "queue_pending"):
        for item in queue.get(place) or ():
            if isinstance(item, list) and len(item) > 1 and item[1] == prompt_id:
                return _Found(prompt_id, None, place == "queue_running")
    history = await _json(session, "GET", f"/history/{prompt_id}")
    entry = history.get(prompt_id)
    if not isinstance(entry, dict):
        return None
    status = entry.get("status") or {}
    if status.get("status_str") != "success" or not status.get("completed"):
        raise MediaFailed
    return _Found(prompt_id, entry.get("outputs") or {})


async def _submit(session: aiohttp.ClientSession, call: Call, client_id: str) -> str:
    # A server of before 2025 gives an id of its own; the answer says which one holds.
    body = {"prompt": dict(call.graph), "client_id": client_id, "prompt_id": call.prompt_id}
    answer = await _json(session, "POST", "/prompt", body)
    if answer.get("node_errors") or not isinstance(answer.get("prompt_id"), str):
        raise MediaFailed
    return str(answer["prompt_id"])


async def _await(
    session: aiohttp.ClientSession, call: Call, watch: _Watch, prompt_id: str, ends_at: float
) -> _Found:  # fmt: skip
    watch.prompt_id = prompt_id
    asked_at = time.monotonic()
    # Attached to a prompt of an earlier run: nobody says whether it ended before we listened.
    ask = not watch.connected
    while True:
        if call.stopped():
            if not call.left():
                await _cancel(session, prompt_id)
            raise CallAborted
        if time.monotonic() > ends_at:
            await _cancel(session, prompt_id)
            raise MediaTimeout
        if ask or time.monotonic() - asked_at > settings.MEDIA_POLL_SECONDS:
            ask, asked_at = False, time.monotonic()
            found = await _where(session, prompt_id)
            if found is None:
                raise MediaUnavailable("The image server forgot the prompt", retry_after=1)
            if found.outputs is not None:
                return found
            await watch.again()
        heard = await watch.hear(STOP_LOOK_S)
        if heard == "ended" or (heard == "lost" and time.monotonic() - asked_at > STOP_LOOK_S):
            ask = True
        elif heard == "lost":
            await asyncio.sleep(STOP_LOOK_S)
        elif isinstance(heard, tuple):
            asked_at = time.monotonic()
            call.told(*heard)


@dataclass
class _Watch:
    """The websocket: progress, and the hint that something ended. It may be lost at any time; nothing depends on it."""

    session: aiohttp.ClientSession
    prompt_id: str
    client_id: str = field(default_factory=lambda: uuid4().hex)
    _socket: aiohttp.ClientWebSocketResponse | None = None
    _heard: asyncio.Queue[Any] = field(default_factory=asyncio.Queue)
    _reader: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._socket is not None and not self._socket.closed

    async def connect(self) -> None:
        try:
            async with asyncio.timeout(settings.MEDIA_REPLY_SECONDS):
                self._socket = await self.session.ws_connect(
                    f"ws?clientId={self.client_id}", heartbeat=settings.MEDIA_REPLY_SECONDS * 2,
                    max_msg_size=MOST_MESSAGE_BYTES,
                )  # fmt: skip
        except (*_NOT_THERE, ValueError) as error:
            raise _away(error) from error
        self._reader = asyncio.create_task(self._read(self._socket))

    async def again(self) -> None:
        """Connects again after a loss; that it cannot is no reason to give up, since HTTP tells the truth."""
        if not self.connected:
            await self.close()
            with contextlib.suppress(MediaUnavailable):
                await self.connect()

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        if self._socket is not None:
            with contextlib.suppress(*_NOT_THERE):
                async with asyncio.timeout(1):
                    await self._socket.close()
        self._socket = self._reader = None

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        with contextlib.suppress(*_NOT_THERE):
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._heard.put_nowait(message.data)
        self._heard.put_nowait(None)

    async def hear(self, seconds: float) -> tuple[int, int] | str:
        """(done, total), or "ended", "lost", or "" when nothing about this prompt was said in time."""
        if self._socket is None and self._heard.empty():
            return "lost"
        try:
            async with asyncio.timeout(seconds):
                told = await self._heard.get()
        except TimeoutError:
            return ""
        return "lost" if told is None else self._meaning(told)

    def _meaning(self, text: str) -> tuple[int, int] | str:
        try:
            message = json.loads(text)
            kind, data = message["type"], message["data"]
            if data.get("prompt_id") != self.prompt_id:
                return ""
            if kind == "progress":
                return int(data["value"]), int(data["max"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return ""
        if kind == "executing" and data.get("node") is None:
            return "ended"
        ends = {"execution_success", "execution_error", "execution_interrupted"}
        return "ended" if kind in ends else ""


async def _cancel(session: aiohttp.ClientSession, prompt_id: str) -> None:
    """Takes the prompt out of the queue, or interrupts it; another's drawing is never touched."""
    with contextlib.suppress(MediaUnavailable, MediaFailed):
        await _json(session, "POST", "/queue", {"delete": [prompt_id]})
        found = await _where(session, prompt_id)
        if found is not None and found.running:
            # Older servers interrupt whatever runs: that it is ours was asked just now.
            await _json(session, "POST", "/interrupt", {"prompt_id": prompt_id})


async def _fetch(session: aiohttp.ClientSession, found: _Found) -> bytes:
    images = [
        image
        for output in (found.outputs or {}).values()
        for image in (output.get("images") or () if isinstance(output, dict) else ())
        if isinstance(image, dict) and image.get("type") == "output"
    ]
    if len(images) != 1:
        raise MediaFailed
    query = {name: str(images[0].get(name, "")) for name in ("filename", "subfolder", "type")}
    for attempt in range(1, MOST_FETCHES + 1):
        try:
            async with session.get("view", params=query, allow_redirects=False) as answer:
                if answer.status >= 500:
                    raise MediaUnavailable(retry_after=RETRY_AFTER_S)
                if answer.status != 200:
                    raise MediaFailed
                data = await _limited(answer, settings.MEDIA_MAX_BYTES)
            png.read(data)
        except (aiohttp.ClientPayloadError, ValueError) as error:
            # Half an image: the server still has the whole one.
            logger.warning("A picture came damaged", extra={"attempt": attempt, "code": type(error).__name__})
            if attempt == MOST_FETCHES:
                raise MediaFailed from error
            await asyncio.sleep(0.2 * attempt)
        except _NOT_THERE as error:
            raise _away(error) from error
        else:
            return data
    raise AssertionError("not reached")


async def _json(session: aiohttp.ClientSession, method: str, path: str, body: Any = None) -> dict[str, Any]:
    try:
        async with session.request(method, path.lstrip("/"), json=body, allow_redirects=False) as answer:
            raw = await _limited(answer, MOST_ANSWER_BYTES)
            if answer.status >= 500 or answer.status == 429:
                raise MediaUnavailable(retry_after=RETRY_AFTER_S)
            if answer.status >= 300:
                raise MediaFailed
    except aiohttp.ClientPayloadError as error:
        raise _away(error) from error
    except _NOT_THERE as error:
        raise _away(error) from error
    if not raw:
        return {}
    try:
        found = json.loads(raw)
    except ValueError as error:
        raise MediaUnavailable(retry_after=RETRY_AFTER_S) from error
    return found if isinstance(found, dict) else {}


async def _limited(answer: aiohttp.ClientResponse, most: int) -> bytes:
    parts, size = [], 0
    async for part in answer.content.iter_chunked(65_536):
        size += len(part)
        if size > most:
            raise MediaFailed
        parts.append(part)
    return b"".join(parts)


def _away(error: Exception) -> MediaUnavailable:
    logger.warning("The image server did not answer", extra={"code": type(error).__name__})
    return MediaUnavailable(retry_after=RETRY_AFTER_S)
