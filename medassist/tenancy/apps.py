from __future__ import annotations

from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "medassist.tenancy"
    label = "tenancy"
    verbose_name = "Clinics"

    def ready(self) -> None:
        from medassist.tenancy import checks, lifecycle

        checks.register_checks()
        lifecycle.connect()
