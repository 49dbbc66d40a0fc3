"""The events process as browsers meet it: a real process, a real Redis."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import redis

from medassist.common.tickets import Channel, sign
from medassist.embedded.redis import RunningRedis, free_port, start_redis
from medassist.events.hub import QUEUE_LIMIT, START, Client, frame, position

pytestmark = pytest.mark.slow

KEY = base64.b64encode(b"t" * 32).decode()
PASSWORD = "events-test"


class Stream:
    """A browser's EventSource in small: one open response, read event by event."""

    def __init__(
        self, port: int, channel: Channel, *, header: str = "", parameter: str = "", ticket: str | None = None
    ) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        address = f"/v1/events?ticket={sign(channel, KEY, 60) if ticket is None else ticket}"
        if parameter:
            address += f"&last_event_id={parameter}"
        self.connection.request("GET", address, headers={"Last-Event-ID": header} if header else {})
        self.response = self.connection.getresponse()

    def block(self) -> dict[str, str]:
        """The next block of lines; {} when the server has ended the stream."""
        fields: dict[str, str] = {}
        while line := self.response.readline().decode():
            if line == "\n":
                return fields
            name, _, value = line.rstrip("\n").partition(":")
            fields[name] = value.strip()
        return {}

    def events(self, count: int | None = None) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        while (count is None or len(found) < count) and (block := self.block()):
            if "event" in block:
                found.append((block["event"], block["data"]))
                self.last_id = block["id"]
        return found

    def close(self) -> None:
        self.connection.close()


class Process:
    def __init__(self, server: RunningRedis) -> None:
        self.port = free_port()
        environment = {
            "PATH": os.environ["PATH"],
            "REDIS_URL": server.url,
            "TICKET_KEY": KEY,
            "EVENTS_HEARTBEAT_SECONDS": "0.3",
        }
        command = [sys.executable, "-m", "medassist.events", "--port", str(self.port)]
        self.popen = subprocess.Popen(command, env=environment, cwd=Path(__file__).parents[3])
        deadline = time.monotonic() + 30
        while self.get("/health/ready")[0] != 200:
            assert self.popen.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def get(self, address: str) -> tuple[int, dict[str, object], http.client.HTTPMessage | None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", address)
            response = connection.getresponse()
            return response.status, json.loads(response.read() or b"{}"), response.headers
        except OSError:
            return 0, {}, None
        finally:
            connection.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRedis]:
    running = start_redis(tmp_path_factory.mktemp("redis"), free_port(), password=PASSWORD)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def process(server: RunningRedis) -> Iterator[Process]:
    started = Process(server)
    yield started
    started.popen.terminate()
    assert started.popen.wait(10) is not None


@pytest.fixture
def channel() -> Channel:
    return Channel("demo", f"job:{uuid4()}")


