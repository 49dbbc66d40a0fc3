"""The one real `ChatModel`: any server with OpenAI's chat interface (vLLM, the reference backbone, others).

The openai client runs on its aiohttp transport in the process's loop thread: measured, it costs the
least CPU a request (docs/decisions). It never retries: the one retry loop is the job ledger's.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletion

from medassist.common.errors import BackboneUnavailable, BadModelOutput, CallAborted, MedAssistError
from medassist.llm.failures import AdapterMissing, translate
from medassist.llm.loop import LoopThread, loop_thread
from medassist.llm.output import with_data
from medassist.llm.probing import Probe, says_language_model
from medassist.llm.schemas import Capabilities, ChatRequest, ChatResult

MAX_CONNECTIONS = 1000
_END = object()


class OpenAICompatible:
    """A backbone at `base_url` (which ends in /v1). `adapter` is the served name of a LoRA adapter of `model`."""

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        model: str,
        api_key: str = "none",
        adapter: str | None = None,
        connect_s: float = 3.0,
        max_deadline_s: float = 120.0,
    ) -> None:
        self._name = name
        self._base_url = base_url
        self._model = model
        self._api_key = api_key
        self._adapter = adapter
        self._connect_s = connect_s
        self._max_deadline_s = max_deadline_s
        self._client: openai.AsyncOpenAI | None = None
        self._client_thread: LoopThread | None = None
        self._probe = Probe(self._list_models, model=model)

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        """Asked of the server once and then remembered; safe values while it cannot be reached."""
        return self._probe.capabilities()

    def complete(self, request: ChatRequest, *, abort: threading.Event | None = None) -> ChatResult:
        thread = loop_thread()
        budget = self._budget(request)
        return thread.run(self._complete(thread, request, budget), deadline_s=budget, abort=abort)

    def stream(self, request: ChatRequest, *, abort: threading.Event | None = None) -> Iterator[str]:
        thread = loop_thread()
        pieces: queue.SimpleQueue[Any] = queue.SimpleQueue()
        future = thread.start(self._feed(thread, request, pieces), abort=abort)
        future.add_done_callback(lambda done: pieces.put((_END, _failure(done))))
        try:
            while True:
                piece = pieces.get()
                if isinstance(piece, tuple):
                    if piece[1] is not None:
                        raise piece[1]
                    return
                yield piece
        finally:
            future.cancel()

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        client, thread, self._client = self._client, self._client_thread, None
        if client is not None and thread is not None and thread.alive:
            thread.run(client.close(), deadline_s=2.0)

    def _budget(self, request: ChatRequest) -> float:
        return max(0.05, min(request.deadline_s, self._max_deadline_s))

    async def _complete(self, thread: LoopThread, request: ChatRequest, budget: float) -> ChatResult:
        started = time.monotonic()
        try:
            async with asyncio.timeout(budget):
                answer = await (self._collect(thread, request) if request.stream else self._ask(thread, request))
        except Exception as error:  # noqa: BLE001 - every failure of a library becomes one of our family
            raise self._translated(error, request) from None
        text, finish, tokens, said = answer
        result = ChatResult(
            text=text,
            finish_reason=finish,
            model=self._model,
            adapter=request.adapter or self._adapter,
            backbone=self._name,
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
            latency_ms=round((time.monotonic() - started) * 1000),
            language_model=self._probe.language_model if said is None else said,
        )
        return with_data(result, schema=request.json_schema)

    def _translated(self, error: Exception, request: ChatRequest) -> MedAssistError:
        if isinstance(error, openai.NotFoundError) and (request.adapter or self._adapter):
            return AdapterMissing(f"The backbone {self._name} does not serve the adapter that was asked for.")
        return translate(error)

    async def _ask(self, thread: LoopThread, request: ChatRequest) -> _Answer:
        answer: Any = await self._open(thread).chat.completions.create(**self._arguments(request))
        # A proxy's HTML page comes back as a plain string, an error body as a completion without choices.
        if not isinstance(answer, ChatCompletion):
            raise BadModelOutput("The language model's server sent something that is not a chat answer.")
        if not answer.choices:
            if (answer.model_extra or {}).get("error"):
                raise BackboneUnavailable("The language model's server failed while it answered.")
            raise BadModelOutput("The language model's answer holds no choice.")
        choice = answer.choices[0]
        return (
            choice.message.content or "",
            str(choice.finish_reason),
            _tokens(answer.usage),
            says_language_model(answer.model_extra),
        )

    async def _collect(self, thread: LoopThread, request: ChatRequest) -> _Answer:
        parts: list[str] = []
        finish, tokens, said = "", (0, 0), None
        async with self._opened_stream(thread, request) as chunks:
            async for chunk in chunks:
                tokens = _tokens(chunk.usage) if chunk.usage else tokens
                said = says_language_model(chunk.model_extra) if said is None else said
                for choice in chunk.choices[:1]:
                    parts.append(choice.delta.content or "")
                    finish = choice.finish_reason or finish
        if not finish:
            raise BackboneUnavailable("The language model's server stopped in the middle of its answer.")
        return "".join(parts), finish, tokens, said

    async def _feed(self, thread: LoopThread, request: ChatRequest, pieces: queue.SimpleQueue[Any]) -> None:
        finish = ""
        try:
            async with asyncio.timeout(self._budget(request)), self._opened_stream(thread, request) as chunks:
                async for chunk in chunks:
                    for choice in chunk.choices[:1]:
                        finish = choice.finish_reason or finish
                        if choice.delta.content:
                            pieces.put(choice.delta.content)
        except Exception as error:  # noqa: BLE001 - every failure of a library becomes one of our family
            raise self._translated(error, request) from None
        if not finish:
            raise BackboneUnavailable("The language model's server stopped in the middle of its answer.")

    @asynccontextmanager
    async def _opened_stream(self, thread: LoopThread, request: ChatRequest) -> AsyncIterator[Any]:
        chunks: Any = await self._open(thread).chat.completions.create(
            **self._arguments(request), stream=True, stream_options={"include_usage": True}
        )
        try:
            yield chunks
        finally:
            await chunks.close()

    def _arguments(self, request: ChatRequest) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": request.adapter or self._adapter or self._model,
            "messages": [{"role": message.role, "content": message.content} for message in request.messages],
            "max_tokens": request.max_tokens,
            "temperature": request.temperature,
            "timeout": httpx2.Timeout(self._budget(request), connect=self._connect_s),
        }
        if request.seed is not None:
            arguments["seed"] = request.seed
        if request.json_schema is not None:
            arguments["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": request.schema_name, "schema": dict(request.json_schema), "strict": True},
            }
        if request.trace_id:
            arguments["extra_headers"] = {"X-Request-Id": request.trace_id}
        if request.priority:
            arguments["extra_body"] = {"priority": request.priority}
        return arguments

    def _open(self, thread: LoopThread) -> openai.AsyncOpenAI:
        """The client of this loop; called on the loop, so no lock is needed."""
        if self._client is None or self._client_thread is not thread:
            limits = httpx2.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=200, keepalive_expiry=30)
            self._client = openai.AsyncOpenAI(
                base_url=self._base_url,
                api_key=self._api_key or "none",
                max_retries=0,
                http_client=openai.DefaultAioHttpClient(limits=limits, follow_redirects=False, trust_env=False),
            )
            self._client_thread = thread
        return self._client

    def _list_models(self) -> list[dict[str, Any]]:
        thread = loop_thread()

        async def ask() -> list[dict[str, Any]]:
            try:
                async with asyncio.timeout(self._connect_s):
                    page = await self._open(thread).models.list()
                    return [model.model_dump() for model in page.data]
            except Exception as error:  # noqa: BLE001 - every failure of a library becomes one of our family
                raise translate(error) from None

        return thread.run(ask(), deadline_s=self._connect_s)


_Answer = tuple[str, str, tuple[int, int], bool | None]


def _tokens(usage: Any) -> tuple[int, int]:
    return (usage.prompt_tokens or 0, usage.completion_tokens or 0) if usage else (0, 0)


def _failure(done: Future[None]) -> BaseException | None:
    try:
        return done.exception(timeout=0)
    except CancelledError:
        return CallAborted()
