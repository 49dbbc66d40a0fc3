"""Blind indexes: encrypted text that can be found again by whole words, without the words standing anywhere.

A word becomes a keyed hash (HMAC-SHA256 under a key derived from FIELD_KEYS, bound to its place, cut to 12 bytes). Who reads the
database sees which rows share a word, not which word it is. Words are looked up under every key of the ring, so that rows
written before a rotation are found until `rotate_field_keys` has made their tokens anew.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from medassist.common.fields import ring

if TYPE_CHECKING:
    _ArrayField = ArrayField[Any, Any]
else:
    _ArrayField = ArrayField

MOST_WORDS = 60
_WORD = re.compile(r"\w{2,40}")


def words_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The words that are indexed: lower case, without accents, each once, the first sixty."""
    found: dict[str, None] = {}
    for text in texts:
        plain = unicodedata.normalize("NFKD", text.casefold())
        found.update(dict.fromkeys(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c)))))
    return tuple(found)[:MOST_WORDS]


def tokens(texts: Iterable[str], place: str) -> list[str]:
    """Tokens to be stored, under the current key. `place` is `<schema>/<app.model>/<field>`, as for encrypted fields."""
    return [_token(ring().blind[ring().current], word, place) for word in words_of(texts)]


def wanted(query: str, place: str) -> list[list[str]]:
    """For each key the tokens that a row must hold to match every word of the query; empty for a query without words."""
    words = words_of([query])
    return [[_token(key, word, place) for word in words] for key in ring().blind.values()] if words else []


def _token(key: bytes, word: str, place: str) -> str:
    return hmac.digest(key, f"{place}\x00{word}".encode(), hashlib.sha256)[:12].hex()


class BlindIndexField(_ArrayField):
    """Tokens of what the model's `indexed_words()` gives; filled when a row is made, and anew by `rotate_field_keys`."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["base_field"] = models.CharField(max_length=24)
        kwargs.setdefault("default", list)
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        del kwargs["base_field"]
        return name, path, args, kwargs

    def place(self, connection: BaseDatabaseWrapper) -> str:
        """As for encrypted fields: `<schema>/<app.model>/<field>`."""
        schema = getattr(connection, "schema_name", None) or "public"
        return f"{schema}/{self.model._meta.concrete_model._meta.label_lower}/{self.name}"  # type: ignore[union-attr]

    def tokens_of(self, row: Any, connection: BaseDatabaseWrapper) -> list[str]:
        return tokens(row.indexed_words(), self.place(connection))

    def pre_save(self, model_instance: Any, add: bool) -> Any:
        if add:
            setattr(
                model_instance,
                self.attname,
                self.tokens_of(model_instance, connections[model_instance._state.db or "default"]),
            )
        return super().pre_save(model_instance, add)

    def matching(self, query: str, connection: BaseDatabaseWrapper) -> models.Q:
        """Rows that hold every word of the query; none for a query without words."""
        found = models.Q(pk__in=[])
        for several in wanted(query, self.place(connection)):
            found |= models.Q(**{f"{self.name}__contains": several})
        return found
