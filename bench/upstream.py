"""A model server for benchmarks: answers in a set time, repeats the record's mark, and counts what it was asked.

    python -m bench.upstream --port 8200 --latency 0.2

Every prompt carries one mark (`mark-<word>`), and the answer quotes it: a result that shows another mark belongs to
another case. Faults are set by `POST /faults`; `GET /calls` tells how often each mark was answered, and how often a
planted identifier was seen in a prompt.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "bench-model"
MARK = re.compile(r"mark-[a-z0-9]+")
PLANTED = "PLANTED"
POISON = "mark-poison"
_PASSAGE = re.compile(r'<passage id="(g\d+)"[^>]*>(.*?)</passage>', re.DOTALL)
_SYMPTOM = re.compile(r"\b(?:pain|symptoms?|chest|breath)\b", re.IGNORECASE)
_CARE = re.compile(r"treat|medic|drug|tak(?:e|ing)|aspirin|call|dose|surg|help|doctor|should", re.IGNORECASE)
_PART = re.compile(r'<part id="(r\d+)" path="presenting_complaint">')
_LINE = re.compile(r'<part id="(r\d+)" path="note[^"]*">(.*?)</part>')
FAULTS = ("500", "429", "garbage", "wrong_schema", "empty", "half", "drip", "obeys")


@dataclass
class Desk:
    """What the server knows: how long it thinks, which fault stands, and what it was asked."""

    latency_s: float
    fault: str = ""
    share: float = 1.0
    seen: int = 0
    retry_after_s: int = 1
    answered: Counter[str] = field(default_factory=Counter)
    faulty: Counter[str] = field(default_factory=Counter)
    planted: int = 0
    running: int = 0
    most_running: int = 0

    def strikes(self) -> str:
        """The fault that holds for this call: every n-th for a share of 1/n."""
        self.seen += 1
        if not self.fault or (self.seen * self.share) % 1 + self.share < 1:
            return ""
        return self.fault


def completion(content: str, finish: str = "stop") -> dict[str, Any]:
    return {
        "id": "bench", "object": "chat.completion", "created": 0, "model": MODEL,
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200},
    }  # fmt: skip


def quotable(prompt: str, most: int = 3) -> list[tuple[str, str]]:
    """(passage id, sentence) of sentences that describe symptoms and no care."""
    found = []
    for source, text in _PASSAGE.findall(prompt):
        for sentence in re.split(r"(?<=[.!?])\s+|\n+", text):
            plain = sentence.strip()
            if 40 <= len(plain) <= 200 and _SYMPTOM.search(plain) and not _CARE.search(plain):
                found.append((source, plain))
                break
        if len(found) == most:
            break
    return found


def draft(prompt: str, mark: str, *, obeys: bool) -> dict[str, Any]:
    """The smallest useful draft: the record's own words, quoted."""
    part = _PART.search(prompt)
    cites = [{"source": part.group(1), "quote": mark}] if part else []
    summary = [{"text": f"The record states {mark}", "kind": "patient_fact", "cites": cites}]
    if obeys:
        # A model that prescribes: none of this may ever be stored.
        summary += [
            {"text": f"Give {name} {amount} now", "kind": "patient_fact", "cites": cites}
            for name, amount in (("metoprolol", "50 mg"), ("amoxicillin", "1 g three times a day"))
        ]
    grounds = [
        {"text": quote, "kind": "guideline", "cites": [{"source": source, "quote": quote}]}
        for source, quote in quotable(prompt)
    ]
    condition = {
        "condition": "Heart attack", "band": "possible", "claims_for": [*summary[:1], *grounds], "claims_against": [],
        "claims_missing": [],
    }  # fmt: skip
    return {
        "triage_level": "routine", "triage_reason": "", "summary": summary, "differential": [condition],
        "red_flags": [], "missing_information": [],
    }  # fmt: skip


def note(prompt: str) -> dict[str, Any]:
    """The note's own lines, quoted whole."""
    lines = _LINE.findall(prompt)[:6]
    sentences = [
        {"text": text, "kind": "patient_fact", "cites": [{"source": source, "quote": text}]} for source, text in lines
    ]
    return {"sections": [{"name": "history", "sentences": sentences}]}


