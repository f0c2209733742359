"""Copies of a unit's factory configuration: kept, compared, put back."""

import hashlib
import json
from typing import Any

import pytest
from django.utils import timezone

from devices import factory, gains
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitAnsweredBadly, UnitRefused, UnitUnreachable, WrongUnit
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.holding import alone
from devices.jobs import queue, runner
from devices.jobs.kinds import KINDS
from devices.models import AuditEntry, Device, FactoryConfig, Job, Replacement
from tests.devices.units import closed_port, device_of

pytestmark = pytest.mark.django_db

Reason = FactoryConfig.Reason


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    return device_of(unit)


@pytest.fixture(autouse=True)
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "PATIENCE_S", 0.0)


def save(unit: SimulatedUnit, **settings: str) -> None:
    """Somebody calibrated the unit with another tool."""
    unit.set(settings)
    unit.load_chips()
    unit.save_factory_settings()


def done(job: Job) -> Job:
    runner.run(job.pk, KINDS)
    job.refresh_from_db()
    return job


def said(job: Job) -> list[str]:
    return [line.text for line in job.lines.all()]


# --- Keeping copies -----------------------------------------------------------------------------------------------


@pytest.mark.engines
def test_a_copy_is_what_stands_on_the_unit(unit: SimulatedUnit, device: Device, admin_user: Any) -> None:
    copy = factory.back_up(device, Reason.BY_HAND, admin_user)
    content = unit.flash.read("/factory.cfg")
    assert copy.content.encode() == content
    assert copy.sha256 == hashlib.sha256(content).hexdigest()
    assert (copy.who, copy.reason) == (admin_user, "by_hand")
    assert AuditEntry.objects.get().after == {"factory_config": copy.pk, "reason": "by_hand"}


def test_a_copy_like_the_newest_is_not_kept_twice(unit: SimulatedUnit, device: Device) -> None:
    first = factory.back_up(device, Reason.BY_HAND, None)
    shuffled = dict(reversed(json.loads(unit.flash.read("/factory.cfg")).items()))
    unit.flash.files["/factory.cfg"] = json.dumps(shuffled).encode()
    assert factory.back_up(device, Reason.NIGHTLY, None) == first
    assert FactoryConfig.objects.count() == 1


def test_a_copy_like_an_older_one_is_kept_again(unit: SimulatedUnit, device: Device) -> None:
    for gain in ("40000", "41000", "40000"):
        save(unit, CT1_IGAIN=gain)
        factory.back_up(device, Reason.BY_HAND, None)
    assert FactoryConfig.objects.count() == 3


def test_the_copy_of_another_unit_is_not_kept(unit: SimulatedUnit, device: Device) -> None:
    values = json.loads(unit.flash.read("/factory.cfg")) | {"ASSY": "ASY0398_V003.300_SN00009999"}
    unit.flash.files["/factory.cfg"] = json.dumps(values).encode()
    with pytest.raises(WrongUnit, match="is that of ASY0398_V003.300_SN00009999"):
        factory.back_up(device, Reason.BY_HAND, None)
    assert not FactoryConfig.objects.exists()


def test_a_unit_without_one_is_told_apart_from_one_that_refuses(unit: SimulatedUnit, device: Device) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/get_file", times=1))
    with pytest.raises(UnitRefused) as refusal:
        factory.back_up(device, Reason.BY_HAND, None)
    assert not isinstance(refusal.value, gains.NoFactoryConfig)
    unit.flash.remove("/factory.cfg")
    with pytest.raises(gains.NoFactoryConfig, match="never calibrated"):
        factory.back_up(device, Reason.BY_HAND, None)


def test_half_a_file_is_not_kept(unit: SimulatedUnit, device: Device) -> None:
    unit.flash.files["/factory.cfg"] = b'{"ASSY": "ASY0398'
    with pytest.raises(UnitAnsweredBadly, match="cannot be read"):
        factory.back_up(device, Reason.BY_HAND, None)
    assert not FactoryConfig.objects.exists()


def test_a_unit_that_is_away_is_an_error_of_its_own(device: Device) -> None:
    with pytest.raises(UnitUnreachable):
        factory.back_up(device, Reason.BY_HAND, None, UnitClient("127.0.0.1", closed_port(), assy=device.assy))


