from __future__ import annotations

from django.apps import AppConfig


class EmbeddedConfig(AppConfig):
    name = "medassist.embedded"
    label = "embedded"
    verbose_name = "One-machine set-up"

    def ready(self) -> None:
        from medassist.embedded import checks  # noqa: F401
