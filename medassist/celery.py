"""The Celery application: an engine that runs doorbells; the truth is the job ledger in Postgres.

Settings follow what was measured (docs/decisions/0003-ledger-not-broker.md): no result backend, prefetch 1,
doorbells without arguments that expire, socket timeouts short enough to notice a frozen Redis.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "medassist.settings.base")


def broker_options(url: str) -> dict[str, Any]:
    """Transport options by the broker's URL scheme: Redis needs its own, RabbitMQ must not get them."""
    if urlsplit(url).scheme in {"redis", "rediss"}:
        return {
            "broker_transport_options": {
                "socket_timeout": 5,
                "socket_connect_timeout": 2,
                "health_check_interval": 5,
                "retry_on_timeout": True,
                "visibility_timeout": 30,
                "unacked_restore_interval": 2,
                "unacked_restore_throttle": 1,
                "queue_order_strategy": "priority",
            }
        }
    return {"task_default_queue_type": "quorum"}


app = Celery("medassist")


def configure() -> None:
    from django.conf import settings

    app.conf.update(
        broker_url=settings.CELERY_BROKER_URL,
        task_ignore_result=True,
        result_backend=None,
        task_default_queue="control",
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=False,
        worker_soft_shutdown_timeout=20,
        worker_enable_remote_control=False,
        task_serializer="json",
        accept_content=["json"],
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=3,
        broker_pool_limit=4,
        task_publish_retry=False,
        timezone="UTC",
        **broker_options(settings.CELERY_BROKER_URL),
    )


@app.on_configure.connect  # type: ignore[untyped-decorator]
def _configure(**_: Any) -> None:
    configure()


app.autodiscover_tasks()
