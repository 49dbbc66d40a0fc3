"""Word lists as one text: a list of a hundred words reads better as lines than as a hundred literals."""

from __future__ import annotations


def words(text: str) -> tuple[str, ...]:
    """The words of a text, in order."""
    return tuple(text.split())
