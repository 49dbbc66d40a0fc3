from __future__ import annotations

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "medassist.audit"
    label = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from medassist.audit.services import record_for
        from medassist.common.trail import record_with

        record_with(record_for)
