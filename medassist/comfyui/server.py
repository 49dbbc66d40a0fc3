"""The protocol of ComfyUI's server as its clients see it: /prompt, /queue, /interrupt, /history, /view, /ws, /system_stats.

One prompt is drawn at a time; what is drawn is a pattern out of the seed. Faults are set on request (`POST /stub/faults`
with {"mode": …, "times": n}) when the process was started with `faults`:

* `frozen`: connections are taken and nothing is ever answered, the websocket included
* `drop_websocket`: the websocket breaks off after the first progress message
* `half_image`: the file breaks off in the middle; `cut_image`: half a file that claims to be whole
* `error`: the drawing fails (`execution_error`); `refuse`: the graph is refused (400); `busy`: 503
* `garbage`: answers that are no JSON; `forget`: the queue and the history are lost, as after a restart
* `silent`: it draws, and says nothing over the websocket
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web

MODES = frozenset(
    {
        "",
        "frozen",
        "drop_websocket",
        "half_image",
        "cut_image",
        "error",
        "refuse",
        "busy",
        "garbage",
        "forget",
        "silent",
    }
)
MOST_SIDE = 2_048
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Prompt:
    number: int
    id: str
    graph: dict[str, Any]
    client_id: str

    def row(self) -> list[Any]:
        outputs = [key for key, node in self.graph.items() if node.get("class_type") == "SaveImage"]
        return [self.number, self.id, self.graph, {"client_id": self.client_id}, outputs]


@dataclass
class Stub:
    """The server's state; `seconds` is how long one drawing takes, in `steps` steps."""

    seconds: float = 1.0
    steps: int = 10
    faults: bool = False
    mode: str = ""
    times: int = 0
    pending: list[Prompt] = field(default_factory=list)
    running: Prompt | None = None
    history: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    seen: list[dict[str, Any]] = field(default_factory=list)
    drawn: int = 0
    _number: int = 0
    _interrupted: bool = False
    _lost: bool = False
    _woken: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self._faulty], client_max_size=4_000_000)
        # As ComfyUI does: everything again below /api.
        for prefix in ("", "/api"):
            app.add_routes(
                [
                    web.get(f"{prefix}/ws", self._ws),
                    web.get(f"{prefix}/system_stats", self._stats),
                    web.get(f"{prefix}/prompt", self._remaining),
                    web.post(f"{prefix}/prompt", self._submit),
                    web.get(f"{prefix}/queue", self._queue),
                    web.post(f"{prefix}/queue", self._change_queue),
                    web.post(f"{prefix}/interrupt", self._interrupt),
                    web.get(f"{prefix}/history/{{prompt_id}}", self._history),
                    web.post(f"{prefix}/history", self._change_history),
                    web.get(f"{prefix}/view", self._view),
                ]
            )
        if self.faults:
            app.add_routes([web.post("/stub/faults", self._set_fault), web.get("/stub/state", self._state)])
        app.cleanup_ctx.append(self._drawing)
        return app

    # --- faults ---

    @property
    def _faulty(self) -> Any:
        @web.middleware
        async def faulty(request: web.Request, handler: _Handler) -> web.StreamResponse:
            if not request.path.startswith("/stub/"):
                if self.mode == "frozen":
                    await asyncio.sleep(86_400)
                if self.mode == "busy" and self._take("busy"):
                    return web.Response(status=503, text="busy")
                if self.mode == "garbage" and request.path != "/ws" and self._take("garbage"):
                    return web.Response(text="<html>gateway</html>", content_type="text/html")
            return await handler(request)

        return faulty

    def _take(self, mode: str) -> bool:
        """Whether the fault strikes now; one that strikes `times` times is over afterwards."""
        if self.mode != mode:
            return False
        if self.times:
            self.times -= 1
            if self.times == 0:
                self.mode = ""
        return True

    async def _set_fault(self, request: web.Request) -> web.Response:
        given = await request.json()
        if given.get("mode", "") not in MODES:
            return web.json_response({"error": "unknown mode"}, status=400)
        self.mode, self.times = given.get("mode", ""), int(given.get("times", 0))
        self.seconds = float(given.get("seconds", self.seconds))
        if self._take("forget"):
            self.pending.clear()
            self.history.clear()
            self._interrupted = self._lost = True
        return web.json_response({"mode": self.mode, "times": self.times})

    async def _state(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "drawn": self.drawn, "pending": [one.id for one in self.pending],
                "running": self.running.id if self.running else None, "sockets": len(self.sockets),
                "seen": self.seen, "history": list(self.history),
            }
        )  # fmt: skip

    # --- HTTP ---

    async def _stats(self, _: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "stub"}, "devices": []})

    async def _remaining(self, _: web.Request) -> web.Response:
        return web.json_response(self._exec_info())

    def _exec_info(self) -> dict[str, Any]:
        return {"exec_info": {"queue_remaining": len(self.pending) + (self.running is not None)}}

    async def _submit(self, request: web.Request) -> web.Response:
        given = await request.json()
        graph = given.get("prompt")
        if not isinstance(graph, dict) or not graph:
            return _refused("no_prompt", "No prompt provided")
        if self._take("refuse"):
            return _refused("invalid_prompt", "Cannot execute")
        if not any(node.get("class_type") == "SaveImage" for node in graph.values()):
            return _refused("prompt_no_outputs", "Prompt has no outputs")
        for number, node in graph.items():
            for value in node.get("inputs", {}).values():
                if isinstance(value, list) and str(value[0]) not in graph:
                    return _refused("prompt_outputs_failed_validation", f"Node {number} has a bad linked input")
        self._number += 1
        prompt = Prompt(self._number, str(given.get("prompt_id") or uuid4()), graph, str(given.get("client_id", "")))
        self.pending.append(prompt)
        self.seen.append(graph)
        self._woken.set()
        return web.json_response({"prompt_id": prompt.id, "number": prompt.number, "node_errors": {}})

    async def _queue(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "queue_running": [self.running.row()] if self.running else [],
                "queue_pending": [one.row() for one in self.pending],
            }
        )

    async def _change_queue(self, request: web.Request) -> web.Response:
        given = await request.json()
        if given.get("clear"):
            self.pending.clear()
        gone = set(given.get("delete", ()))
        self.pending[:] = [one for one in self.pending if one.id not in gone]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        given = await request.json() if request.can_read_body else {}
        wanted = given.get("prompt_id")
        if self.running is not None and wanted in (None, self.running.id):
            self._interrupted = True
        return web.Response()

    async def _history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info["prompt_id"]
        return web.json_response({prompt_id: self.history[prompt_id]} if prompt_id in self.history else {})

    async def _change_history(self, request: web.Request) -> web.Response:
        for prompt_id in (await request.json()).get("delete", ()):
            self.history.pop(prompt_id, None)
        return web.Response()

    async def _view(self, request: web.Request) -> web.StreamResponse:
        data = self.files.get(request.query.get("filename", ""))
        if data is None:
            return web.Response(status=404)
        if self._take("cut_image"):
            return web.Response(body=data[: len(data) // 2], content_type="image/png")
        if self._take("half_image"):
            answer = web.StreamResponse(headers={"Content-Type": "image/png", "Content-Length": str(len(data))})
            await answer.prepare(request)
            await answer.write(data[: len(data) // 2])
            if request.transport is not None:
                request.transport.abort()
            return answer
        return web.Response(body=data, content_type="image/png")

    # --- websocket ---

    async def _ws(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.query.get("clientId") or uuid4().hex
        self.sockets[sid] = socket
        await self._say(sid, "status", {"status": self._exec_info(), "sid": sid})
        try:
            async for message in socket:
                if message.type is WSMsgType.ERROR:
                    break
        finally:
            if self.sockets.get(sid) is socket:
                del self.sockets[sid]
        return socket

    async def _say(self, sid: str, kind: str, data: dict[str, Any]) -> None:
        socket = self.sockets.get(sid)
        if socket is None or self.mode == "silent":
            return
        with contextlib.suppress(ConnectionError, RuntimeError):
            await socket.send_str(json.dumps({"type": kind, "data": data}))
            if kind == "progress":
                # A preview, as ComfyUI sends them: binary, with the kind of event in front.
                await socket.send_bytes(struct.pack(">II", 1, 1) + b"\xff\xd8\xff")
                if self._take("drop_websocket") and socket._req is not None and socket._req.transport is not None:
                    socket._req.transport.abort()

    # --- drawing ---

    async def _drawing(self, _: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._work())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _work(self) -> None:
        while True:
            await self._woken.wait()
            if not self.pending or self.mode == "frozen":
                if self.pending:
                    await asyncio.sleep(0.1)
                else:
                    self._woken.clear()
                continue
            self.running, self._interrupted, self._lost = self.pending.pop(0), False, False
            await self._draw(self.running)
            self.running = None

    async def _draw(self, prompt: Prompt) -> None:
        sid, about = prompt.client_id, {"prompt_id": prompt.id}
        await self._say(sid, "execution_start", {**about, "timestamp": int(time.time() * 1000)})
        await self._say(sid, "execution_cached", {"nodes": [], **about})
        for node in prompt.graph:
            await self._say(sid, "executing", {"node": node, "display_node": node, **about})
            if prompt.graph[node].get("class_type") != "KSampler":
                continue
            for step in range(1, self.steps + 1):
                await asyncio.sleep(self.seconds / self.steps)
                if self._interrupted:
                    await self._say(sid, "execution_interrupted", {**about, "node_id": node, "executed": []})
                    if not self._lost:
                        self.history[prompt.id] = _entry(prompt, {}, "error", [["execution_interrupted", about]])
                    return
                if self._take("error"):
                    told = {
                        **about, "node_id": node, "node_type": "KSampler", "executed": [],
                        "exception_message": "Allocation on device", "exception_type": "torch.OutOfMemoryError",
                        "traceback": [], "current_inputs": {}, "current_outputs": [],
                    }  # fmt: skip
                    self.history[prompt.id] = _entry(prompt, {}, "error", [["execution_error", told]])
                    await self._say(sid, "execution_error", told)
                    return
                await self._say(sid, "progress", {"value": step, "max": self.steps, "node": node, **about})
        await self._end(prompt)

    async def _end(self, prompt: Prompt) -> None:
        saver = next(key for key, node in prompt.graph.items() if node.get("class_type") == "SaveImage")
        name = f"stub_{prompt.number:05d}_.png"
        self.files[name] = await asyncio.to_thread(picture, prompt.graph)
        images = {"images": [{"filename": name, "subfolder": "", "type": "output"}]}
        self.history[prompt.id] = _entry(prompt, {saver: images}, "success", [])
        self.drawn += 1
        about = {"prompt_id": prompt.id}
        sid = prompt.client_id
        await self._say(sid, "executed", {"node": saver, "display_node": saver, "output": images, **about})
        await self._say(sid, "execution_success", {**about, "timestamp": int(time.time() * 1000)})
        await self._say(sid, "executing", {"node": None, **about})


def _refused(kind: str, message: str) -> web.Response:
    error = {"type": kind, "message": message, "details": "", "extra_info": {}}
    return web.json_response({"error": error, "node_errors": {}}, status=400)


def _entry(prompt: Prompt, outputs: dict[str, Any], status: str, messages: list[Any]) -> dict[str, Any]:
    return {
        "prompt": prompt.row(), "outputs": outputs,
        "status": {"status_str": status, "completed": status == "success", "messages": messages}, "meta": {},
    }  # fmt: skip


def picture(graph: dict[str, Any]) -> bytes:
    """A PNG of the size that the graph asks for: bands of grey out of its seed; with the graph in it, as ComfyUI writes."""
    size: dict[str, Any] = next(
        (node["inputs"] for node in graph.values() if node.get("class_type") == "EmptyLatentImage"), {}
    )
    seed = next((int(node["inputs"].get("seed", 0)) for node in graph.values() if "seed" in node.get("inputs", {})), 0)
    width, height = (max(8, min(MOST_SIDE, int(size.get(name, 512)))) for name in ("width", "height"))
    rows = b"".join(b"\0" + bytes([(seed + row // 16 * 37) % 200 + 40] * 3) * width for row in range(height))
    text = b"prompt\0" + json.dumps(graph).encode("latin-1", "replace")
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"tEXt", text), (b"IDAT", zlib.compress(rows, 4)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in parts
    )
