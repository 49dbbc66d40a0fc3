"""How a reader says that it reads no further."""

from __future__ import annotations

from apps.documents.schemas import Reason


class Refused(Exception):
    """Nothing comes out of this file, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason
