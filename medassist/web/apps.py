from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "medassist.web"
    label = "web"
    verbose_name = "Web"

    def ready(self) -> None:
        # Registers how callers identify themselves with the schema generator.
        from medassist.web import openapi  # noqa: F401
