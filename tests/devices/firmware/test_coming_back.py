"""A unit comes back wrong and is given its former firmware; or it does not, and it is said what to do at the unit."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from django.db import connection
from django.utils import timezone

from devices.ct6.protocol import decode_answer
from devices.ct6.simulator.faults import ApplicationFault, HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from devices.firmware import starting
from devices.firmware.rollouts import ask_upgrade
from devices.models import AuditEntry, Device, FirmwareRelease, Job
from devices.registration import known_units
from devices.seen import Seen, note_seen
from readings.collect.inbox import Arrival
from readings.collect.ingest import last_answer, new_reading
from tests.devices.firmware.applications import release_of
from tests.devices.firmware.conftest import commands, done, said
from tests.devices.units import device_of

pytestmark = pytest.mark.django_db

State = Job.State
Upgraded = Callable[..., Job]
AS_BEFORE = "the upgrade did not work out (see above), so the unit was changed back by itself: it runs 3.1 from /app1"


def runs_as_before(unit: SimulatedUnit) -> bool:
    return (unit.state(), unit.active_folder(), unit.firmware_version) == (UnitState.RUNNING, "/app1", "3.1")


# Back, and wrong


def test_an_application_that_fails_at_its_start_where_the_unit_falls_back(
    unit: SimulatedUnit, upgraded: Upgraded
) -> None:
    unit.faults.falls_back = True
    unit.faults.applications["/app2"] = ApplicationFault.RAISES
    job = upgraded()
    assert job.state == State.FAILED
    assert AS_BEFORE in said(job)[-1]
    assert any("(no module named 'app'), and the unit fell back by itself" in line for line in said(job))
    assert runs_as_before(unit)
    assert unit.boots == 2  # it runs the former one already: it is left alone


def test_an_application_that_measures_nonsense(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.applications["/app2"] = ApplicationFault.NONSENSE
    job = upgraded()
    assert job.state == State.FAILED
    assert AS_BEFORE in said(job)[-1]
    assert any("frequency, voltage was right before and is missing or impossible" in line for line in said(job))
    assert runs_as_before(unit)
    assert unit.boots == 3


def test_another_version_than_the_release_says(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.flash.application_version = lambda folder: "3.1" if folder == "/app1" else "2.9"  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert any("It reports firmware 2.9, not 3.2" in line for line in said(job))
    assert AS_BEFORE in said(job)[-1]
    assert runs_as_before(unit)


def test_an_application_whose_web_server_answers_garbage(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.NOT_JSON, "/fw_version", after=1, times=3))
    job = upgraded()
    assert job.state == State.FAILED
    assert AS_BEFORE in said(job)[-1]
    assert runs_as_before(unit)


def test_what_became_of_it_is_on_record(unit: SimulatedUnit, device: Device, upgraded: Upgraded) -> None:
    unit.faults.applications["/app2"] = ApplicationFault.NONSENSE
    upgraded()
    entry = AuditEntry.objects.filter(device=device).first()
    assert entry is not None
    assert (entry.action, entry.after["firmware_version"]) == ("upgrade_taken_back", "3.1")
    device.refresh_from_db()
    assert device.firmware_version == "3.1"


def test_a_unit_without_a_start_log_tells_by_its_uptime(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/get_file?file=/bootlog.txt"))
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert (unit.active_folder(), unit.boots) == ("/app2", 2)


def test_a_unit_without_a_start_log_is_changed_back_too(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/get_file?file=/bootlog.txt"))
    unit.faults.applications["/app2"] = ApplicationFault.NONSENSE
    assert AS_BEFORE in said(upgraded())[-1]
    assert runs_as_before(unit)


def test_a_unit_that_refuses_to_restart_is_set_back(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/reboot"))
    job = upgraded()
    assert job.state == State.FAILED
    assert any("it refused reboot" in line for line in said(job))
    assert AS_BEFORE in said(job)[-1]
    assert unit.active_folder() == "/app1"
    assert unit.boots == 1


def test_a_unit_that_ignores_restarts_is_set_back(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.reboot = lambda *_, **__: None  # type: ignore[method-assign]
    job = upgraded()
    assert job.state == State.FAILED
    assert any("it did not restart within" in line for line in said(job))
    assert AS_BEFORE in said(job)[-1]
    assert unit.active_folder() == "/app1"
    assert 2 <= commands(unit).count("/reboot") <= 8


def test_a_stranger_at_its_address_while_it_restarts_is_waited_out(
    unit: SimulatedUnit, device: Device, release: FirmwareRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = starting._has_restarted
    label = unit.assy
    seen: list[str] = []

    def stranger_first(*arguments: object) -> bool:
        if unit.boots == 2 and len(seen) < 3:
            unit.settings["ASSY"] = "ASY0398_V003.300_SN00009999"
            seen.append("")
        elif seen:
            unit.settings["ASSY"] = label
        has_restarted = real(*arguments)  # type: ignore[arg-type]
        # It may have come back after the look at its boots: then that was too early for the stranger.
        return stranger_first(*arguments) if has_restarted and not seen else has_restarted

    monkeypatch.setattr(starting, "_has_restarted", stranger_first)
    job = done(ask_upgrade(device, release, who=None))
    assert len(seen) == 3
    assert job.state == State.DONE, said(job)


# Not back


@pytest.mark.parametrize("fault", [ApplicationFault.RAISES, ApplicationFault.HANGS])
def test_a_unit_that_does_not_come_back(unit: SimulatedUnit, upgraded: Upgraded, fault: ApplicationFault) -> None:
    unit.faults.applications["/app2"] = fault
    unit.faults.falls_back = fault is ApplicationFault.HANGS  # what never raises is never fallen back from
    job = upgraded()
    assert job.state == State.FAILED
    assert unit.state() is UnitState.DEAD
    last = said(job)[-1]
    assert "it has not come back with 3.2" in last
    assert "Switch its supply off and on and wait two minutes" in last
    assert "connect it by USB and set APP to 1 in /this.machine.cfg" in last
    assert "its former firmware 3.1 lies whole in /app1" in last
    entry = AuditEntry.objects.first()
    assert entry is not None
    assert entry.action == "upgrade_lost"


def test_a_unit_that_is_lost_on_the_way_back(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.faults.applications |= {"/app2": ApplicationFault.NONSENSE, "/app1": ApplicationFault.HANGS}
    job = upgraded()
    assert job.state == State.FAILED
    assert "could not be changed back from here" in said(job)[-1]
    assert "set APP to 1" in said(job)[-1]


# Heard by a collector


@contextmanager
def collector(unit: SimulatedUnit) -> Iterator[None]:
    """Writes what the unit answers, as a collector does."""
    over = threading.Event()

    def collect() -> None:
        try:
            while not over.wait(0.05):
                hear(unit)
        finally:
            connection.close()

    hear(unit)
    thread = threading.Thread(target=collect)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def hear(unit: SimulatedUnit) -> None:
    now_ns = time.time_ns()
    payload = unit.answer(now_ns)
    if payload is None:
        return
    answer = decode_answer(payload)
    known = known_units([answer.assy])[answer.assy]
    reading = new_reading(known, answer, now_ns // 1_000_000, 1000, 0)
    arrival = Arrival(payload, unit.address, now_ns // 1_000_000, 0)
    note_seen([Seen(known.device_id, timezone.now(), last_answer(reading, arrival))])


@pytest.fixture
def measured(unit: SimulatedUnit) -> SimulatedUnit:
    """A unit that has something to answer."""
    deadline = time.monotonic() + 5
    while unit.uptime_s() < 1 and time.monotonic() < deadline:
        pass
    return unit


@pytest.mark.django_db(transaction=True)
def test_answers_that_arrive_after_the_restart_confirm_it(measured: SimulatedUnit) -> None:
    release = release_of("3.2")
    device_of(measured, firmware_version="3.1")
    with collector(measured):
        job = done(ask_upgrade(Device.objects.get(), release, who=None))
    assert job.state == State.DONE, said(job)
    assert job.memory["heard"] is True
    assert not any("over HTTP" in line for line in said(job))
    answered = Device.objects.get().last_answer
    assert answered is not None
    assert answered["time"] > job.memory["back_ms"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (ApplicationFault.NONSENSE, "frequency, voltage was right before and is missing or impossible"),
        (ApplicationFault.SILENT, "It has answered no question since its restart"),
    ],
)
def test_answers_that_are_wrong_or_missing_take_it_back(
    measured: SimulatedUnit, fault: ApplicationFault, why: str
) -> None:
    """A silent one still serves HTTP, and all that is told there is right."""
    release = release_of("3.2")
    device_of(measured, firmware_version="3.1")
    measured.faults.applications["/app2"] = fault
    with collector(measured):
        job = done(ask_upgrade(Device.objects.get(), release, who=None))
    assert job.state == State.FAILED
    assert any(why in line for line in said(job)), said(job)
    assert AS_BEFORE in said(job)[-1]
    assert runs_as_before(measured)


@pytest.mark.django_db(transaction=True)
def test_a_collector_that_stops_meanwhile_is_no_reason_to_take_it_back(
    fleet: Fleet, measured: SimulatedUnit, settings: object
) -> None:
    settings.CT6_PORT = fleet.ayt_port  # type: ignore[attr-defined]
    release = release_of("3.2")
    device_of(measured, firmware_version="3.1")
    hear(measured)
    job = done(ask_upgrade(Device.objects.get(), release, who=None))
    assert job.memory["heard"] is True
    assert job.state == State.DONE, said(job)
    assert any("See that the collector runs" in line for line in said(job))


def test_an_inactive_unit_is_asked_over_http(unit: SimulatedUnit, upgraded: Upgraded) -> None:
    unit.set({"ACTIVE": "0"})
    job = upgraded()
    assert job.state == State.DONE, said(job)
    assert any("so its values are asked for over HTTP" in line for line in said(job))
