"""Searches for units that a worker makes: asked for, followed, stopped, and closed where their worker died."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from celery import current_app
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_noop
from kombu.exceptions import OperationalError

from devices import audit, discovery
from devices.ct6 import sweep as wire
from devices.ct6.client import DEFAULT_HTTP_PORT
from devices.discovery import Found
from devices.jobs.queue import DEAD_AFTER
from devices.models import Sweep

log = structlog.get_logger(__name__)

RUN_TASK = "devices.tasks.run_sweep"
_WRITTEN_EVERY_S = 0.5
_KEPT = 20
_State = Sweep.State


class _Stopped(Exception):
    """The row is no longer ours: somebody stopped the sweep, or took us for dead."""


def ask(networks: Sequence[str], who: Any, *, http_port: int = DEFAULT_HTTP_PORT) -> Sweep:
    """Write down that these networks are to be searched, and tell a worker once the transaction is through.

    Sweeps run one after the other. Raises NotSwept for networks that are too large or not local.
    """
    total = len(wire.addresses_of(wire.networks_from(networks)))
    row = Sweep.objects.create(networks=list(networks), http_port=http_port, who=who, total=total)
    log.info("A search for units was asked for", sweep=row.pk, networks=row.networks, who=str(who or ""))
    transaction.on_commit(lambda: tell_workers([row.pk]))
    return row


def tell_workers(sweep_ids: Iterable[int]) -> None:
    """Send the tasks. One too many does no harm, one too few is made up for by the beat."""
    try:
        for sweep_id in sweep_ids:
            current_app.send_task(RUN_TASK, (sweep_id,))
    except OperationalError as error:
        log.warning("The broker cannot be reached; a search begins when it is back", reason=str(error))


def due() -> list[int]:
    """The next sweep, if none runs."""
    if Sweep.objects.filter(running=True).exists():
        return []
    return list(Sweep.objects.filter(state=_State.WAITING).order_by("pk").values_list("pk", flat=True)[:1])


def run(sweep_id: int) -> None:
    """Make the sweep, if it is its turn. What it has found so far stands in its row; nothing is raised."""
    row = _take(sweep_id)
    if row is None:
        return
    try:
        found = discovery.sweep(row.networks, row.who, http_port=row.http_port, progress=_Writer(row).write)
    except _Stopped:
        log.info("A search for units was stopped", sweep=row.pk)
        return
    except Exception:  # whatever it is, the row must not stand there as running for ever
        log.exception("A search for units broke", sweep=row.pk)
        _close(row, _State.FAILED, error=gettext_noop("Something broke on our side; the worker's log tells what."))
    else:
        _close(row, _State.DONE, asked=found.asked, found=found.as_json())
    _forget_old()
    tell_workers(due())


def cancel(row: Sweep, *, who: Any) -> bool:
    """Stop it; what was found stays. False if it is over."""
    open_rows = Sweep.objects.filter(pk=row.pk, state__in=(_State.WAITING, _State.RUNNING))
    if not open_rows.update(state=_State.CANCELLED, running=None, ended=datetime.now(UTC)):
        return False
    row.refresh_from_db()
    audit.note(row.who, "sweep", after={"networks": row.networks, "asked": row.asked})
    audit.note(who, "cancel", after={"networks": row.networks, "asked": row.asked})
    return True


def recover(now: datetime) -> None:
    """Close sweeps whose worker died: what they found stands, and they are quickly asked for again."""
    dead = Sweep.objects.filter(state=_State.RUNNING, alive_at__lt=now - DEAD_AFTER)
    error = gettext_noop("The worker was stopped in the middle. What was found until then is shown; search again.")
    if dead.update(state=_State.FAILED, running=None, ended=now, error=error):
        log.warning("A worker died in the middle of a search for units")


def _take(sweep_id: int) -> Sweep | None:
    now = datetime.now(UTC)
    try:
        with transaction.atomic():
            mine = Sweep.objects.filter(pk=sweep_id, state=_State.WAITING)
            if not mine.update(state=_State.RUNNING, running=True, started=now, alive_at=now):
                return None
    except IntegrityError:  # another one runs; the beat, or its end, brings this one up again
        return None
    return Sweep.objects.select_related("who").get(pk=sweep_id)


def _close(row: Sweep, state: Sweep.State, **values: Any) -> None:
    ours = Sweep.objects.filter(pk=row.pk, state=_State.RUNNING)
    ours.update(state=state, running=None, ended=datetime.now(UTC), **values)


def _forget_old() -> None:
    newest = list(Sweep.objects.order_by("-pk").values_list("pk", flat=True)[:_KEPT])
    Sweep.objects.filter(ended__isnull=False, pk__lt=min(newest)).delete()


class _Writer:
    """Writes the progress into the row, now and then."""

    def __init__(self, row: Sweep) -> None:
        self._row = row
        self._written_s = 0.0
        self._units = 0

    def write(self, found: Found) -> None:
        now_s = time.monotonic()
        if now_s - self._written_s < _WRITTEN_EVERY_S and len(found.units) == self._units:
            return
        self._written_s, self._units = now_s, len(found.units)
        ours = Sweep.objects.filter(pk=self._row.pk, state=_State.RUNNING)
        if not ours.update(asked=found.asked, found=found.as_json(), alive_at=datetime.now(UTC)):
            raise _Stopped
