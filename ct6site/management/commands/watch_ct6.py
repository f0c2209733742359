"""A process of its own beside the others. The workers cannot judge themselves: who watches has to live on when they,
the schedule, Redis or the database do not. The supervisor of ``make run`` could, but the server set-up has none. This
one needs the database only to learn what it judges, and tells itself when that does not answer."""

import signal
import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connections

from ct6site.operations.alerting import Rules
from ct6site.operations.delivery import Delivery
from ct6site.operations.watching import Watch

# Two heartbeats of a worker, which come every 10 s, have to be missing.
PART_AFTER_S = 20.0
PERIODS = 5
DATABASE_ANSWERS_WITHIN_S = 10


class Command(BaseCommand):
    help = (
        "Watch units and parts of the product, and send alerts when one falls silent, when answers are lost, and when "
        "work is stuck. A second one on the same database stands by."
    )
    requires_system_checks: list[str] = []  # they load every page of the site

    def handle(self, *args: Any, **options: Any) -> None:
        after_s = float(settings.CT6_ALERT_AFTER)
        rules = Rules(unit_after_s=max(after_s, PERIODS * settings.CT6_PERIOD), part_after_s=max(after_s, PART_AFTER_S))
        _bound_waits()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        Watch(rules, Delivery()).run(stop)


def _bound_waits() -> None:
    """A question to a server that has vanished from the network ends by itself, so that another can be asked."""
    entry = connections.settings["default"]
    if entry["ENGINE"].endswith("mysql"):
        limits = {"read_timeout": DATABASE_ANSWERS_WITHIN_S, "write_timeout": DATABASE_ANSWERS_WITHIN_S}
        entry["OPTIONS"] = {**entry["OPTIONS"], **limits}
