"""What is known of units before they are asked for an upgrade, without asking them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from devices import status
from devices.ct6.errors import UnitError
from devices.firmware.compiling import CompilerUnusable, compiled, flash_bytes
from devices.firmware.preflight import crosses_2_8
from devices.firmware.releases import sources_of
from devices.firmware.rollouts import refusal
from devices.models import Device, FactoryConfig, FirmwareRelease, Job
from devices.querysets import silence_limit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Outlook:
    """How an upgrade of one unit would begin. `fits` is None where the unit has not told how big its flash is, or
    the compiler cannot be run.

    `refusal` is what the upgrade would be refused with unless it is confirmed; `backed_up` is when its factory
    configuration was copied last (the upgrade copies it again first).
    """

    device: Device
    is_online: bool
    runs_it_already: bool
    crosses_2_8: bool
    refusal: UnitError | None
    fits: bool | None
    backed_up: datetime | None
    running: Job | None


def look_ahead(devices: Sequence[Device], release: FirmwareRelease, *, now: datetime) -> list[Outlook]:
    """The outlook of each unit, in the same order. The job looks again, at the unit itself."""
    try:
        needed = flash_bytes(compiled(sources_of(release)))
    except CompilerUnusable as unusable:
        log.error("Firmware cannot be compiled", reason=str(unusable))  # noqa: TRY400 - the sentence says all
        needed = None
    running = {job.device_id: job for job in Job.objects.running().filter(device__in=devices)}
    return [_look_at(device, release, needed, running.get(device.pk), now) for device in devices]


def _look_at(
    device: Device, release: FirmwareRelease, needed: int | None, running: Job | None, now: datetime
) -> Outlook:
    kept = status.kept_status(device)
    total = kept.flash_total_bytes if kept else None
    before = device.firmware_version
    return Outlook(
        device=device,
        is_online=device.last_seen is not None and device.last_seen >= now - silence_limit(),
        runs_it_already=before == release.version,
        crosses_2_8=bool(before) and crosses_2_8(before, release.version),
        refusal=refusal(device, release),
        fits=None if total is None or needed is None else needed <= total // 2,
        backed_up=FactoryConfig.objects.filter(device=device).values_list("taken", flat=True).first(),
        running=running,
    )
