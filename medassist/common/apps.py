from __future__ import annotations

from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "medassist.common"
    label = "common"
    verbose_name = "Common"
