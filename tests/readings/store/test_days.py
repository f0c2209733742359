"""Local days: they run from midnight to midnight of the device's zone, whatever its clocks do."""

import pytest

from devices.models import Device
from readings.models import DeviceDay, DirtyBucket, PortDay, PortHour
from readings.periods import HOUR_MS, MINUTE_MS, format_time, parse_time
from readings.store import rollups
from readings.store.rollups import rebuild_days, roll_up_closed
from tests.factories import make_device
from tests.readings.bulk import Answer, steady, store

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

LATER = parse_time("2030-01-01T00:00:00Z")
POWER = 1000  # 100 W


def no_pause(_seconds: float) -> None:
    pass


def measure(device: Device, start: str, end: str) -> None:
    """Fill a time with one-minute windows of 100 W and roll it up."""
    store(device, steady(parse_time(start), parse_time(end), MINUTE_MS, POWER))
    roll_up_closed(LATER, pause=no_pause)


def days(device: Device) -> dict[str, float]:
    """Hours of 100 W by day."""
    found = PortDay.objects.filter(port_id__in=device.ports.values_list("pk", flat=True)).order_by("start")
    for day in found:
        assert day.positive_energy == POWER * day.covered_ms
        assert day.apparent_power_sum == POWER * day.covered_ms
    starts = list(found.values_list("start", "covered_ms"))
    assert starts == list(DeviceDay.objects.filter(device=device).order_by("start").values_list("start", "covered_ms"))
    return {format_time(start, device.timezone): covered_ms / HOUR_MS for start, covered_ms in starts}