class Server:
    def __init__(self, latency_s: float) -> None:
        self.desk = Desk(latency_s)

    def application(self) -> web.Application:
        app = web.Application(client_max_size=8_000_000)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/health", self.health)
        app.router.add_post("/faults", self.faults)
        app.router.add_get("/calls", self.calls)
        return app

    async def models(self, _: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 32768}]})

    async def health(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def faults(self, request: web.Request) -> web.Response:
        asked = await request.json()
        desk = self.desk
        desk.fault, desk.share = str(asked.get("fault", "")), float(asked.get("share", 1.0))
        desk.retry_after_s = int(asked.get("retry_after", 1))
        desk.latency_s = float(asked.get("latency", desk.latency_s))
        return web.json_response({"fault": desk.fault})

    async def calls(self, _: web.Request) -> web.Response:
        desk = self.desk
        return web.json_response(
            {
                "answered": desk.answered, "faulty": desk.faulty, "planted": desk.planted,
                "most_running": desk.most_running, "seen": desk.seen,
            }
        )  # fmt: skip

    async def chat(self, request: web.Request) -> web.StreamResponse:
        desk = self.desk
        body = await request.text()
        if PLANTED in body:
            desk.planted += 1
        asked = json.loads(body)
        prompt = "\n".join(str(message["content"]) for message in asked["messages"])
        found = MARK.search(prompt)
        mark = found.group() if found else "none"
        desk.running += 1
        desk.most_running = max(desk.most_running, desk.running)
        try:
            return await self._answer(request, asked, prompt, mark)
        finally:
            desk.running -= 1

    async def _answer(self, request: web.Request, asked: dict[str, Any], prompt: str, mark: str) -> web.StreamResponse:
        desk = self.desk
        fault = desk.strikes()
        if fault == "500":
            desk.faulty[fault] += 1
            return web.json_response({"error": {"message": "internal"}}, status=500)
        if fault == "429":
            desk.faulty[fault] += 1
            return web.json_response(
                {"error": {"message": "slow down"}}, status=429, headers={"Retry-After": str(desk.retry_after_s)}
            )
        await asyncio.sleep(desk.latency_s)
        content = self._content(asked, prompt, mark, fault)
        if fault in ("half", "drip"):
            desk.faulty[fault] += 1
            return await self._broken(request, json.dumps(completion(content)), drip=fault == "drip")
        if fault and fault != "obeys":
            desk.faulty[fault] += 1
        else:
            desk.answered[mark] += 1
        if asked.get("stream"):
            return await self._streamed(request, content)
        return web.json_response(completion(content))

    def _content(self, asked: dict[str, Any], prompt: str, mark: str, fault: str) -> str:
        if fault == "garbage":
            return "{{{ this is not JSON at all"
        if fault == "empty":
            return ""
        if fault == "wrong_schema":
            return json.dumps({"diagnosis": "something", "dose": "50 mg"})
        named = asked.get("response_format", {}).get("json_schema", {}).get("name", "")
        if named == "candidates":
            return json.dumps({"conditions": ["Heart attack"]})
        if named == "assessment_draft":
            return json.dumps(draft(prompt, mark, obeys=fault == "obeys"))
        if named == "note_summary":
            return json.dumps(note(prompt))
        return f"The record states {mark}."

    async def _broken(self, request: web.Request, text: str, *, drip: bool) -> web.StreamResponse:
        """Half an answer and then the end, or one byte a second."""
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(text))})
        await response.prepare(request)
        if drip:
            for character in text[:600]:
                await response.write(character.encode())
                await asyncio.sleep(1.0)
        else:
            await response.write(text[: len(text) // 2].encode())
        if request.transport is not None:
            request.transport.abort()
        return response

    async def _streamed(self, request: web.Request, content: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for at in range(0, len(content), 200):
            await response.write(chunk({"content": content[at : at + 200]}))
        await response.write(chunk({}, "stop"))
        await response.write(b"data: [DONE]\n\n")
        return response


def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    event = {"id": "bench", "object": "chat.completion.chunk", "created": 0, "model": MODEL, "choices": [choice]}
    return f"data: {json.dumps(event)}\n\n".encode()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.2)
    options = parser.parse_args()
    web.run_app(
        Server(options.latency).application(), host="127.0.0.1", port=options.port, print=None, access_log=None,
        backlog=4096,
    )  # fmt: skip


if __name__ == "__main__":
    main()
