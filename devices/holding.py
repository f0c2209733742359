"""Talking to a unit's web server alone: it serves one connection at a time, and several at once can stop it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext_noop

from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitError, UnitUnreachable, WrongUnit
from devices.models import Device

HTTP_TIMEOUT_S = 5.0
# Longer than all requests of one push can take, should each of them run into its time-out.
LONGEST_HOLD = timedelta(minutes=3)


class UnitBusy(UnitError):
    """Somebody else is talking to the unit's web server, which serves one connection at a time."""

    retryable = True


class Hold:
    """That the unit's web server is ours until a moment. Whoever keeps it longer extends it now and then."""

    def __init__(self, device: Device, until: datetime, at_most: timedelta) -> None:
        self._rows = Device.objects.filter(pk=device.pk)
        self._until = until
        self._at_most = at_most

    def extend(self) -> bool:
        """Hold it for as long again, from now. False if it was taken over meanwhile."""
        until = datetime.now(UTC) + self._at_most
        if not self._rows.filter(held_until=self._until).update(held_until=until):
            return False
        self._until = until
        return True

    def release(self) -> None:
        self._rows.filter(held_until=self._until).update(held_until=None)


@contextmanager
def alone(device: Device, now: datetime, *, at_most: timedelta = LONGEST_HOLD) -> Iterator[Hold]:
    """Hold the unit's one connection. Raises UnitBusy; a holder that died is overruled after `at_most`."""
    until = now + at_most
    rows = Device.objects.filter(pk=device.pk)
    if not rows.filter(Q(held_until=None) | Q(held_until__lte=now)).update(held_until=until):
        raise UnitBusy(device.assy, gettext_noop("other work on it is going on; try again in a minute."))
    hold = Hold(device, until, at_most)
    try:
        yield hold
    finally:
        hold.release()


def client_of(device: Device) -> UnitClient:
    """How to ask this unit, and no other that may answer at its address. Raises UnitUnreachable or WrongUnit."""
    if device.address is None:
        raise UnitUnreachable(device.assy, gettext_noop("its address is not known yet; it has to answer once."))
    if device.claimed_from is not None:
        message = gettext_noop(
            "%(address)s and %(other)s both claim this label, so it is not known which unit would be changed. "
            "Settle that first."
        )
        raise WrongUnit(device.assy, message, {"address": device.address, "other": device.claimed_from})
    return UnitClient(device.address, device.http_port, assy=device.assy, timeout_s=HTTP_TIMEOUT_S)
