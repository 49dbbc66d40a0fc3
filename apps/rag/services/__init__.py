"""What this room does: retrieval, shared guidelines, and a clinic's own texts."""

from apps.rag.services.guidelines import embedding_key, ingest_guidelines
from apps.rag.services.own_texts import assign_case, discard, publish, stage, withdraw
from apps.rag.services.retrieval import retrieve

__all__ = ["assign_case", "discard", "embedding_key", "ingest_guidelines", "publish", "retrieve", "stage", "withdraw"]
