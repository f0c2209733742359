"""A change is taken back by wishing for what was there before, or the reason why not is said."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model

from devices.configuration import CannotUndo, open_wishes, pull, push, undo, wish
from devices.ct6.errors import DestructiveValue
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, ConfigChange, Device
from tests.devices.units import closed_port, device_of, name_held

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def changed(device: Device, key: str, value: str) -> ConfigChange:
    [change] = wish(device, {key: value}, None, now=NOW)
    push(device, now=NOW)
    change.refresh_from_db()
    return change


def test_a_confirmed_change_is_taken_back_as_a_new_wish(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    before = name_held(unit, "YDEV_UNIT_NAME")
    change = changed(device, "YDEV_UNIT_NAME", "Villa")
    ann = get_user_model().objects.create_user("ann")
    again = undo(change, ann, now=NOW)
    assert (again.before, again.wished, again.who) == ("Villa", before, ann)
    assert AuditEntry.objects.filter(action="undo").count() == 1
    push(device, now=NOW)
    assert name_held(unit, "YDEV_UNIT_NAME") == before


def test_what_was_empty_before_is_cleared_again(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    change = changed(device, "MQTT_USERNAME", "meter")
    assert (change.before, change.before_known) == ("", True)
    undo(change, None, now=NOW)
    push(device, now=NOW)
    assert unit.settings["MQTT_USERNAME"] == ""


def test_what_was_not_known_is_learnt_before_it_is_written(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    [change] = wish(device, {"MQTT_TX_PERIOD_MS": "5000"}, None, now=NOW)
    assert not change.before_known
    push(device, now=NOW)
    change.refresh_from_db()
    assert (change.before, change.before_known) == ("2000", True)
    undo(change, None, now=NOW)
    push(device, now=NOW)
    assert unit.settings["MQTT_TX_PERIOD_MS"] == 2000


def test_a_wish_that_still_waits_is_taken_back(unit: SimulatedUnit) -> None:
    device = device_of(unit, name="House")
    [change] = wish(device, {"YDEV_UNIT_NAME": "Villa"}, None, now=NOW)
    again = undo(change, None, now=NOW)
    change.refresh_from_db()
    assert change.state == ConfigChange.State.REPLACED
    assert open_wishes(device) == {"YDEV_UNIT_NAME": again}
    assert again.wished == "House"


def test_an_undone_change_can_be_done_again(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    again = undo(changed(device, "CT1_NAME", "Oven"), None, now=NOW)
    push(device, now=NOW)
    again.refresh_from_db()
    assert undo(again, None, now=NOW).wished == "Oven"


# What cannot be taken back


def test_a_password_cannot_be_taken_back(unit: SimulatedUnit) -> None:
    with pytest.raises(CannotUndo, match="A password is not kept"):
        undo(changed(device_of(unit), "MQTT_PASSWORD", "geheim"), None, now=NOW)


def test_what_the_unit_refused_cannot_be_taken_back(unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/set_config"))
    with pytest.raises(CannotUndo, match="did not take this change"):
        undo(changed(device_of(unit), "CT1_NAME", "Oven"), None, now=NOW)


def test_what_was_replaced_cannot_be_taken_back(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    [older] = wish(device, {"CT1_NAME": "Oven"}, None, now=NOW)
    wish(device, {"CT1_NAME": "Hob"}, None, now=NOW)
    older.refresh_from_db()
    with pytest.raises(CannotUndo, match="replaced by a newer wish"):
        undo(older, None, now=NOW)


def test_what_was_changed_again_since_is_not_changed_over_it(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    older = changed(device, "CT1_NAME", "Oven")
    changed(device, "CT1_NAME", "Hob")
    with pytest.raises(CannotUndo, match="changed again since, on 20"):
        undo(older, None, now=NOW)


def test_what_nobody_knows_cannot_be_taken_back(unit: SimulatedUnit) -> None:
    device = device_of(unit, address="127.0.0.1", http_port=closed_port())
    with pytest.raises(CannotUndo, match="not known what the unit held before"):
        undo(changed(device, "MQTT_TX_PERIOD_MS", "5000"), None, now=NOW)


def test_a_value_that_would_do_harm_is_not_brought_back(unit: SimulatedUnit) -> None:
    unit.settings["PF_WATTS_THRESHOLD"] = 500_000.0
    device = device_of(unit)
    pull(device, now=NOW)
    with pytest.raises(DestructiveValue, match="from 0 to 100000"):
        undo(changed(device, "PF_WATTS_THRESHOLD", "5"), None, now=NOW)
