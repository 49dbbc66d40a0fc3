"""One blocking Redis read for all open streams of this process, fanned out to bounded queues, one per client."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from medassist.common.sealed import SealBroken, unseal

logger = logging.getLogger(__name__)

Position = tuple[int, int]
"""A stream id, milliseconds and sequence, which compares as Redis orders it."""

START: Position = (0, 0)
QUEUE_LIMIT = 256
_BLOCK_MS = 10_000
_PER_READ = 200
_BACKOFF_S = (0.1, 2.0)


def position(text: str | None) -> Position:
    """The position that a client says it has reached; anything unreadable means the beginning."""
    first, _, second = (text or "").partition("-")
    if first.isdecimal() and second.isdecimal() and len(first) < 20 and len(second) < 20:
        return int(first), int(second)
    return START


class Client:
    """One open response: frames wait in a queue; a full queue marks the reader as too slow."""

    __slots__ = ("_frames", "_ready", "closed", "ended", "position", "too_slow")

    def __init__(self, start: Position) -> None:
        self.position = start
        self.ended = False
        self.too_slow = False
        self.closed = False
        self._frames: deque[bytes] = deque()
        self._ready = asyncio.Event()

    def offer(self, at: Position, frame: bytes, *, last: bool) -> None:
        """Queues a frame that this client has not had yet; frames it has had (a neighbour's catch-up) pass by."""
        if at <= self.position or self.ended or self.too_slow:
            return
        if len(self._frames) >= QUEUE_LIMIT:
            self.too_slow = True
        else:
            self._frames.append(frame)
            self.position, self.ended = at, last
        self._ready.set()

    def close(self) -> None:
        self.closed = True
        self._ready.set()

    async def take(self, timeout: float) -> bytes:
        """Everything that waits, joined; empty after `timeout` seconds of silence or when the client is finished."""
        if not self._frames and not self.finished:
            self._ready.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._ready.wait()
        frames = b"".join(self._frames)
        self._frames.clear()
        return frames

    @property
    def finished(self) -> bool:
        return self.closed or self.too_slow or self.ended


class _Stream:
    __slots__ = ("clients", "cursor")

    def __init__(self, cursor: Position) -> None:
        self.cursor = cursor
        self.clients: set[Client] = set()


class Hub:
    """Who listens to what. One reader task; Redis may go and come back without any client noticing."""

    def __init__(self, redis_url: str, key: str = "") -> None:
        self._url, self._key = redis_url, key
        self._streams: dict[bytes, _Stream] = {}
        self._reader: redis.Redis | None = None
        self._reader_id = 0
        # Short questions (wake-up, "has it ended?") must not wait behind the blocking read.
        self._control = redis.Redis.from_url(redis_url, max_connections=4, socket_timeout=2, socket_connect_timeout=2)
        self._wanted = 0
        self._applied = 0
        # One for each task that waits: the sleeping reader and the one who wakes a blocked read.
        self._joined = asyncio.Event()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.connected = False

    @property
    def clients(self) -> int:
        return sum(len(stream.clients) for stream in self._streams.values())

    @property
    def streams(self) -> int:
        return len(self._streams)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._read_for_ever()), asyncio.create_task(self._wake_for_ever())]

    async def stop(self) -> None:
        self.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._drop_reader()
        await self._control.aclose()

    def release(self) -> None:
        """Ends every open response, so that a stopping process does not wait for its clients."""
        for stream in self._streams.values():
            for client in stream.clients:
                client.close()

    def subscribe(self, name: str, start: Position) -> Client:
        """A client that gets everything after `start`, what is already in the stream included, in order, once."""
        client = Client(start)
        stream = self._streams.setdefault(name.encode(), _Stream(start))
        stream.clients.add(client)
        # Rewinding the one cursor is the catch-up: the others drop what they have had already.
        stream.cursor = min(stream.cursor, start)
        self._wanted += 1
        self._joined.set()
        self._wake.set()
        return client

    def unsubscribe(self, name: str, client: Client) -> None:
        stream = self._streams.get(name.encode())
        if stream is not None:
            stream.clients.discard(client)
            if not stream.clients:
                del self._streams[name.encode()]

    async def has_ended(self, name: str, reached: Position) -> bool:
        """True when the client has already had the stream's last event; False also when Redis cannot say."""
        try:
            last: Any = await self._control.xrevrange(name, count=1)
        except (RedisError, OSError):
            return False
        return any(position(at.decode()) <= reached and fields.get(b"event") == b"end" for at, fields in last)

    async def _read_for_ever(self) -> None:
        pause = _BACKOFF_S[0]
        while True:
            try:
                reader = self._reader or await self._connect()
                self.connected = True
                pause = _BACKOFF_S[0]
                await self._read_once(reader)
            except (RedisError, OSError):
                if self.connected:
                    logger.warning("Redis is away; open streams are kept")
                self.connected = False
                await self._drop_reader()
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnects, hides nothing
                pause = min(pause * 2, _BACKOFF_S[1])

    async def _connect(self) -> redis.Redis:
        reader = redis.Redis.from_url(
            self._url, single_connection_client=True, socket_timeout=_BLOCK_MS / 1000 + 5, socket_connect_timeout=2
        )
        self._reader = reader
        self._reader_id = int(await reader.client_id())
        return reader

    async def _drop_reader(self) -> None:
        if self._reader is not None:
            with contextlib.suppress(RedisError, OSError):
                await self._reader.aclose()
        self._reader = None

    async def _read_once(self, reader: redis.Redis) -> None:
        self._applied = self._wanted
        self._joined.clear()
        asked = {name: stream.cursor for name, stream in self._streams.items()}
        if not asked:
            # Nobody listens: a ping now and then keeps `connected` honest.
            await reader.ping()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BLOCK_MS / 1000):
                    await self._joined.wait()
            return
        cursors: dict[Any, Any] = {name: f"{at[0]}-{at[1]}" for name, at in asked.items()}
        answer = await reader.xread(cursors, count=_PER_READ, block=_BLOCK_MS)
        for name, batch in _entries(answer):
            stream = self._streams.get(name)
            if stream is None or not batch:
                continue
            # A client that joined meanwhile has rewound the cursor: then it stays where that client needs it.
            if stream.cursor == asked[name]:
                stream.cursor = position(batch[-1][0].decode())
            for at, fields in batch:
                self._deliver(name.decode(), stream.clients, at.decode(), fields)

    def _deliver(self, name: str, clients: set[Client], at: str, fields: Mapping[bytes, bytes]) -> None:
        event = fields.get(b"event", b"message")
        try:
            sent = frame(at, event, self._data(name, fields))
        except SealBroken:
            logger.warning("A sealed event could not be opened and was left out")
            return
        for client in clients:
            client.offer(position(at), sent, last=event == b"end")

    def _data(self, name: str, fields: Mapping[bytes, bytes]) -> bytes:
        if b"sealed" in fields:
            return unseal(fields[b"sealed"], stream=name, key=self._key).encode()
        return fields.get(b"data", b"")

    async def _wake_for_ever(self) -> None:
        """Ends the blocking read when somebody has joined. One signal serves a whole burst; a signal that falls
        between two reads is lost, so it is given until the reader has seen the change."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._applied != self._wanted and self.connected:
                with contextlib.suppress(RedisError, OSError):
                    await self._control.client_unblock(self._reader_id)
                await asyncio.sleep(0.01)


def _entries(answer: Any) -> Iterable[tuple[bytes, list[tuple[bytes, Mapping[bytes, bytes]]]]]:
    """(stream, entries) in either of redis-py's two answer forms (RESP2 list, RESP3 mapping)."""
    if isinstance(answer, dict):
        for name, batches in answer.items():
            yield name, batches[0] if len(batches) == 1 and isinstance(batches[0], list) else batches
    else:
        yield from answer or ()


def frame(at: str, event: bytes, data: bytes) -> bytes:
    """One server-sent event; a line break inside the data becomes a further `data:` line."""
    name = event.replace(b"\r", b" ").replace(b"\n", b" ")
    lines = b"".join(b"data: " + line + b"\n" for line in (data.splitlines() or [b""]))
    return b"id: " + at.encode() + b"\nevent: " + name + b"\n" + lines + b"\n"
