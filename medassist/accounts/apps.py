from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "medassist.accounts"
    label = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from medassist.accounts import events

        events.connect()
