"""Cursors of lists that run from the newest to the oldest: an opaque place, not a page number, so nothing is skipped."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from uuid import UUID

from medassist.common.errors import InvalidInput


def make(at: datetime, row: UUID) -> str:
    """The place right after a row made at `at`."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row}".encode()).decode().rstrip("=")


def read(cursor: str) -> tuple[datetime, UUID]:
    """What `make` was given; raises `InvalidInput` naming `cursor` for anything else."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        at, row = text.split("|")
        moment = datetime.fromisoformat(at)
        if moment.tzinfo is None:
            raise ValueError
        return moment, UUID(row)
    except (ValueError, binascii.Error):
        raise InvalidInput("The cursor is not one of ours.", fields={"cursor": "not a cursor"}) from None
