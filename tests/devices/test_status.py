"""How a unit does, as it tells over HTTP and as its last answers show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain

import pytest

from devices import status
from devices.ct6.errors import UnitUnreachable, WrongUnit
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.firmware_forms import WhichForm
from devices.holding import UnitBusy
from devices.models import Device
from devices.status import READ_EVERY, TURN, clock_drift_s, due, flash_total_bytes, kept_status, read_status, refresh
from tests.devices.ct6.captured import captured_json
from tests.devices.units import closed_port
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(2, http_port=0, ayt_port=0, uptime_s=5000) as fleet:
        yield fleet


def now() -> datetime:
    return datetime.now(UTC)


def read(device: Device) -> status.Status:
    """As another process would: from what is stored."""
    return read_status(Device.objects.get(pk=device.pk), now=now())


def test_a_unit_tells_how_it_does(device: Device, unit: SimulatedUnit) -> None:
    told = read(device)
    assert told.firmware_version == "3.1"
    assert 5000 <= told.uptime_s < 5060
    assert abs((told.at - told.started).total_seconds() - told.uptime_s) < 3
    assert (told.ram_used_bytes, told.ram_free_bytes, told.ram_total_bytes) == (178_496, 37_568, 216_064)
    assert (told.flash_used_bytes, told.flash_total_bytes) == (unit.flash.used_bytes, unit.flash.total_bytes)
    assert told.flash_free_bytes == unit.flash.total_bytes - unit.flash.used_bytes
    assert (told.active_folder, told.inactive_folder) == ("/app1", "/app2")
    assert json.loads(told.stats_text)["ASSY"] == device.assy
    assert unit.most_connections == 1


def test_what_was_told_is_kept(device: Device) -> None:
    assert kept_status(device) is None
    told = read(device)
    assert kept_status(Device.objects.get(pk=device.pk)) == told


def test_a_unit_that_is_not_heard_is_shown_as_what_it_tells(device: Device, unit: SimulatedUnit) -> None:
    """An inactive unit answers no question, and somebody else may give it new firmware or another name."""
    unit.set({"ACTIVE": "0", "YDEV_UNIT_NAME": "Sch%C3%BCtze"})
    Device.objects.update(firmware_version="2.9", name="Before", told_at=None)
    known = Device.objects.get(pk=device.pk)
    told = read_status(known, now=now())
    stored = Device.objects.get(pk=device.pk)
    assert stored.firmware_version == known.firmware_version == told.firmware_version == "3.1"
    assert stored.name == known.name == "Schütze"
    assert stored.told_at is not None, "an answer from before does not bring the former name back"
    assert kept_status(stored) == told


def test_what_the_status_tells_is_where_units_are_chosen_and_listed(device: Device) -> None:
    Device.objects.update(firmware_version="2.9")
    read(device)
    form = WhichForm(devices=Device.objects.all())
    assert "3.1" in str(form["device"])
    assert "2.9" not in str(form["device"])
    user = make_user("ann", staff=True)
    [listed] = logged_in(user).get("/api/v1/devices/").json()
    assert listed["firmware_version"] == "3.1"


def test_a_status_that_tells_nothing_new_writes_nothing_new(device: Device) -> None:
    Device.objects.update(firmware_version="3.1", told_at=None)
    read(device)
    assert Device.objects.get(pk=device.pk).told_at is None


def test_no_password_is_kept(device: Device, unit: SimulatedUnit) -> None:
    read(device)
    wifi = unit.settings["WIFI"]
    assert isinstance(wifi, dict)
    assert str(wifi["PASSWD"]) not in json.dumps(Device.objects.values_list("status", flat=True).get())


def test_the_status_of_another_unit_is_not_taken(fleet: Fleet, device: Device) -> None:
    other = fleet.units[1]
    Device.objects.update(address=other.address, http_port=other.http_port)
    with pytest.raises(WrongUnit):
        read(device)
    assert kept_status(Device.objects.get(pk=device.pk)) is None


def test_a_busy_unit_is_not_asked(device: Device, unit: SimulatedUnit) -> None:
    Device.objects.update(held_until=now() + timedelta(minutes=1))
    with pytest.raises(UnitBusy):
        read(device)
    assert not unit.requests


@pytest.mark.parametrize("command", ["/get_active_app_folder", "/get_inactive_app_folder"])
def test_firmware_that_has_no_folders_tells_the_rest(device: Device, unit: SimulatedUnit, command: str) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, command))
    told = read(device)
    assert "" in (told.active_folder, told.inactive_folder)
    assert told.uptime_s >= 5000


# Flash


def test_the_size_of_the_flash_is_found_from_what_is_used_of_it() -> None:
    captured = captured_json("get_sys_stats")
    assert flash_total_bytes(captured["DISK_USED_BYTES"], captured["DISK_PERCENTAGE_USED"]) == 212 * 4096
    full = json.loads(captured_json("destructive")["fill_disk"]["answers"][1])
    assert flash_total_bytes(full["DISK_USED_BYTES"], full["DISK_PERCENTAGE_USED"]) == 212 * 4096


@pytest.mark.parametrize(("used", "percent"), [(None, 25.0), (1000, None), (1000, 0), (1000, "x"), (1000, 101.0)])
def test_a_flash_that_is_not_told_has_no_size(used: int | None, percent: object) -> None:
    assert flash_total_bytes(used, percent) is None


# Restarts


def test_a_unit_that_runs_on_has_not_restarted(device: Device) -> None:
    first, second = read(device), read(device)
    assert (second.restarts, second.started) == (0, first.started)
    assert second.restarts_since == first.restarts_since


def test_a_restart_is_counted_once(device: Device, unit: SimulatedUnit) -> None:
    first = read(device)
    unit.reboot(away_s=0)
    second, third = read(device), read(device)
    assert (second.restarts, third.restarts) == (1, 1)
    assert second.started > first.started
    assert third.started == second.started


def kept_long_ago(device: Device, *, days: float, uptime_s: int) -> None:
    """What the unit told that many days ago, with the uptime that it had then."""
    at = now() - timedelta(days=days)
    started_s = at.timestamp() - uptime_s
    read(device)
    kept = Device.objects.get(pk=device.pk).status | {"uptime_s": uptime_s, "started_s": started_s}
    Device.objects.filter(pk=device.pk).update(status=kept, status_at=at)


def test_a_restart_is_seen_also_where_the_unit_has_run_longer_since(device: Device) -> None:
    kept_long_ago(device, days=2, uptime_s=60)
    assert read(device).restarts == 1


def test_a_clock_that_goes_a_little_wrong_is_no_restart(device: Device) -> None:
    kept_long_ago(device, days=5000 / 86400, uptime_s=4)  # four seconds in 5000 are lost
    assert read(device).restarts == 0


# Last answers


def heard(**fields: object) -> dict[str, object]:
    return {"time": 1_800_000_000_000, "address": "127.0.0.2", "window_ms": 1000, "ports": {}, **fields}


@pytest.mark.parametrize(
    ("sent_at_s", "heard_ms", "drift_s"),
    [
        (1_800_000_000, 1_800_000_000_000, 0),
        (1_800_000_000, 1_800_000_000_999, 0),  # whole seconds: it may be right
        (1_800_000_007, 1_800_000_000_000, 7),
        (1_800_000_000, 1_800_000_060_000, -59),
        (1_609_459_200, 1_800_000_000_000, -190_540_799),  # 2021: it has not heard the time yet
        (None, 1_800_000_000_000, None),
    ],
)
def test_the_drift_of_the_clock_comes_from_the_newest_answer(
    device: Device, sent_at_s: int | None, heard_ms: int, drift_s: float | None
) -> None:
    device.last_answer = heard(time=heard_ms, sent_at_s=sent_at_s)
    assert clock_drift_s(device) == drift_s


def test_a_unit_that_never_answered_has_no_drift(device: Device) -> None:
    assert clock_drift_s(device) is None


def test_what_the_collector_knows_is_shown(device: Device) -> None:
    answer = heard(other_poller=True)
    Device.objects.update(last_answer=answer, claimed_from=None)
    told = read(device)
    assert (told.last_answer, told.other_poller, told.also_claimed_from) == (answer, True, None)
    assert json.loads(status.as_json(told.last_answer)) == answer
    assert status.as_json(None) == ""


# By itself


def online(count: int) -> list[Device]:
    return [make_device(f"ASY0398_V003.300_SN{n:08d}", ports=(), last_seen=now()) for n in range(count)]


def turns(start: datetime, count: int = READ_EVERY // TURN) -> list[list[int]]:
    return [due(start + n * TURN) for n in range(count)]


@pytest.fixture
def always_online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.querysets.silence_limit", lambda: timedelta(hours=1))


@pytest.mark.usefixtures("always_online")
def test_every_online_unit_has_one_turn_in_ten_minutes_and_not_all_at_once() -> None:
    devices = online(45)
    asked = turns(now())
    assert sorted(chain(*asked)) == [device.pk for device in devices]
    assert max(len(turn) for turn in asked) <= 3


@pytest.mark.usefixtures("always_online")
def test_units_that_were_asked_just_now_are_offline_or_unsettled_have_no_turn() -> None:
    asked, settled, away, lost = online(4)
    Device.objects.filter(pk=asked.pk).update(status_at=now())
    Device.objects.filter(pk=settled.pk).update(claimed_from="127.0.0.9")
    Device.objects.filter(pk=away.pk).update(last_seen=now() - timedelta(hours=2))
    Device.objects.filter(pk=lost.pk).update(address=None)
    assert list(chain(*turns(now(), 9))) == []
    assert list(chain(*turns(now() + READ_EVERY))) == [asked.pk]


def test_a_unit_that_is_busy_or_away_is_left_for_the_next_time(device: Device, unit: SimulatedUnit) -> None:
    Device.objects.update(held_until=now() + timedelta(minutes=1))
    refresh(Device.objects.get(), now=now())
    assert not unit.requests
    Device.objects.update(held_until=None, address="127.0.0.1", http_port=closed_port())
    with pytest.raises(UnitUnreachable):
        read(device)
    refresh(Device.objects.get(), now=now())
    assert Device.objects.get().status_at is None
