"""New firmware for several units: the first alone, then the others; what stops it, and when it begins."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from devices.ct6.simulator.faults import ApplicationFault, HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.firmware.preflight import UpgradeRefused
from devices.firmware.rollouts import MomentPassed, ask_upgrade, roll_out
from devices.jobs import queue, runner
from devices.models import Device, FirmwareRelease, Job, Rollout
from tests.devices.firmware.conftest import KINDS, QUICK_UNIT, commands, do_all_due, said
from tests.devices.units import device_of

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

State = Job.State


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(10, http_port=0, ayt_port=0, timing=QUICK_UNIT) as fleet:
        yield fleet


@pytest.fixture
def units(fleet: Fleet) -> list[SimulatedUnit]:
    return list(fleet.units)


@pytest.fixture
def devices(units: list[SimulatedUnit], db: None) -> list[Device]:
    return [device_of(unit, firmware_version="3.1") for unit in units]


def states(rollout: Rollout) -> list[str]:
    """In the order in which the units were given."""
    return [job.state for job in rollout.jobs.order_by("pk")]


def versions(units: list[SimulatedUnit]) -> list[str]:
    return [unit.firmware_version for unit in units]


def test_the_first_alone_and_then_the_others(
    units: list[SimulatedUnit], devices: list[Device], release: FirmwareRelease
) -> None:
    rollout = roll_out(release, devices, who=None)
    first = rollout.jobs.get(device=devices[0])
    assert queue.due(datetime.now(UTC)) == [first.pk]
    runner.run(first.pk, KINDS)
    assert len(queue.due(datetime.now(UTC))) == 9
    do_all_due()
    assert states(rollout) == [State.DONE] * 10
    assert versions(units) == ["3.2"] * 10


def fail_in_different_steps(units: list[SimulatedUnit]) -> None:
    """The fourth while files are sent, the seventh once it is back."""
    units[3].faults.http.append(HttpFault(HttpFaultKind.WRONG_HASH, "FILE", after=6))
    units[6].faults.applications["/app2"] = ApplicationFault.NONSENSE


def test_two_of_ten_fail_and_the_others_are_left_as_they_are(
    units: list[SimulatedUnit], devices: list[Device], release: FirmwareRelease
) -> None:
    fail_in_different_steps(units)
    rollout = roll_out(release, devices, who=None, stop_at_failure=True)
    do_all_due()
    assert states(rollout) == [State.DONE] * 3 + [State.FAILED] + [State.CANCELLED] * 6
    assert versions(units) == ["3.2"] * 3 + ["3.1"] * 7
    assert all(commands(unit) == [] for unit in units[4:])
    assert "Nothing was changed" in said(rollout.jobs.get(device=devices[9]))[-1]


def test_two_of_ten_fail_and_the_others_are_upgraded(
    units: list[SimulatedUnit], devices: list[Device], release: FirmwareRelease
) -> None:
    fail_in_different_steps(units)
    rollout = roll_out(release, devices, who=None, stop_at_failure=False)
    do_all_due()
    failed = [index for index, state in enumerate(states(rollout)) if state == State.FAILED]
    assert failed == [3, 6]
    assert states(rollout).count(State.DONE) == 8
    assert versions(units) == ["3.1" if index in failed else "3.2" for index in range(10)]
    assert [unit.active_folder() for unit in units] == ["/app1" if i in failed else "/app2" for i in range(10)]
    sending, back = (said(rollout.jobs.get(device=devices[index]))[-1] for index in failed)
    assert "arrived damaged" in sending
    assert "was changed back by itself" in back


@pytest.mark.parametrize("stop_at_failure", [True, False])
def test_if_the_first_fails_no_other_is_begun(
    units: list[SimulatedUnit], devices: list[Device], release: FirmwareRelease, stop_at_failure: bool
) -> None:
    units[0].faults.applications["/app2"] = ApplicationFault.RAISES
    units[0].faults.falls_back = True
    rollout = roll_out(release, devices[:3], who=None, stop_at_failure=stop_at_failure)
    do_all_due()
    assert states(rollout) == [State.FAILED, State.CANCELLED, State.CANCELLED]
    assert commands(units[1]) == commands(units[2]) == []


def test_the_others_wait_for_their_time_too(devices: list[Device], release: FirmwareRelease) -> None:
    now = datetime.now(UTC)
    tonight = now + timedelta(hours=9)
    rollout = roll_out(release, devices[:3], who=None, not_before=tonight)
    assert {job.not_before for job in rollout.jobs.all()} == {tonight}
    assert queue.due(now) == []
    first = rollout.jobs.get(wave=0)
    assert queue.due(tonight) == [first.pk]
    # Somebody brings the first forward; that does not hurry the others.
    Job.objects.filter(pk=first.pk).update(not_before=None)
    runner.run(first.pk, KINDS)
    assert states(rollout)[0] == State.DONE
    assert queue.due(now) == []
    assert len(queue.due(tonight)) == 2


def test_a_unit_that_is_named_twice_is_upgraded_once(devices: list[Device], release: FirmwareRelease) -> None:
    rollout = roll_out(release, [devices[1], devices[0], devices[1]], who=None)
    assert [(job.device, job.wave) for job in rollout.jobs.order_by("pk")] == [(devices[1], 0), (devices[0], 1)]


def test_nothing_is_asked_for_where_one_unit_would_cross_2_8(devices: list[Device], release: FirmwareRelease) -> None:
    Device.objects.filter(pk=devices[2].pk).update(firmware_version="2.67")
    chosen = list(Device.objects.order_by("pk")[:3])
    with pytest.raises(UpgradeRefused, match=devices[2].assy):
        roll_out(release, chosen, who=None)
    assert not Rollout.objects.exists()
    assert not Job.objects.exists()
    rollout = roll_out(release, chosen, who=None, across_2_8=True)
    assert all(job.asked == {"release": release.pk, "across_2_8": True} for job in rollout.jobs.all())


def test_no_unit_at_all(release: FirmwareRelease, db: None) -> None:
    with pytest.raises(UpgradeRefused, match="No unit was chosen"):
        roll_out(release, [], who=None)


def test_a_moment_that_is_over_is_refused_and_the_minute_that_has_begun_is_not(
    devices: list[Device], release: FirmwareRelease
) -> None:
    now = datetime.now(UTC)
    with pytest.raises(MomentPassed, match="is over"):
        roll_out(release, devices[:2], who=None, not_before=now - timedelta(minutes=2))
    with pytest.raises(MomentPassed):
        ask_upgrade(devices[0], release, who=None, not_before=now - timedelta(minutes=2))
    assert not Job.objects.exists()
    ask_upgrade(devices[0], release, who=None, not_before=now - timedelta(seconds=40))
    assert Job.objects.count() == 1
