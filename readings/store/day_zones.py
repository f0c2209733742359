"""In which zone a device's day rows are made, and how far they are made anew after its zone has changed.

All of it is in one row per device, written under the lock of its ports: whoever goes on with a rebuild, and however
often the zone changes meanwhile, the days count as up to date only when every one of them is.
"""

from collections.abc import Iterable, Mapping

from readings.models import DayZone


def note_written(zones: Mapping[int, str]) -> None:
    """Days of these devices were written in these zones, in the caller's transaction.

    The first ones tell the zone of all; in another zone than the days before, all have to be made anew.
    """
    known = dict(DayZone.objects.filter(device__in=zones).values_list("device_id", "zone"))
    first = [DayZone(device_id=device, zone=zone) for device, zone in zones.items() if device not in known]
    if first:
        DayZone.objects.bulk_create(first, ignore_conflicts=True)
    for device, zone in zones.items():
        if known.get(device, zone) != zone:
            DayZone.objects.filter(device=device).update(zone=zone, stale_from=0)


def mark_stale(device: int, zone: str) -> None:
    """Let all days of the device be made anew."""
    DayZone.objects.update_or_create(device_id=device, defaults={"zone": zone, "stale_from": 0})


def mark_stale_from(device: int, zone: str, since_ms: int) -> None:
    """Let the device's days from a moment on be made anew, and those that are to be already."""
    mark, made = DayZone.objects.get_or_create(device_id=device, defaults={"zone": zone, "stale_from": since_ms})
    if not made and (mark.stale_from is None or mark.stale_from > since_ms):
        DayZone.objects.filter(device_id=device).update(stale_from=since_ms)


def are_stale(devices: Iterable[int]) -> bool:
    """Whether some days of one of them may be of another zone."""
    return DayZone.objects.stale().filter(device__in=devices).exists()


def stale_devices() -> Iterable[int]:
    return list(DayZone.objects.stale().order_by("device_id").values_list("device_id", flat=True))
