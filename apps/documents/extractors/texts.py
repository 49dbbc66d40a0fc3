"""Formats that are text: decoded, then read by their kind."""

from __future__ import annotations

from apps.documents.extractors import csv_table, detect, encoding, html, markdown, plain
from apps.documents.extractors.refusal import Refused
from apps.documents.schemas import Limits
from apps.rag.schemas import Body


def read(media_type: str, data: bytes, limits: Limits) -> tuple[Body, dict[str, str]]:
    text = encoding.decode(data, html=media_type == detect.HTML)
    if text is None:
        raise Refused("unreadable")
    text = text.replace("\x00", "")
    if media_type == detect.HTML:
        return html.read(text, limits)
    if media_type == detect.MARKDOWN:
        return markdown.read(text, limits)
    if len(text) > limits.characters:
        raise Refused("too_long")
    if media_type == detect.CSV:
        return csv_table.read(text, limits), {}
    return plain.read(text, limits), {}
