"""Every way a model server can fail becomes one error of the family, in time and with the socket closed."""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from medassist.common.errors import (
    BackboneRejected,
    BackboneTimeout,
    BackboneUnavailable,
    BadModelOutput,
    CallAborted,
    MedAssistError,
    PromptTooLong,
)
from medassist.llm.openai_compatible import OpenAICompatible
from medassist.llm.schemas import ChatRequest, Message
from medassist.llm.tests.servers import metric

SCHEMA = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}
PLAIN = ChatRequest(messages=(Message("user", "SECRET-PATIENT-WORD, hello"),), max_tokens=64, deadline_s=10)
STRUCTURED = replace(PLAIN, json_schema=SCHEMA)


@pytest.fixture
def with_fault(faulty_service: str) -> Iterator[Callable[[str], OpenAICompatible]]:
    opened: list[OpenAICompatible] = []

    def make(fault: str) -> OpenAICompatible:
        model = f"medassist-reference@fault={fault}" if fault else "medassist-reference"
        opened.append(OpenAICompatible(name="light", base_url=f"{faulty_service}/v1", model=model, connect_s=1))
        return opened[-1]

    yield make
    for model in opened:
        model.close()


Maker = Callable[[str], OpenAICompatible]


@pytest.mark.parametrize(
    ("fault", "request_", "error"),
    [
        ("500", PLAIN, BackboneUnavailable),
        ("429=7", PLAIN, BackboneUnavailable),
        ("garbage", STRUCTURED, BadModelOutput),
        ("wrong_schema", STRUCTURED, BadModelOutput),
        ("empty", STRUCTURED, BadModelOutput),
        ("empty", PLAIN, BadModelOutput),
        ("truncated", STRUCTURED, BadModelOutput),
        ("half_stream", replace(PLAIN, stream=True), BackboneUnavailable),
        ("latency=5", replace(PLAIN, deadline_s=0.3), BackboneTimeout),
        ("slow=0.05", replace(PLAIN, deadline_s=0.4), BackboneTimeout),
        ("slow=0.05", replace(PLAIN, deadline_s=0.4, stream=True), BackboneTimeout),
    ],
)
def test_a_fault_becomes_its_error(
    with_fault: Maker, fault: str, request_: ChatRequest, error: type[MedAssistError]
) -> None:
    started = time.monotonic()
    with pytest.raises(error) as caught:
        with_fault(fault).complete(request_)
    assert caught.value.code == error.code
    assert "SECRET" not in str(caught.value)
    assert time.monotonic() - started < 3


def test_retry_after_is_handed_on(with_fault: Maker) -> None:
    with pytest.raises(BackboneUnavailable) as caught:
        with_fault("429=7").complete(PLAIN)
    assert caught.value.retry_after == 7


def test_an_error_in_the_middle_of_a_stream_is_raised_after_the_pieces(with_fault: Maker) -> None:
    pieces = with_fault("half_stream").stream(PLAIN)
    assert next(pieces)
    with pytest.raises(BackboneUnavailable):
        list(pieces)


def test_an_unknown_model_is_a_refusal(faulty_service: str) -> None:
    with pytest.raises(BackboneRejected) as caught:
        OpenAICompatible(name="light", base_url=f"{faulty_service}/v1", model="nobody").complete(PLAIN)
    assert not caught.value.retryable


def test_nothing_listening_is_unavailable_at_once() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    started = time.monotonic()
    model = OpenAICompatible(name="light", base_url=f"http://127.0.0.1:{port}/v1", model="x")
    with pytest.raises(BackboneUnavailable) as caught:
        model.complete(PLAIN)
    assert type(caught.value) is BackboneUnavailable
    assert time.monotonic() - started < 2
    assert model.capabilities.probed is False
    assert model.capabilities.json_schema is True


def test_abort_closes_the_request_at_the_server(with_fault: Maker, faulty_service: str) -> None:
    before = metric(
        faulty_service, 'vllm:request_success_total{model_name="medassist-reference",finished_reason="abort"'
    )
    abort = threading.Event()
    threading.Timer(0.3, abort.set).start()
    started = time.monotonic()
    with pytest.raises(CallAborted):
        with_fault("latency=20").complete(replace(PLAIN, deadline_s=30), abort=abort)
    assert time.monotonic() - started < 2
    until = time.monotonic() + 3
    while time.monotonic() < until:
        after = metric(
            faulty_service, 'vllm:request_success_total{model_name="medassist-reference",finished_reason="abort"'
        )
        if after > before:
            break
        time.sleep(0.05)
    assert after == before + 1
    assert metric(faulty_service, "vllm:num_requests_running") == 0


def test_leaving_a_stream_closes_it_at_the_server(with_fault: Maker, faulty_service: str) -> None:
    for _ in with_fault("slow=0.05").stream(PLAIN):
        break
    until = time.monotonic() + 3
    while time.monotonic() < until and metric(faulty_service, "vllm:num_requests_running"):
        time.sleep(0.05)
    assert metric(faulty_service, "vllm:num_requests_running") == 0


def test_a_stream_can_be_aborted(with_fault: Maker) -> None:
    abort = threading.Event()
    pieces = with_fault("slow=0.05").stream(PLAIN, abort=abort)
    next(pieces)
    abort.set()
    with pytest.raises(CallAborted):
        list(pieces)


def test_the_reference_backbone_is_known_not_to_be_a_language_model(with_fault: Maker) -> None:
    model = with_fault("")
    assert model.complete(PLAIN).language_model is False
    assert model.complete(replace(PLAIN, stream=True)).language_model is False
    assert model.capabilities.language_model is False
    assert model.capabilities.context_tokens == 4096


def test_a_forked_child_gets_a_loop_of_its_own(with_fault: Maker) -> None:
    model = with_fault("")
    assert model.complete(PLAIN).text
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if model.complete(PLAIN).text else 1
        finally:
            os._exit(code)
    until = time.monotonic() + 20
    done, status = 0, 1
    while time.monotonic() < until and not done:
        done, status = os.waitpid(child, os.WNOHANG)
        time.sleep(0.02)
    assert done == child
    assert os.waitstatus_to_exitcode(status) == 0


@contextmanager
def canned(status: int, body: bytes, content_type: str = "application/json") -> Iterator[OpenAICompatible]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    model = OpenAICompatible(name="light", base_url=f"http://127.0.0.1:{server.server_port}/v1", model="m")
    try:
        yield model
    finally:
        model.close()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "content_type", "error"),
    [
        (200, b"<html>a proxy's page</html>", "text/html", BadModelOutput),
        (200, b"{not json", "application/json", BadModelOutput),
        (200, b'{"choices": []}', "application/json", BadModelOutput),
        (200, b'{"error": {"message": "engine dead"}}', "application/json", BackboneUnavailable),
        (
            400,
            b'{"error": {"message": "This model\'s maximum context length is 10 tokens."}}',
            "application/json",
            PromptTooLong,
        ),
        (400, b'{"error": {"message": "SECRET bad request"}}', "application/json", BackboneRejected),
        (401, b'{"error": {"message": "no"}}', "application/json", BackboneRejected),
        (503, b"", "text/plain", BackboneUnavailable),
        (302, b"", "text/plain", BackboneUnavailable),
    ],
)
def test_other_peoples_answers_are_understood(
    status: int, body: bytes, content_type: str, error: type[MedAssistError]
) -> None:
    with canned(status, body, content_type) as model, pytest.raises(error) as caught:
        model.complete(STRUCTURED)
    assert caught.value.code == error.code
    assert "SECRET" not in str(caught.value)
