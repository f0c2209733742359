"""What answered lately, what a sweep meets, and a unit added by its address, each compared with the database."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from devices.ct6.errors import UnitAnsweredBadly, UnitUnreachable, WrongUnit
from devices.ct6.protocol import DEFAULT_ASSY, decode_answer
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.ct6.sweep import NotSwept
from devices.discovery import Found, Mark, add_by_address, listen, sweep, sweep_networks
from devices.holding import UnitBusy, alone
from devices.models import AuditEntry, ConfigChange, Device, Port
from devices.registration import Sighting, register
from readings import heartbeats
from tests.devices.ct6.test_sweep import common_port
from tests.devices.units import closed_port, device_of
from tests.factories import make_device
from tests.people import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NETWORK = ["127.0.0.0/28"]
NOBODY = "127.0.0.9"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    port = common_port(["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    with Fleet(3, http_port=port, ayt_port=0) as fleet:
        yield fleet


def swept(fleet: Fleet) -> Found:
    return sweep(NETWORK, None, http_port=fleet.units[0].http_port)


def marks(fleet: Fleet) -> dict[str, tuple[Mark, ...]]:
    """What the sweep says, by address."""
    return {unit.address: unit.marks for unit in swept(fleet).units}


def known(unit: SimulatedUnit, **fields: object) -> Device:
    return device_of(unit, **({"http_port": unit.http_port} | fields))


# --- A sweep ----------------------------------------------------------------------------------------------------
def test_a_sweep_tells_new_from_known_and_counts_the_rest(fleet: Fleet) -> None:
    device = known(fleet.units[1])
    found = swept(fleet)
    assert [(unit.address, unit.marks, unit.device_id) for unit in found.units] == [
        ("127.0.0.2", (Mark.NEW,), None),
        ("127.0.0.3", (Mark.KNOWN,), device.pk),
        ("127.0.0.4", (Mark.NEW,), None),
    ]
    assert (found.total, found.asked, found.nobody, found.others) == (14, 14, 11, 0)
    first = found.units[0]
    assert (first.name, first.firmware_version, first.product) == ("House", "3.1", "CT6")


def test_an_inactive_unit_is_found_though_it_is_silent(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0"})
    assert marks(fleet)[unit.address] == (Mark.NEW, Mark.INACTIVE)


def test_a_known_unit_at_another_address_has_moved(fleet: Fleet, unit: SimulatedUnit) -> None:
    known(unit, address=NOBODY)
    found = swept(fleet).units[0]
    assert (found.marks, found.known_address) == ((Mark.MOVED,), NOBODY)


def test_a_unit_whose_address_was_never_known_is_known(fleet: Fleet, unit: SimulatedUnit) -> None:
    known(unit, address=None)
    assert marks(fleet)[unit.address] == (Mark.KNOWN,)


def test_the_factory_label_is_marked(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.settings["ASSY"] = DEFAULT_ASSY
    assert marks(fleet)[unit.address] == (Mark.NEW, Mark.DEFAULT_LABEL)


def test_two_units_with_the_factory_label_both_claim_it(fleet: Fleet) -> None:
    for unit in fleet.units[:2]:
        unit.settings["ASSY"] = DEFAULT_ASSY
    found = marks(fleet)
    assert found["127.0.0.2"] == found["127.0.0.3"] == (Mark.CLAIMED, Mark.DEFAULT_LABEL)


def test_a_label_that_another_address_still_answers_to_is_claimed(fleet: Fleet) -> None:
    """The known one is inactive, so that only asking it tells."""
    first, second, _ = fleet.units
    known(first)
    first.set({"ACTIVE": "0"})
    second.settings["ASSY"] = first.assy
    found = marks(fleet)
    assert found[first.address] == (Mark.KNOWN, Mark.INACTIVE)
    assert found[second.address] == (Mark.CLAIMED,)


def test_the_other_holder_of_a_label_is_asked_also_outside_of_the_networks(fleet: Fleet) -> None:
    first, second, _ = fleet.units
    known(first)
    second.settings["ASSY"] = first.assy
    [found] = sweep(["127.0.0.3"], None, http_port=second.http_port).units
    assert found.marks == (Mark.CLAIMED,)


def test_a_label_that_is_heard_from_another_address_is_claimed(fleet: Fleet, unit: SimulatedUnit) -> None:
    known(unit, address=NOBODY, last_seen=timezone.now())
    assert marks(fleet)[unit.address] == (Mark.CLAIMED,)


def test_a_unit_that_somebody_talks_to_is_left_alone(fleet: Fleet, unit: SimulatedUnit) -> None:
    device = known(unit)
    with alone(device, datetime.now(UTC)):
        found = swept(fleet)
    assert found.busy == (unit.address,)
    assert not unit.requests
    device.refresh_from_db()
    assert device.held_until is None


def test_while_a_known_unit_is_asked_nobody_else_talks_to_it(fleet: Fleet, unit: SimulatedUnit) -> None:
    device = known(unit)
    swept(fleet)
    assert unit.most_connections == 1
    device.refresh_from_db()
    assert device.held_until is None  # and it is given back


def test_a_cut_off_answer_is_told_with_its_address(fleet: Fleet, unit: SimulatedUnit) -> None:
    unit.faults.http = [HttpFault(HttpFaultKind.CUT_OFF)]
    assert swept(fleet).unreadable == (unit.address,)


def test_a_sweep_stores_nothing_but_who_made_it(fleet: Fleet) -> None:
    anna = make_user("anna")
    sweep(NETWORK, anna, http_port=fleet.units[0].http_port)
    assert not Device.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.who_name, entry.action, entry.after["networks"], entry.after["asked"]) == (
        "anna", "sweep", NETWORK, 14,
    )  # fmt: skip


def test_progress_is_told_address_by_address(fleet: Fleet) -> None:
    told: list[Found] = []
    sweep(NETWORK, None, http_port=fleet.units[0].http_port, progress=told.append)
    assert [found.asked for found in told] == list(range(1, 15))
    assert len(told[-1].units) == 3


def test_a_sweep_that_is_stopped_leaves_no_unit_held(fleet: Fleet) -> None:
    device = known(fleet.units[0])

    def stop(_found: Found) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(NETWORK, None, http_port=fleet.units[0].http_port, progress=stop)
    device.refresh_from_db()
    assert device.held_until is None
    assert all(unit.stuck_connections == 0 for unit in fleet.units)


def test_networks_that_are_not_local_are_refused() -> None:
    with pytest.raises(NotSwept, match="not a local network"):
        sweep(["8.8.8.0/24"], None)


def test_the_configured_networks_are_offered(settings: Settings) -> None:
    settings.CT6_SWEEP_NETWORKS = ["192.168.7.0/24"]
    assert sweep_networks() == ["192.168.7.0/24"]


# --- Listening --------------------------------------------------------------------------------------------------
def test_without_a_collector_that_is_said() -> None:
    heard = listen(60, now=timezone.now())
    assert (heard.devices, heard.collector_runs, heard.collector_at) == ((), False, None)


@pytest.mark.parametrize(("ago_s", "runs"), [(5, True), (90, False)])
def test_the_collector_runs_if_it_said_so_within_a_minute(ago_s: int, runs: bool) -> None:
    now = timezone.now()
    heartbeats.note("collector", now - timedelta(seconds=ago_s))
    assert listen(60, now=now).collector_runs is runs


def test_what_was_heard_lately_is_new_known_or_has_moved() -> None:
    now = timezone.now()
    labels = {name: f"ASY0398_V003.300_SN0000190{number}" for number, name in enumerate(["new", "known", "moved", "x"])}
    for name, assy in labels.items():
        make_device(assy, name=name, last_seen=now - timedelta(seconds=900 if name == "x" else 1))
    Device.objects.exclude(name="new").update(first_seen=now - timedelta(days=9))
    moved = Device.objects.get(name="moved")
    AuditEntry.objects.create(device=moved, action="move")
    heard = {device.name: marks for device, marks in listen(60, now=now).devices}
    assert heard == {"new": (Mark.NEW,), "known": (Mark.KNOWN,), "moved": (Mark.MOVED,)}


def test_an_address_that_the_collector_registers_anew_is_remembered(unit: SimulatedUnit) -> None:
    device = device_of(unit, address=NOBODY, last_seen=timezone.now())
    Device.objects.update(first_seen=timezone.now() - timedelta(days=9))
    payload = unit.answer(time.time_ns() + 10**9)
    assert payload is not None
    register([Sighting(decode_answer(payload), unit.address)])
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.device, entry.before, entry.after) == (
        "move", device, {"address": NOBODY}, {"address": unit.address},
    )  # fmt: skip
    [(_, found)] = listen(60, now=timezone.now()).devices
    assert found == (Mark.MOVED,)


# --- Adding one -------------------------------------------------------------------------------------------------
def test_an_inactive_unit_is_added_with_its_ports_and_their_names(unit: SimulatedUnit) -> None:
    unit.set({"ACTIVE": "0", "CT2_NAME": "Dad%27s%20shed"})
    added = add_by_address(unit.address, unit.http_port, make_user("anna"))
    assert added.standing is Mark.NEW
    device = Device.objects.get()
    assert (device.assy, device.name, device.address) == (unit.assy, "House", unit.address)
    assert (device.active, device.firmware_version, device.http_port) == (False, "3.1", unit.http_port)
    assert device.last_seen is None
    assert device.told_at is not None
    names = dict(Port.objects.values_list("number", "name"))
    assert list(names) == [1, 2, 3, 4, 5, 6]
    assert names[2] == "Dad's shed"
    entry = AuditEntry.objects.get()
    assert (entry.who_name, entry.action, entry.after) == ("anna", "add", {"address": unit.address})


@pytest.mark.parametrize(("adopt", "adoption"), [("all", "adopted"), ("ask", "pending")])
def test_who_is_adopted_by_itself_is_as_for_units_that_answer(
    unit: SimulatedUnit, settings: Settings, adopt: str, adoption: str
) -> None:
    settings.CT6_ADOPT = adopt
    assert add_by_address(unit.address, unit.http_port, None).device.adoption == adoption


def test_the_factory_label_is_never_adopted_by_itself(unit: SimulatedUnit) -> None:
    unit.settings["ASSY"] = DEFAULT_ASSY
    assert add_by_address(unit.address, unit.http_port, None).device.adoption == "pending"


def test_a_unit_that_has_moved_while_inactive_is_found_again(unit: SimulatedUnit) -> None:
    device = known(unit, address=NOBODY, firmware_version="3.0", adoption="ignored", name="older")
    added = add_by_address(unit.address, unit.http_port, None)
    assert (added.standing, added.device) == (Mark.MOVED, device)
    device.refresh_from_db()
    assert (device.address, device.firmware_version, device.name) == (unit.address, "3.1", "House")
    assert device.adoption == "ignored"  # what people decided stays
    assert AuditEntry.objects.get(action="add").before == {"address": NOBODY}


def test_one_that_is_known_is_only_brought_up_to_date(unit: SimulatedUnit) -> None:
    known(unit, name="older")
    added = add_by_address(unit.address, unit.http_port, None)
    assert (added.standing, added.device.name, Device.objects.count()) == (Mark.KNOWN, "House", 1)


def test_an_answer_from_before_does_not_undo_what_http_told(unit: SimulatedUnit) -> None:
    payload = unit.answer(time.time_ns() + 10**9)
    assert payload is not None
    unit.set({"YDEV_UNIT_NAME": "Newer"})
    earlier = datetime.now(UTC)
    add_by_address(unit.address, unit.http_port, None)
    register([Sighting(decode_answer(payload), unit.address, earlier)])
    assert Device.objects.get().name == "Newer"


def test_a_firmware_version_that_is_not_told_does_not_clear_the_known_one(unit: SimulatedUnit) -> None:
    known(unit, firmware_version="3.0")
    unit.faults.http = [HttpFault(HttpFaultKind.ERROR, "/fw_version")]
    assert add_by_address(unit.address, unit.http_port, None).device.firmware_version == "3.0"


def test_a_second_unit_with_the_label_of_one_that_is_still_there_is_refused(fleet: Fleet) -> None:
    first, second, _ = fleet.units
    known(first)
    second.settings["ASSY"] = first.assy
    with pytest.raises(WrongUnit, match=r"two units carry this label: one at 127\.0\.0\.2, one at 127\.0\.0\.3"):
        add_by_address(second.address, second.http_port, None)
    assert Device.objects.get().address == first.address
    assert not AuditEntry.objects.exists()


def test_a_label_that_two_claim_already_is_refused_at_both_addresses(unit: SimulatedUnit) -> None:
    known(unit, claimed_from="127.0.0.3")
    with pytest.raises(WrongUnit, match="two units carry this label"):
        add_by_address(unit.address, unit.http_port, None)


def test_a_unit_in_use_is_not_asked(unit: SimulatedUnit) -> None:
    with alone(known(unit), datetime.now(UTC)), pytest.raises(UnitBusy):
        add_by_address(unit.address, unit.http_port, None)
    assert not unit.requests


@pytest.mark.parametrize("kind", [HttpFaultKind.CUT_OFF, HttpFaultKind.NOT_JSON, HttpFaultKind.ERROR])
def test_an_answer_that_cannot_be_read_registers_nothing(unit: SimulatedUnit, kind: HttpFaultKind) -> None:
    unit.faults.http = [HttpFault(kind)]
    with pytest.raises(UnitAnsweredBadly):
        add_by_address(unit.address, unit.http_port, None)
    assert not Device.objects.exists()


def test_where_nobody_is_that_is_said() -> None:
    with pytest.raises(UnitUnreachable, match=r"no connection to 127\.0\.0\.1"):
        add_by_address("127.0.0.1", closed_port(), None)


@pytest.mark.parametrize("address", ["8.8.8.8", "meter.local", "255.255.255.255"])
def test_an_address_that_is_not_local_is_refused(address: str) -> None:
    with pytest.raises(NotSwept):
        add_by_address(address, 80, None)


def test_passwords_are_stored_nowhere(unit: SimulatedUnit) -> None:
    add_by_address(unit.address, unit.http_port, None)
    rows = [*Device.objects.values(), *AuditEntry.objects.values(), *ConfigChange.objects.values()]
    assert "simulated" not in repr(rows).lower()
