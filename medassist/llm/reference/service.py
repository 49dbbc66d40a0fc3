"""The HTTP face of the reference backbone: a small OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from medassist.common.errors import InvalidInput
from medassist.llm.reference import brain
from medassist.llm.reference.disobedience import obey
from medassist.llm.reference.faults import MODEL_MARK, FaultBox, Faults, parse_faults
from medassist.llm.reference.metrics import Metrics
from medassist.llm.reference.wire import (
    FINGERPRINT,
    MODEL,
    Asked,
    WireError,
    chunk,
    completion,
    json_response,
    read_request,
    tokens_in,
)

logger = logging.getLogger(__name__)

MAX_BODY = 8 * 1024 * 1024
PIECE = 64
GARBAGE = '{"triage_level": "emergency_now", "summary": [{"text": "The reco\ufffd\ufffd <<<'


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process accepts. `context_tokens` is an estimate at four characters a token."""

    context_tokens: int = 32768
    max_requests: int = 64
    api_key: str = ""
    faults: bool = False
    threads: int = 2


class Service:
    """One process's state: its limits, counters and standing faults."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.metrics = Metrics(MODEL)
        self.box = FaultBox()
        self._threads = ThreadPoolExecutor(max_workers=limits.threads, thread_name_prefix="brain")

    # --- doors -----------------------------------------------------------------------------------

    async def chat(self, request: Request) -> Response:
        try:
            self._authorise(request)
            asked = read_request(await self._body(request), MODEL_MARK)
            faults = self._faults(request, asked)
            self._admit(asked, faults)
        except WireError as error:
            return error.response()
        self.metrics.running += 1
        started = time.monotonic()
        handed_over = False
        try:
            response = await self._answer(request, asked, faults, started)
            handed_over = isinstance(response, StreamingResponse)
            return response
        except WireError as error:
            return error.response()
        finally:
            if not handed_over:
                self.metrics.running -= 1

    async def models(self, request: Request) -> Response:
        try:
            self._authorise(request)
        except WireError as error:
            return error.response()
        return json_response(
            {
                "object": "list",
                "data": [
                    {
                        "id": MODEL,
                        "object": "model",
                        "created": 0,
                        "owned_by": "medassist-reference-not-a-language-model",
                        "max_model_len": self.limits.context_tokens,
                        "medassist": FINGERPRINT,
                    }
                ],
            }
        )

    async def health(self, _request: Request) -> Response:
        return json_response({"status": "ok", "model": MODEL, **FINGERPRINT})

    async def metrics_text(self, _request: Request) -> Response:
        return PlainTextResponse(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def set_faults(self, request: Request) -> Response:
        if not self.limits.faults:
            return WireError(404, "There is nothing here.", "NotFoundError").response()
        try:
            data = orjson.loads(await request.body() or b"{}")
            times = data.get("times")
            self.box.set(parse_faults(str(data.get("faults", ""))), int(times) if times is not None else None)
        except (orjson.JSONDecodeError, AttributeError, TypeError, ValueError):
            return WireError(400, 'Send {"faults": "latency=2,500", "times": 3}.').response()
        except InvalidInput as error:
            return WireError(400, error.detail).response()
        return json_response({"faults": data.get("faults", ""), "times": times})

    # --- steps -----------------------------------------------------------------------------------

    def _authorise(self, request: Request) -> None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
        if self.limits.api_key and not hmac.compare_digest(given, self.limits.api_key.encode()):
            raise WireError(401, "Invalid API key.", "AuthenticationError")

    async def _body(self, request: Request) -> bytes:
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > MAX_BODY:
                raise WireError(413, "The request body is too large.")
        return bytes(body)

    def _faults(self, request: Request, asked: Asked) -> Faults:
        if not self.limits.faults:
            if asked.fault_text:
                raise WireError(
                    404, f"The model `{asked.model}{MODEL_MARK}…` does not exist.", "NotFoundError", param="model"
                )
            return Faults()
        text = asked.fault_text or request.headers.get("x-fault", "")
        try:
            return parse_faults(text) if text else self.box.take()
        except InvalidInput as error:
            raise WireError(400, error.detail) from None

    def _admit(self, asked: Asked, faults: Faults) -> None:
        if faults.has("429"):
            raise WireError(429, "Too many requests.", "RateLimitError", retry_after=faults.value("429", 1))
        length = tokens_in(asked.prompt_text)
        if length > self.limits.context_tokens:
            raise WireError(
                400,
                f"This model's maximum context length is {self.limits.context_tokens} tokens. "
                f"However, your request has {length} input tokens. "
                "Please reduce the length of the input messages.",
                param="input_tokens",
            )
        if self.metrics.running >= self.limits.max_requests:
            self.metrics.rejections += 1
            raise WireError(503, "The server is at its limit of requests.", "ServiceUnavailableError", retry_after=1)

    async def _answer(self, request: Request, asked: Asked, faults: Faults, started: float) -> Response:
        if faults.has("latency") and not await self._pause(request, faults.value("latency", 1.0)):
            self.metrics.finished("abort", seconds=time.monotonic() - started)
            return Response(status_code=499)
        if faults.has("500"):
            raise WireError(500, "Internal server error.", "InternalServerError")
        text, finish = await asyncio.get_running_loop().run_in_executor(
            self._threads, partial(self._think, asked, faults)
        )
        usage = {"prompt_tokens": tokens_in(asked.prompt_text), "completion_tokens": tokens_in(text)}
        usage["total_tokens"] = sum(usage.values())
        if asked.stream:
            return StreamingResponse(
                self._stream(asked, faults, text, finish, usage, started), media_type="text/event-stream"
            )
        body = orjson.dumps(completion(f"chatcmpl-{uuid.uuid4().hex}", int(time.time()), text, finish, usage))
        if faults.has("slow"):
            return StreamingResponse(
                self._drip(body, faults.value("slow", 1.0), started), media_type="application/json"
            )
        self._count(finish, started, usage)
        return Response(body, media_type="application/json")

    def _think(self, asked: Asked, faults: Faults) -> tuple[str, str]:
        if faults.has("empty"):
            return "", "stop"
        if faults.has("garbage"):
            return GARBAGE, "stop"
        if faults.has("wrong_schema"):
            return '{"answer": "this object has none of the fields asked for", "treatment": "none"}', "stop"
        schema = asked.schema if asked.schema is not None else ({"type": "object"} if asked.any_json else None)
        text = brain.answer(asked.messages, schema, max_tokens=asked.max_tokens)
        if faults.has("always_obeys"):
            text = obey(text, asked.prompt_text, schema, faults.value("always_obeys", 1.0))
        limit = asked.max_tokens * 4
        if faults.has("truncated"):
            limit = min(limit, max(1, len(text) // 2))
        return (text[:limit], "length") if len(text) > limit else (text, "stop")

    async def _stream(
        self, asked: Asked, faults: Faults, text: str, finish: str, usage: dict[str, int], started: float
    ) -> AsyncIterator[bytes]:
        identifier, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
        size, pause = (1, faults.value("slow", 1.0)) if faults.has("slow") else (PIECE, 0.0)
        ended = "abort"
        try:
            yield chunk(identifier, created, delta={"role": "assistant", "content": ""})
            stop = len(text) // 2 if faults.has("half_stream") else len(text)
            for start in range(0, stop, size):
                yield chunk(identifier, created, delta={"content": text[start : min(start + size, stop)]})
                if pause:
                    await asyncio.sleep(pause)
            if faults.has("half_stream"):
                # As a killed vLLM does: the status was 200 long ago, the error comes as data.
                yield b'data: {"error": {"message": "EngineCore encountered an issue.", "type": "InternalServerError", "code": 500}}\n\n'
                yield b"data: [DONE]\n\n"
                return
            yield chunk(identifier, created, delta={}, finish=finish)
            if asked.include_usage:
                yield chunk(identifier, created, usage=usage)
            yield b"data: [DONE]\n\n"
            ended = finish
        finally:
            self.metrics.running -= 1
            self._count(ended, started, usage)

    async def _drip(self, body: bytes, pause: float, started: float) -> AsyncIterator[bytes]:
        ended = "abort"
        try:
            for byte in body:
                yield bytes([byte])
                await asyncio.sleep(pause)
            ended = "stop"
        finally:
            self.metrics.running -= 1
            self._count(ended, started, {})

    async def _pause(self, request: Request, seconds: float) -> bool:
        """Waits; False when the client went away meanwhile, so that an abandoned request frees its place at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.05))
            if await request.is_disconnected():
                return False
        return True

    def _count(self, reason: str, started: float, usage: dict[str, int]) -> None:
        self.metrics.finished(
            reason,
            seconds=time.monotonic() - started,
            prompt_tokens=usage.get("prompt_tokens", 0),
            completion_tokens=usage.get("completion_tokens", 0),
        )


async def _not_found(_request: Request, _error: Exception) -> Response:
    return WireError(404, "Not Found", "NotFoundError").response()


async def _not_allowed(_request: Request, _error: Exception) -> Response:
    return WireError(405, "Method Not Allowed").response()


async def _broken(_request: Request, error: Exception) -> Response:
    # The type only: the prompt is patient text and may stand in the message.
    logger.error("request failed: %s", type(error).__name__)
    return WireError(500, "Internal server error.", "InternalServerError").response()


def make_app(limits: Limits | None = None) -> Starlette:
    """The ASGI application; loads the brain's data at once."""
    service = Service(limits or Limits())
    brain.warm_up()
    return Starlette(
        routes=[
            Route("/v1/chat/completions", service.chat, methods=["POST"]),
            Route("/v1/models", service.models),
            Route("/health", service.health),
            Route("/health/live", service.health),
            Route("/metrics", service.metrics_text),
            Route("/faults", service.set_faults, methods=["POST"]),
        ],
        exception_handlers={404: _not_found, 405: _not_allowed, Exception: _broken},
    )