def test_the_day_clocks_go_forward_has_23_hours() -> None:
    london = make_device(ports=["Grid"], timezone="Europe/London")
    measure(london, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z")
    assert days(london) == {
        "2026-03-28T00:00:00+00:00": 12,
        "2026-03-29T00:00:00+00:00": 23,
        "2026-03-30T00:00:00+01:00": 13,
    }


def test_the_day_clocks_go_back_has_25_hours() -> None:
    london = make_device(ports=["Grid"], timezone="Europe/London")
    measure(london, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z")
    assert days(london) == {
        "2026-10-24T00:00:00+01:00": 11,
        "2026-10-25T00:00:00+01:00": 25,
        "2026-10-26T00:00:00+00:00": 12,
    }


def test_days_of_a_zone_off_the_hour() -> None:
    kathmandu = make_device(ports=["Grid"], timezone="Asia/Kathmandu")
    measure(kathmandu, "2026-05-03T12:00:00Z", "2026-05-05T12:00:00Z")
    assert days(kathmandu) == {
        "2026-05-03T00:00:00+05:45": 6.25,
        "2026-05-04T00:00:00+05:45": 24,
        "2026-05-05T00:00:00+05:45": 17.75,
    }
    hours = PortHour.objects.values_list("start", "covered_ms")
    assert all(start % HOUR_MS == 0 and covered_ms == HOUR_MS for start, covered_ms in hours)


def test_an_hour_that_a_midnight_cuts_belongs_to_both_days() -> None:
    kathmandu = make_device(ports=["Grid"], timezone="Asia/Kathmandu")
    measure(kathmandu, "2026-05-03T18:10:00Z", "2026-05-03T18:20:00Z")
    assert days(kathmandu) == {
        "2026-05-03T00:00:00+05:45": 5 / 60,
        "2026-05-04T00:00:00+05:45": 5 / 60,
    }


def test_the_leap_day_is_a_day() -> None:
    london = make_device(ports=["Grid"], timezone="Europe/London")
    measure(london, "2028-02-28T22:00:00Z", "2028-03-01T03:00:00Z")
    assert days(london) == {
        "2028-02-28T00:00:00+00:00": 2,
        "2028-02-29T00:00:00+00:00": 24,
        "2028-03-01T00:00:00+00:00": 3,
    }


def test_one_window_over_several_days_gives_each_its_share() -> None:
    london = make_device(ports=["Grid"], timezone="Europe/London")
    end = parse_time("2026-10-26T06:00:00Z")
    store(london, [Answer(end, 36 * HOUR_MS, (POWER,), recovered=True)])
    roll_up_closed(LATER, pause=no_pause)
    recovered = {
        format_time(day.start, "Europe/London"): (day.recovered_ms / HOUR_MS, day.samples)
        for day in PortDay.objects.order_by("start")
    }
    assert recovered == {
        "2026-10-24T00:00:00+01:00": (5, 0),
        "2026-10-25T00:00:00+01:00": (25, 0),
        "2026-10-26T00:00:00+00:00": (6, 1),
    }


def test_devices_in_several_zones_go_together() -> None:
    zones = ("Asia/Kathmandu", "Europe/London", "Pacific/Auckland")
    devices = [make_device(f"ASY0398_V003.300_SN0000000{n}", ports=["Grid"], timezone=z) for n, z in enumerate(zones)]
    for device in devices:
        store(device, steady(parse_time("2026-05-04T00:00:00Z"), parse_time("2026-05-05T00:00:00Z"), MINUTE_MS, POWER))
    roll_up_closed(LATER, pause=no_pause)
    assert [list(days(device).values()) for device in devices] == [[18.25, 5.75], [23, 1], [12, 12]]


class TestChangeOfZone:
    def test_all_days_are_computed_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rollups, "DAYS_PER_STEP", 2)
        device = make_device(ports=["Grid", "Solar"], timezone="UTC")
        other = make_device("ASY0398_V003.300_SN00000009", ports=["Grid"], timezone="UTC")
        for one in (device, other):
            store(one, steady(parse_time("2026-05-01T00:00:00Z"), parse_time("2026-05-06T00:00:00Z"), MINUTE_MS, POWER))
        roll_up_closed(LATER, pause=no_pause)
        assert list(days(other).values()) == [24] * 5

        Device.objects.filter(pk=device.pk).update(timezone="Asia/Kathmandu")
        rebuild_days(device, pause=no_pause)

        device.refresh_from_db()
        assert days(device) == {
            "2026-05-01T00:00:00+05:45": 18.25,
            "2026-05-02T00:00:00+05:45": 24,
            "2026-05-03T00:00:00+05:45": 24,
            "2026-05-04T00:00:00+05:45": 24,
            "2026-05-05T00:00:00+05:45": 24,
            "2026-05-06T00:00:00+05:45": 5.75,
        }
        assert list(days(other).values()) == [24] * 5

    def test_days_of_the_old_zone_go_wherever_they_lie(self) -> None:
        device = make_device(ports=["Grid"], timezone="Pacific/Auckland")
        measure(device, "2026-05-04T11:00:00Z", "2026-05-04T11:30:00Z")
        device.timezone = "America/New_York"
        device.save()
        rebuild_days(device, pause=no_pause)
        assert days(device) == {"2026-05-04T00:00:00-04:00": 0.5}

    def test_again_changes_nothing(self) -> None:
        device = make_device(ports=["Grid"], timezone="Asia/Kathmandu")
        measure(device, "2026-05-03T12:00:00Z", "2026-05-05T12:00:00Z")
        before = days(device)
        rebuild_days(device, pause=no_pause)
        assert days(device) == before

    def test_a_device_without_rollups_has_no_days(self) -> None:
        rebuild_days(make_device(), pause=no_pause)
        assert not DeviceDay.objects.exists()

    def test_the_next_roll_up_clears_a_day_of_the_old_zone_out_of_its_day(self) -> None:
        device = make_device(ports=["Grid"], timezone="Asia/Kathmandu")
        measure(device, "2026-05-04T06:00:00Z", "2026-05-04T07:00:00Z")
        Device.objects.update(timezone="Asia/Kolkata")
        device.refresh_from_db()
        DirtyBucket.objects.create(device=device, minute=parse_time("2026-05-04T06:00:00Z"))
        roll_up_closed(LATER, pause=no_pause)
        assert "2026-05-04T00:00:00+05:30" in days(device)
