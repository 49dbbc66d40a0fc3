"""Tables that exist in the public schema only, although their app is in every schema."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connections

from medassist.tenancy.schemas import PUBLIC_SCHEMA


class PublicTables:
    """Keeps a model with `public_only = True` out of clinic schemas, where its copy would hide the real table.

    The flag is read from the model itself, since migrations replay it without its attributes. Models of other
    packages cannot carry it and are named in PUBLIC_ONLY_MODELS.
    """

    def allow_migrate(self, db: str, app_label: str, model_name: str | None = None, **hints: Any) -> bool | None:
        if hints.get("public_only"):
            return self._in_public(db)
        if model_name is None:
            return None
        if f"{app_label}.{model_name}".lower() in settings.PUBLIC_ONLY_MODELS:
            return self._in_public(db)
        try:
            model = apps.get_model(app_label, model_name)
        except LookupError:
            return None
        return self._in_public(db) if getattr(model, "public_only", False) else None

    @staticmethod
    def _in_public(db: str) -> bool | None:
        connection: Any = connections[db]
        # None leaves the decision to the next router: it knows which apps are public at all.
        return None if connection.schema_name == PUBLIC_SCHEMA else False