def publish(server: RunningRedis, channel: Channel, *events: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        for event in events:
            client.xadd(channel.stream, {"event": event, "data": json.dumps({"of": event})})


def test_events_before_and_after_joining_arrive_in_order_and_the_stream_ends_with_end(
    server: RunningRedis, process: Process, channel: Channel
) -> None:
    publish(server, channel, "queued", "step")
    stream = Stream(process.port, channel)
    assert stream.response.status == 200
    assert stream.response.headers["content-type"].startswith("text/event-stream")
    assert stream.response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in stream.response.headers
    assert stream.events(2) == [("queued", '{"of": "queued"}'), ("step", '{"of": "step"}')]
    publish(server, channel, "result", "end", "after the end")
    assert [name for name, _ in stream.events()] == ["result", "end"]


@pytest.mark.parametrize("way", ["header", "parameter"])
def test_a_returning_client_gets_what_it_missed_and_nothing_twice(
    way: str, server: RunningRedis, process: Process, channel: Channel
) -> None:
    publish(server, channel, "one", "two", "three")
    first = Stream(process.port, channel)
    first.events(2)
    first.close()
    publish(server, channel, "end")
    again = Stream(process.port, channel, **{way: first.last_id})
    assert [name for name, _ in again.events()] == ["three", "end"]


def test_a_late_second_client_catches_up_without_repeating_anything_to_the_first(
    server: RunningRedis, process: Process, channel: Channel
) -> None:
    first = Stream(process.port, channel)
    publish(server, channel, "one", "two")
    assert len(first.events(2)) == 2
    second = Stream(process.port, channel)
    assert [name for name, _ in second.events(2)] == ["one", "two"]
    publish(server, channel, "end")
    assert [name for name, _ in first.events()] == ["end"]
    assert [name for name, _ in second.events()] == ["end"]


def test_a_client_that_has_had_the_end_is_told_not_to_return(
    server: RunningRedis, process: Process, channel: Channel
) -> None:
    publish(server, channel, "end")
    stream = Stream(process.port, channel)
    stream.events()
    assert Stream(process.port, channel, header=stream.last_id).response.status == 204


def test_an_expired_or_forged_or_missing_ticket_is_a_401_problem(process: Process, channel: Channel) -> None:
    for ticket, code in [
        (sign(channel, KEY, -1), "ticket_expired"),
        ("forged.ticket", "ticket_invalid"),
        ("", "ticket_invalid"),
    ]:
        status, body, headers = process.get(f"/v1/events?ticket={ticket}")
        assert (status, body["code"], body["status"]) == (401, code, 401)
        assert headers is not None
        assert headers["content-type"] == "application/problem+json"
        assert headers["access-control-allow-origin"] == "*"


def test_a_silent_stream_carries_heartbeats(process: Process, channel: Channel) -> None:
    stream = Stream(process.port, channel)
    blocks = [stream.block() for _ in range(3)]
    assert blocks[0] == {"retry": "2000"}
    assert all("" in block for block in blocks[1:])
    stream.close()


def test_clients_of_many_streams_get_their_own_events_only(server: RunningRedis, process: Process) -> None:
    channels = [Channel("demo", f"job:many-{number}") for number in range(60)]
    streams = [Stream(process.port, channel) for channel in channels]
    for channel in channels:
        publish(server, channel, channel.name.replace(":", "-"), "end")
    for channel, stream in zip(channels, streams, strict=True):
        assert [name for name, _ in stream.events()] == [channel.name.replace(":", "-"), "end"]


def test_a_client_that_leaves_is_forgotten(process: Process, channel: Channel) -> None:
    before = process.get("/health/ready")[1]["clients"]
    stream = Stream(process.port, channel)
    assert process.get("/health/ready")[1]["clients"] == int(str(before)) + 1
    stream.response.close()
    stream.close()
    deadline = time.monotonic() + 5
    while process.get("/health/ready")[1]["clients"] != before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_redis_may_be_killed_and_return_while_clients_stay(tmp_path: Path, channel: Channel) -> None:
    server = start_redis(tmp_path, free_port(), password=PASSWORD)
    process = Process(server)
    try:
        stream = Stream(process.port, channel)
        publish(server, channel, "before")
        assert [name for name, _ in stream.events(1)] == ["before"]
        server.process.kill_group()
        late = Stream(process.port, channel)
        assert late.response.status == 200
        server = start_redis(tmp_path, server.port, password=PASSWORD)
        publish(server, channel, "after", "end")
        assert [name for name, _ in stream.events()] == ["after", "end"]
        assert [name for name, _ in late.events()][-2:] == ["after", "end"]
    finally:
        process.popen.terminate()
        process.popen.wait(10)
        server.stop()


def test_stopping_does_not_wait_for_open_streams(server: RunningRedis, channel: Channel) -> None:
    process = Process(server)
    stream = Stream(process.port, channel)
    started = time.monotonic()
    process.popen.terminate()
    assert process.popen.wait(10) is not None
    assert time.monotonic() - started < 4
    assert stream.events() == []


def test_a_missing_key_stops_the_process_by_name() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "medassist.events"],
        env={"PATH": os.environ["PATH"], "REDIS_URL": "redis://127.0.0.1:1/0"},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert "TICKET_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_process_loads_neither_django_nor_a_model_library() -> None:
    script = "import sys, medassist.events.__main__ as _; print(sorted({m.split('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "'starlette'" in done.stdout
    for heavy in ("django", "celery", "torch", "openai", "numpy", "psycopg"):
        assert f"'{heavy}'" not in done.stdout


async def _fill(client: Client) -> None:
    for number in range(1, QUEUE_LIMIT + 2):
        client.offer((number, 0), b"x", last=False)


def test_a_reader_that_is_too_slow_is_marked_and_keeps_its_place() -> None:
    async def scenario() -> Client:
        client = Client(START)
        await _fill(client)
        return client

    client = asyncio.run(scenario())
    assert client.too_slow
    assert client.finished
    assert client.position == (QUEUE_LIMIT, 0)


def test_a_line_break_cannot_forge_a_second_event() -> None:
    assert (
        frame("1-0", b"a\nevent: end", b"x\n\nevent: end")
        == b"id: 1-0\nevent: a event: end\ndata: x\ndata: \ndata: event: end\n\n"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [("5-3", (5, 3)), ("", START), ("x-1", START), ("5", START), ("1-" + "9" * 40, START), (None, START)],
)
def test_an_unreadable_position_means_the_beginning(text: str | None, expected: tuple[int, int]) -> None:
    assert position(text) == expected
