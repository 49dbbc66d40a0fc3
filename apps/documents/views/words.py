"""Words for states, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext, gettext_noop

STATES = {
    "queued": gettext_noop("waiting"),
    "reading": gettext_noop("being read"),
    "indexing": gettext_noop("being indexed"),
    "ready": gettext_noop("ready"),
    "partly": gettext_noop("partly read"),
    "failed": gettext_noop("not read"),
    "cancelled": gettext_noop("cancelled"),
    "deleting": gettext_noop("being deleted"),
}
BADGES = {
    "ready": "routine", "partly": "same_day", "failed": "emergency_now", "queued": "info", "reading": "info", "indexing": "info",
}  # fmt: skip
KINDS = {
    "guideline": gettext_noop("Guideline"),
    "protocol": gettext_noop("Protocol of this clinic"),
    "case_document": gettext_noop("Document of a case"),
}
MODES = {"fused": gettext_noop("meaning and words"), "dense": gettext_noop("meaning"), "sparse": gettext_noop("words")}


def say(words: dict[str, str], code: str) -> str:
    return gettext(words[code]) if code in words else code
