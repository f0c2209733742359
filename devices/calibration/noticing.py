"""Waiting until the collector knows of a calibration: what it stores is right until the first gain is tried."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from django.utils.translation import gettext_noop

from devices.jobs.progress import Progress
from devices.models import Device

# The collector looks into the database every few seconds, as soon as it has stored what came before.
NOTICED_WITHIN_S = 15.0
LOOK_EVERY_S = 0.5
_PERCENT: Final = 14


def wait_until_noticed(progress: Progress, since: datetime) -> None:
    """Wait until nothing of this unit is stored any more, which is so from some moment after `since` on.

    An answer that is not stored has no window. Units that no collector hears, or whose readings are not kept, are not
    waited for. Where the collector goes on storing for too long, it is said that these readings are wrong.
    """
    device = progress.job.device
    if not _is_stored(device):
        return
    progress.step(_PERCENT, gettext_noop("Waiting until the collector stores nothing of this unit any more."))

    def is_noticed() -> bool:
        return not _is_stored(device) or _newest_window_ms(device, since) == 0

    if progress.wait_until(is_noticed, within_s=NOTICED_WITHIN_S, every_s=LOOK_EVERY_S):
        return
    # With a long period no answer may have come meanwhile; a collector that works has looked all the same.
    if _newest_window_ms(device, since):
        progress.warn(
            gettext_noop(
                "The collector has not noticed the calibration. Its readings of this unit are wrong until it is over; "
                "see whether the database is busy."
            )
        )


def _is_stored(device: Device) -> bool:
    heard = Device.objects.adopted().online(datetime.now(UTC))
    return heard.filter(pk=device.pk, claimed_from=None).exclude(active=False).exists()


def _newest_window_ms(device: Device, since: datetime) -> int | None:
    """That of the newest answer, None where it came before this moment."""
    answer = Device.objects.values_list("last_answer", flat=True).get(pk=device.pk) or {}
    if answer.get("time", 0) <= since.timestamp() * 1000:
        return None
    window_ms: int = answer.get("window_ms", 0)
    return window_ms
