"""Reads request bodies: strict JSON in UTF-8, never more than settings.MAX_CASE_BYTES."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from medassist.clinical.parsing import parse_json
from medassist.common.errors import TooLarge


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(  # the signature is DRF's
        self,
        stream: IO[Any],
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> Any:
        """The body's value; raises `TooLarge` and `NotJson`."""
        limit: int = settings.MAX_CASE_BYTES
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise TooLarge(f"A body may have at most {limit} bytes")
        return parse_json(body)
