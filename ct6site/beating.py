"""The schedule, which says that it works as the other parts do."""

import time
from typing import Any

import structlog
from django.db import Error, connection
from django.utils import timezone
from django_celery_beat.schedulers import DatabaseScheduler

from readings import heartbeats

log = structlog.get_logger(__name__)

BEAT_S = 5.0


class BeatingScheduler(DatabaseScheduler):
    """Its heartbeat is its own: a worker that stands still and a schedule that does are told apart."""

    _noted_s = float("-inf")

    def tick(self, *args: Any, **kwargs: Any) -> float:
        """As everywhere in Celery: do what is due and return after how many seconds there may be more."""
        pause_s = float(super().tick(*args, **kwargs))
        self._note_heartbeat()
        return min(pause_s, BEAT_S)

    def _note_heartbeat(self) -> None:
        if time.monotonic() - self._noted_s < BEAT_S - 0.5:
            return
        try:
            heartbeats.note("beat", timezone.now())
        except Error as error:
            connection.close()
            log.warning("The schedule cannot say that it works, since the database does not take it", reason=str(error))
        else:
            self._noted_s = time.monotonic()
