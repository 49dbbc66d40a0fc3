from __future__ import annotations

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "medassist.webhooks"
    label = "webhooks"
    verbose_name = "Webhooks"

    def ready(self) -> None:
        from medassist.audit.services import listen
        from medassist.jobs.sweeper import sweep_also
        from medassist.webhooks import services

        listen(services.hear)
        sweep_also(services.housekeep)
