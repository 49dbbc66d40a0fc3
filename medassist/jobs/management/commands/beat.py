"""`manage.py beat`: the sweeper. Several may run; one leads, the others stand by and take over."""

from __future__ import annotations

import logging
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection

from medassist.jobs import sweeper

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Sweeps the job ledger: expired leases, overdue jobs, doorbells that were not heard."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="one pass, then exit")

    def handle(self, *_: Any, once: bool = False, **__: Any) -> None:
        if once:
            swept = sweeper.sweep()
            sweeper.sweep_above()
            self.stdout.write(f"requeued {swept.requeued}, dead {swept.dead}, cancelled {swept.cancelled}")
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        leading = False
        while not stop.wait(settings.SWEEP_SECONDS):
            try:
                leads = sweeper.try_to_lead() if not leading else True
                if leads and not leading:
                    logger.info("This sweeper leads now", extra={"worker": "beat"})
                leading = leads
                if leading:
                    sweeper.sweep()
                    sweeper.sweep_above()
            except DatabaseError:
                # The lock died with the connection: lead again only after taking it again.
                leading = False
                connection.close()
                logger.warning("The database is away; the sweeper waits", extra={"worker": "beat"})
