"""A clinic's own texts: staged while they are embedded, searchable in one step, withdrawn with proof."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from apps.rag.schemas import Body, OwnTextInput, Staged, Withdrawn

Progress = Callable[[int, int], None]
"""Passages embedded so far, and of how many."""


def stage(*, text: OwnTextInput, body: Body, progress: Progress, stopped: Callable[[], bool]) -> Staged:
    """Cuts and embeds `body` in batches; what is staged is invisible to every search.

    Run again after a cancel or a crash it takes over the vectors that are there. Never call it inside a transaction.
    Raises `CallAborted` when `stopped()`, `RetrievalUnavailable` when the embedder or the index is away.
    """
    raise NotImplementedError


def publish(*, text_id: UUID, supersedes: UUID | None = None) -> None:
    """Makes a staged text searchable, and what it supersedes unsearchable. Called inside the caller's transaction."""
    raise NotImplementedError


def withdraw(*, text_id: UUID) -> Withdrawn:
    """Deletes a text, its passages and its points, and counts what is left of them in the index (0, or it raises)."""
    raise NotImplementedError