def test_two_copies_are_compared_by_key(unit: SimulatedUnit, device: Device) -> None:
    first = factory.back_up(device, Reason.BY_HAND, None)
    was = unit.settings["CT1_IGAIN"]
    save(unit, CT1_IGAIN="40000", LINE_FREQ_HZ="60")
    second = factory.back_up(device, Reason.BY_HAND, None)
    assert factory.compare(first, second) == [("CT1_IGAIN", was, 40_000.0), ("LINE_FREQ_HZ", 50, 60.0)]
    assert factory.compare(first, first) == []


def test_a_job_keeps_a_copy_and_says_whether_it_is_new(device: Device) -> None:
    first, second = (done(queue.ask(device, Job.Kind.BACKUP, who=None)) for _ in range(2))
    assert first.state == second.state == Job.State.DONE
    assert said(first)[-1] == "A copy of the factory configuration was kept."
    assert "is the same as in the copy of" in said(second)[-1]
    assert first.memory == second.memory == {"factory_config": FactoryConfig.objects.get().pk}


# --- At night -----------------------------------------------------------------------------------------------------


def test_at_night_only_changed_ones_are_kept(fleet: Fleet) -> None:
    now = timezone.now()
    house, annex = (device_of(unit, last_seen=now) for unit in fleet.units)
    assert {copy.device for copy in factory.back_up_all_changed(now).kept} == {house, annex}
    save(fleet.units[1], CT1_IGAIN="40000")
    night = factory.back_up_all_changed(now)
    assert [(copy.device, copy.reason) for copy in night.kept] == [(annex, "nightly")]
    assert (night.unchanged, night.failed) == (1, {})


def test_at_night_a_unit_that_fails_does_not_hold_up_the_others(fleet: Fleet) -> None:
    now = timezone.now()
    broken, well = (device_of(unit, last_seen=now) for unit in fleet.units)
    fleet.units[0].faults.http.append(HttpFault(HttpFaultKind.CUT_OFF))
    night = factory.back_up_all_changed(now)
    assert [copy.device for copy in night.kept] == [well]
    assert list(night.failed) == [broken.assy]


def test_at_night_a_unit_that_somebody_talks_to_is_left_alone(unit: SimulatedUnit) -> None:
    now = timezone.now()
    device = device_of(unit, last_seen=now)
    with alone(device, now):
        night = factory.back_up_all_changed(now)
    assert list(night.failed) == [device.assy]
    assert list(unit.requests) == []


@pytest.mark.parametrize(
    ("fields", "asked"),
    [
        ({"last_seen": None, "active": True}, False),
        ({"last_seen": None, "active": False}, True),
        ({"last_seen": "now", "active": True}, True),
        ({"last_seen": "now", "adoption": "pending"}, False),
        ({"last_seen": "now", "adoption": "ignored"}, False),
        ({"last_seen": "now", "claimed_from": "127.0.0.9"}, False),
        ({"last_seen": "now", "address": None}, False),
    ],
)
def test_at_night_units_are_asked_that_can_be_reached(unit: SimulatedUnit, fields: dict[str, Any], asked: bool) -> None:
    now = timezone.now()
    device_of(unit, **{key: now if value == "now" else value for key, value in fields.items()})
    factory.back_up_all_changed(now)
    assert bool(unit.requests) is asked


# --- Putting one back ---------------------------------------------------------------------------------------------


@pytest.fixture
def copy(device: Device) -> FactoryConfig:
    return factory.back_up(device, Reason.BY_HAND, None)


def test_a_restore_brings_gains_offsets_and_frequency_back_for_good(
    unit: SimulatedUnit, device: Device, copy: FactoryConfig, admin_user: Any
) -> None:
    was = unit.flash.read("/factory.cfg")
    save(unit, CT1_IGAIN="40000", CT2_IOFFSET="1", CS4_VOLTAGE_GAIN="30000", LINE_FREQ_HZ="60")
    job = done(factory.ask_restore(copy, device, admin_user))
    assert job.state == Job.State.DONE, said(job)
    assert json.loads(unit.flash.read("/factory.cfg")) == json.loads(was)
    assert unit.chips.voltage_ratio(0) == 1.0
    unit.reboot(away_s=0)
    unit.state()
    assert unit.settings["CT1_IGAIN"] == json.loads(was)["CT1_IGAIN"]
    assert AuditEntry.objects.get(action="factory_config_restored").before["CT1_IGAIN"] == 40_000.0


def test_a_restore_keeps_a_copy_before_and_after(unit: SimulatedUnit, device: Device, copy: FactoryConfig) -> None:
    save(unit, CT1_IGAIN="40000")
    done(factory.ask_restore(copy, device, None))
    reasons = list(FactoryConfig.objects.order_by("pk").values_list("reason", flat=True))
    assert reasons == ["by_hand", "before_restore", "after_restore"]


