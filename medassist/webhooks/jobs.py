"""The kind of work of webhooks: its own queue, so that a slow receiver holds no place that clinical work needs."""

from __future__ import annotations

from medassist.jobs.registry import declare
from medassist.jobs.schemas import JobKind

BACK_OFF_S = (5, 30, 120, 600, 1_800, 7_200, 21_600, 43_200, 86_400)
"""Seconds from one failed try to the next: ten tries in about 45 hours."""

DELIVER = declare(
    JobKind(
        name="webhook.deliver",
        queue="hooks",
        max_attempts=len(BACK_OFF_S) + 1,
        deadline_s=4 * 86_400,
        admitted=False,
        result_address=lambda references: f"/api/v1/webhooks/deliveries/{references['delivery']}",
    )
)
