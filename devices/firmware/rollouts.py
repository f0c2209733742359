"""Asking for new firmware: for one unit, or for several in waves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop as _

from devices import audit
from devices.ct6.errors import UnitError
from devices.firmware.preflight import UpgradeRefused, crosses_2_8, crossing_refused
from devices.jobs import queue
from devices.models import Device, FirmwareRelease, Job, Rollout

# Somebody who means now chooses the minute that has begun.
_STILL_NOW: Final = timedelta(minutes=1)


class MomentPassed(UpgradeRefused):
    """It shall not begin before a moment that is over; nothing was asked for."""


def ask_upgrade(
    device: Device, release: FirmwareRelease, *, who: Any, not_before: datetime | None = None, across_2_8: bool = False
) -> Job:
    """Ask for new firmware for one unit. Raises UpgradeRefused where it is clear that the job would refuse it, and
    MomentPassed where `not_before` is more than a minute ago.
    """
    _refuse_past(not_before)
    with transaction.atomic():
        return _ask(device, release, who=who, not_before=not_before, across_2_8=across_2_8)


def roll_out(  # noqa: PLR0913 - what goes where, who says so, when, and how careful
    release: FirmwareRelease,
    devices: Sequence[Device],
    *,
    who: Any,
    not_before: datetime | None = None,
    stop_at_failure: bool = True,
    across_2_8: bool = False,
) -> Rollout:
    """Ask for new firmware for several units: the first alone, the others once it has succeeded.

    With `stop_at_failure` those that have not begun when one fails are left as they are; if the first one fails they
    always are. Nothing begins before `not_before`. Raises UpgradeRefused, with nothing asked for, for the first unit of
    which it is clear that its job would refuse it, and MomentPassed where `not_before` is more than a minute ago.
    """
    _refuse_past(not_before)
    if not devices:
        raise UpgradeRefused("", _("No unit was chosen, so there is nothing to upgrade."))
    with transaction.atomic():
        rollout = Rollout.objects.create(
            release=release, who=who if getattr(who, "pk", None) else None, stop_at_failure=stop_at_failure
        )
        for index, device in enumerate(dict.fromkeys(devices)):
            _ask(
                device,
                release,
                who=who,
                not_before=not_before,
                across_2_8=across_2_8,
                rollout=rollout,
                wave=min(index, 1),
            )
    return rollout


def refusal(device: Device, release: FirmwareRelease, *, across_2_8: bool = False) -> UnitError | None:
    """Why this unit would not be given this release, as far as that is known without asking the unit."""
    before = device.firmware_version
    if before and crosses_2_8(before, release.version) and not across_2_8:
        return crossing_refused(device.assy, before, release.version)
    return None


def _refuse_past(not_before: datetime | None) -> None:
    if not_before is None or not_before >= datetime.now(UTC) - _STILL_NOW:
        return
    local = not_before.astimezone(ZoneInfo(settings.CT6_TIMEZONE))
    template = _("%(moment)s is over. Name a moment that is to come, or none to begin at once. Nothing was asked for.")
    raise MomentPassed("", template, {"moment": f"{local:%Y-%m-%d %H:%M %Z}"})


def _ask(  # noqa: PLR0913 - as above, and as part of what
    device: Device,
    release: FirmwareRelease,
    *,
    who: Any,
    not_before: datetime | None,
    across_2_8: bool,
    rollout: Rollout | None = None,
    wave: int = 0,
) -> Job:
    if (refused := refusal(device, release, across_2_8=across_2_8)) is not None:
        raise refused
    asked = {"release": release.pk, "across_2_8": across_2_8}
    job = queue.ask(device, Job.Kind.UPGRADE, who=who, asked=asked, not_before=not_before, rollout=rollout, wave=wave)
    after = {"firmware_version": release.version, "release": release.pk, "job": job.pk}
    audit.note(who, "upgrade_asked", device, before={"firmware_version": device.firmware_version}, after=after)
    return job