def test_a_restore_never_writes_the_label(unit: SimulatedUnit, device: Device, copy: FactoryConfig) -> None:
    done(factory.ask_restore(copy, device, None))
    assert not any("ASSY=" in request.upper() for request in unit.requests)


def with_label(copy: FactoryConfig, label: str) -> FactoryConfig:
    copy.content = json.dumps(json.loads(copy.content) | {"ASSY": label})
    copy.save()
    return copy


def test_a_copy_of_another_label_is_refused(device: Device, copy: FactoryConfig) -> None:
    with pytest.raises(factory.RestoreRefused, match="another unit's gains"):
        factory.ask_restore(with_label(copy, "ASY0398_V003.300_SN00009999"), device, None)
    assert not Job.objects.exists()


def test_another_devices_copy_is_refused(fleet: Fleet, device: Device, copy: FactoryConfig) -> None:
    with pytest.raises(factory.RestoreRefused):
        factory.ask_restore(copy, device_of(fleet.units[1]), None)


def test_a_copy_of_the_label_that_the_unit_had_before_is_restored_with_a_warning(
    device: Device, copy: FactoryConfig
) -> None:
    former = "ASY0398_V003.300_SN00000007"
    Replacement.objects.create(device=device, former_assy=former, new_assy=device.assy, at_ms=0)
    job = done(factory.ask_restore(with_label(copy, former), device, None))
    assert job.state == Job.State.DONE, said(job)
    assert any(former in line for line in said(job))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"CT1_IGAIN": 0}, "from 1000 to 64535"),
        ({"LINE_FREQ_HZ": 55}, "50 or 60"),
        ({"CT1_IOFFSET": 1.5}, "whole number"),
    ],
)
def test_a_copy_that_would_destroy_the_unit_is_refused(
    unit: SimulatedUnit, device: Device, copy: FactoryConfig, values: dict[str, Any], sentence: str
) -> None:
    copy.content = json.dumps(json.loads(copy.content) | values)
    copy.save()
    with pytest.raises(factory.RestoreRefused, match=sentence):
        factory.ask_restore(copy, device, None)
    asked = queue.ask(device, Job.Kind.RESTORE, who=None, asked={"factory_config": copy.pk})
    requests = len(unit.requests)
    assert done(asked).state == Job.State.FAILED
    assert len(unit.requests) == requests


def test_a_copy_without_gains_is_refused(device: Device, copy: FactoryConfig) -> None:
    copy.content = json.dumps({"ASSY": device.assy})
    copy.save()
    with pytest.raises(factory.RestoreRefused, match="no gains"):
        factory.ask_restore(copy, device, None)


def test_a_copy_that_is_gone_ends_the_job(device: Device, copy: FactoryConfig) -> None:
    job = factory.ask_restore(copy, device, None)
    copy.delete()
    assert done(job).state == Job.State.FAILED
    assert "is gone" in said(job)[-1]


@pytest.mark.parametrize("command", ["/set_config", "/init_atm90e32_devs", "/save_factory_cfg"])
def test_a_unit_lost_in_the_middle_is_told_about_and_the_same_restore_works_later(
    unit: SimulatedUnit, device: Device, copy: FactoryConfig, command: str
) -> None:
    was = json.loads(copy.content)["CT1_IGAIN"]
    save(unit, CT1_IGAIN="40000")
    unit.faults.http.append(HttpFault(HttpFaultKind.RESET, command))
    job = done(factory.ask_restore(copy, device, None))
    assert job.state == Job.State.FAILED
    assert "the restore was not finished" in said(job)[-1]
    assert f"CT1_IGAIN = {was:.9g}" in said(job)[-1]
    assert "CT1_IGAIN = 40000" in said(job)[-1]
    unit.faults.http.clear()
    assert done(factory.ask_restore(copy, device, None)).state == Job.State.DONE
    assert json.loads(unit.flash.read("/factory.cfg"))["CT1_IGAIN"] == was


def test_a_unit_that_says_yes_and_does_nothing_is_found_out(
    unit: SimulatedUnit, device: Device, copy: FactoryConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(unit, CT1_IGAIN="40000")
    monkeypatch.setattr(unit, "save_factory_settings", lambda: None)
    job = done(factory.ask_restore(copy, device, None))
    assert job.state == Job.State.FAILED
    assert any("it did not take CT1_IGAIN" in line for line in said(job))
