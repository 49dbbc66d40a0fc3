"""Markdown: turned into a web page first, so that raw HTML and comments in it are treated as in one."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt

from apps.documents.extractors import html
from apps.documents.extractors.refusal import Refused
from apps.documents.schemas import Limits
from apps.rag.schemas import Body

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.{0,20000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(title|author|date)[ \t]*:[ \t]*[\"']?([^\"'\n]{1,300})", re.MULTILINE | re.IGNORECASE)


def read(text: str, limits: Limits) -> tuple[Body, dict[str, str]]:
    if len(text) > 2 * limits.characters:
        raise Refused("too_long")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    claims: dict[str, str] = {}
    if matter := _FRONT_MATTER.match(text):
        claims = {name.lower(): value.strip() for name, value in _FIELD.findall(matter[1])}
        text = text[matter.end() :]
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    body, _ = html.read(page, limits)
    return body, claims
