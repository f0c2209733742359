"""The unit of an upgrade: found again wherever it answers now, and asked more than once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.utils.translation import gettext_noop

from devices.ct6.client import FILE_TIMEOUT_S, UnitClient
from devices.ct6.errors import UnitError, WrongUnit
from devices.holding import HTTP_TIMEOUT_S, client_of
from devices.jobs.progress import Progress
from devices.models import Device

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long a unit is tried, in seconds."""

    tries: int = 3
    between_tries_s: float = 3.0
    timeout_s: float = HTTP_TIMEOUT_S
    file_timeout_s: float = FILE_TIMEOUT_S
    leaves_within_s: float = 15.0  # after it was asked to restart
    returns_within_s: float = 180.0  # usual are 5 to 60 s
    looks_every_s: float = 2.0
    answers_within_s: float = 60.0
    # Looking, erasing and sending. All that follows takes less than twenty minutes at worst, and what takes longer than
    # half an hour in all is stopped by Celery, wherever it is.
    sent_within_s: float = 10 * 60.0


class TookTooLong(UnitError):
    """Too much time has passed for the folders to be swapped; the unit runs on with what it has."""


class UnitAtHand:
    """The unit of a running job."""

    def __init__(self, progress: Progress, patience: Patience) -> None:
        self.progress = progress
        self.patience = patience
        self._began_s = time.monotonic()

    @property
    def assy(self) -> str:
        return self.progress.job.device.assy

    @property
    def memory(self) -> dict[str, Any]:
        """What the job has done so far."""
        memory: dict[str, Any] = self.progress.job.memory
        return memory

    def device(self) -> Device:
        """As the database has it now: the address may change with a restart."""
        return Device.objects.get(pk=self.progress.job.device_id)

    def client(self) -> UnitClient:
        """For requests at its present address. Raises UnitUnreachable or WrongUnit."""
        client = client_of(self.device())
        client.timeout_s = self.patience.timeout_s
        client.file_timeout_s = self.patience.file_timeout_s
        return client

    def check_in_time(self) -> None:
        """To be called until the folders are swapped. Raises TookTooLong."""
        if time.monotonic() - self._began_s > self.patience.sent_within_s:
            template = gettext_noop(
                "it took longer than %(minutes)d minutes to send it the firmware, so that was given up before anything "
                "was swapped. See to its WiFi (many tries above failed), and ask for the upgrade again."
            )
            raise TookTooLong(self.assy, template, {"minutes": round(self.patience.sent_within_s / 60)})

    def ask(self, act: Callable[[UnitClient], Result]) -> Result:
        """Do what can be done twice, up to `tries` times. Raises the UnitError of the last time."""
        for _ in range(self.patience.tries - 1):
            try:
                self.progress.alive()
                return act(self.client())
            except UnitError as error:
                if not error.retryable:
                    raise
            self.progress.pause(self.patience.between_tries_s)
        self.progress.alive()
        return act(self.client())

    def insist(self, act: Callable[[UnitClient], Result]) -> Result:
        """The same for as long as a restart may take, once giving up would leave the unit half-changed. That another
        unit answers may pass too: then this one has a new address, and is found there.
        """
        until_s = time.monotonic() + self.patience.returns_within_s
        while True:
            try:
                return act(self.client())
            except UnitError as error:
                if not (error.retryable or isinstance(error, WrongUnit)) or time.monotonic() > until_s:
                    raise
            self.progress.pause(self.patience.looks_every_s)
