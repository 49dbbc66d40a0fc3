from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "medassist.accounts"
    label = "accounts"
    verbose_name = "People"

    def ready(self) -> None:
        from medassist.accounts import adapters, events
        from medassist.common import fields

        events.connect()
        if adapters.rotate_second_factors not in fields.other_secrets:
            fields.other_secrets.append(adapters.rotate_second_factors)
