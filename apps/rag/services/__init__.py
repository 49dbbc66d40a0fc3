"""What this room does: retrieval, shared guidelines, and a clinic's own texts.

Each name is loaded from its module when it is first used: the web process withdraws guidelines, and must not load
what embeds and searches for that.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.rag.services.guidelines import embedding_key, ingest_guidelines
    from apps.rag.services.own_texts import assign_case, hide, publish
    from apps.rag.services.retrieval import retrieve
    from apps.rag.services.staging import stage, withdraw
    from apps.rag.services.versions import preview_guidelines, withdraw_guideline

_MODULES = {
    "assign_case": "own_texts",
    "hide": "own_texts",
    "embedding_key": "guidelines",
    "ingest_guidelines": "guidelines",
    "preview_guidelines": "versions",
    "publish": "own_texts",
    "retrieve": "retrieval",
    "stage": "staging",
    "withdraw": "staging",
    "withdraw_guideline": "versions",
}

__all__ = [
    "assign_case",
    "embedding_key",
    "hide",
    "ingest_guidelines",
    "preview_guidelines",
    "publish",
    "retrieve",
    "stage",
    "withdraw",
    "withdraw_guideline",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
