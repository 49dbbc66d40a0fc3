"""Keys of model servers by reference: a row says where a key lies, never what it is.

`env:NAME` is a variable of this process whose name begins with `LLM_`, `file:NAME` a file inside LLM_SECRETS_DIR.
Both are narrow on purpose: whoever may write a row must not be able to send SECRET_KEY to a server of theirs.
"""

from __future__ import annotations

import os
from pathlib import Path

from django.conf import settings

from medassist.common.errors import ConfigurationError

PATTERN = r"\A(|env:LLM_[A-Z0-9_]{1,80}|file:[A-Za-z0-9][A-Za-z0-9._-]{0,99})\Z"
FORMS = "Empty, env:NAME with a NAME that begins with LLM_, or file:NAME of a file in LLM_SECRETS_DIR; never the key."


def key_at(reference: str) -> str:
    """The key that `reference` leads to, "none" for an empty one; raises `ConfigurationError`, which tells no key."""
    kind, _, name = reference.partition(":")
    if not reference:
        return "none"
    value = os.environ.get(name, "") if kind == "env" else _content(name)
    if not value:
        raise ConfigurationError(f"There is no key at {kind}:{name}.")
    return value


def _content(name: str) -> str:
    if not settings.LLM_SECRETS_DIR:
        raise ConfigurationError("LLM_SECRETS_DIR is not set, so a key cannot be in a file.")
    folder = Path(settings.LLM_SECRETS_DIR).resolve()
    path = (folder / name).resolve()
    if not path.is_relative_to(folder):
        raise ConfigurationError(f"file:{name} leads out of LLM_SECRETS_DIR.")
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
