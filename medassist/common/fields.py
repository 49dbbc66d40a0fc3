"""Model fields that are encrypted at rest (see `common.crypto`); they can be stored and read, not searched."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from medassist.common.crypto import KeyRing, key_ring

# Django's fields are generic for the type checker only.
if TYPE_CHECKING:
    _TextField = models.TextField[Any, Any]
else:
    _TextField = models.TextField


def ring() -> KeyRing:
    return key_ring(settings.FIELD_KEYS)


other_secrets: list[Callable[[], int]] = []
"""Called by `rotate_field_keys` in each schema: re-encrypts what is kept inside values of other packages' tables
under the current key, and says how many."""


class EncryptedTextField(_TextField):
    """Text encrypted for its schema, model and field. Only `isnull` works in a filter."""

    def place(self, connection: BaseDatabaseWrapper) -> str:
        """What the ciphertext is bound to: `<schema>/<app.model>/<field>`."""
        schema = getattr(connection, "schema_name", None) or "public"
        # The concrete model: a proxy or a historical model in a migration must give the same place.
        return f"{schema}/{self.model._meta.concrete_model._meta.label_lower}/{self.name}"  # type: ignore[union-attr]

    def to_text(self, value: Any) -> str:
        return str(value)

    def from_text(self, text: str) -> Any:
        return text

    def get_db_prep_value(
        self,
        value: Any,
        connection: BaseDatabaseWrapper,
        prepared: bool = False,  # noqa: ARG002
    ) -> Any:
        if value is None or hasattr(value, "resolve_expression"):
            return value
        return ring().encrypt(self.to_text(value), self.place(connection))

    def from_db_value(
        self,
        value: str | None,
        expression: Any,  # noqa: ARG002
        connection: BaseDatabaseWrapper,
    ) -> Any:
        if value is None:
            return None
        return self.from_text(ring().decrypt(value, self.place(connection)))

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name != "isnull":
            raise FieldError(f"{self.name} is encrypted: it cannot be searched by {lookup_name!r}")
        return super().get_lookup(lookup_name)

    def get_transform(self, lookup_name: str) -> Any:
        raise FieldError(f"{self.name} is encrypted: it has no {lookup_name!r}")


if TYPE_CHECKING:
    _BytesBase = models.BinaryField[Any, Any]
else:
    _BytesBase = EncryptedTextField


class EncryptedBytesField(_BytesBase):
    """Bytes (a file) encrypted for their schema, model and field."""

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        return value

    def get_db_prep_value(
        self,
        value: Any,
        connection: BaseDatabaseWrapper,
        prepared: bool = False,  # noqa: ARG002
    ) -> Any:
        return None if value is None else ring().encrypt_bytes(bytes(value), self.place(connection))  # type: ignore[attr-defined]

    def from_db_value(
        self,
        value: str | None,
        expression: Any,  # noqa: ARG002
        connection: BaseDatabaseWrapper,
    ) -> Any:
        return None if value is None else ring().decrypt_bytes(value, self.place(connection))  # type: ignore[attr-defined]


if TYPE_CHECKING:
    _JSONBase = models.JSONField[Any, Any]
else:
    _JSONBase = EncryptedTextField


class EncryptedJSONField(_JSONBase):
    """A JSON value (objects, lists, text, numbers) encrypted as a whole."""

    def to_text(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def from_text(self, text: str) -> Any:
        return json.loads(text)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return self.to_text(self.value_from_object(obj))
