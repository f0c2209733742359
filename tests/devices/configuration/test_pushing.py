"""A wish is kept until the unit itself reports the value, and nothing else than the wish is written."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model

from devices.configuration import ACTIVE, OFF, UNIT_NAME, due, open_wishes, pull, push, retry_delay, wish
from devices.ct6.errors import DestructiveValue, NameTooLong, UnitUnreachable, WrongUnit
from devices.ct6.protocol import decode_answer
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit, UnitState
from devices.models import ConfigChange, Device
from devices.registration import Sighting, register
from tests.devices.units import closed_port, device_of, name_held

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
State = ConfigChange.State

NAMES = {
    "plain": "Garage",
    "spaces": "Solar PV roof",
    "commas": "Oven, hob, kettle",
    "umlauts": "Küche Süd",
    "apostrophe": "Dad's shed",
    "quotes": 'The "big" one',
    "emoji": "Sauna 🔥",
    "digits": "2",
    "nan": "nan",
    "infinity": "-INFINITY",
    "exponent": "1e99",
    "underscored number": "2_0",
    "percent": "50%25",
    "what cuts a request": "a?b=c&d#e/f\\g",
    "longest": "x" * 64,
}


def change_of(device: Device, key: str = UNIT_NAME) -> ConfigChange:
    return ConfigChange.objects.get(device=device, key=key)


def sent(unit: SimulatedUnit) -> list[str]:
    """The settings that were sent to the unit."""
    return [line for line in unit.requests if "set_config" in line]


def stored_active(device: Device) -> bool | None:
    return Device.objects.values_list("active", flat=True).get(pk=device.pk)


def answers(unit: SimulatedUnit) -> bool:
    """Whether the unit would answer a question a second from now."""
    return unit.answer(time.time_ns() + 1_000_000_000) is not None


# An answer from before and what was read back since


def heard_before(unit: SimulatedUnit) -> Sighting:
    """What the unit answered just now, for the collector to register later."""
    now_ns = time.time_ns()
    payload = unit.answer(now_ns)
    assert payload is not None
    return Sighting(decode_answer(payload), unit.address, datetime.fromtimestamp(now_ns / 1e9, UTC))


def test_an_older_answer_does_not_undo_what_was_confirmed(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    earlier = heard_before(unit)
    wish(device, {ACTIVE: OFF, UNIT_NAME: "Garage", "CT1_NAME": "Heat pump"}, None, now=NOW)
    assert len(push(device, now=NOW).confirmed) == 3
    register([earlier])
    device.refresh_from_db()
    assert (device.active, device.name, device.ports.get(number=1).name) == (False, "Garage", "Heat pump")
    assert device.firmware_version == earlier.answer.firmware_version  # what HTTP did not tell is taken


def test_what_was_read_back_counts_also_where_the_collector_has_written_meanwhile(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    Device.objects.filter(pk=device.pk).update(name="older")
    device.ports.filter(number=1).update(name="older")
    pull(device, now=NOW)
    assert Device.objects.get(pk=device.pk).name == name_held(unit, UNIT_NAME)
    assert device.ports.get(number=1).name == name_held(unit, "CT1_NAME")


def test_a_later_answer_tells_what_was_changed_since(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    pull(device, now=NOW)
    unit.settings[UNIT_NAME] = "Renamed at the unit"
    time_ns = time.time_ns() + 1_000_000_000
    payload = unit.answer(time_ns)
    assert payload is not None
    register([Sighting(decode_answer(payload), unit.address, datetime.fromtimestamp(time_ns / 1e9, UTC))])
    assert Device.objects.get(pk=device.pk).name == "Renamed at the unit"


def test_a_time_yet_to_come_silences_nobody(unit: SimulatedUnit) -> None:
    """The clock was years ahead when the unit told, and has been set right since."""
    device = device_of(unit, name="older", told_at=datetime.now(UTC) + timedelta(days=900))
    register([heard_before(unit)])
    assert Device.objects.get(pk=device.pk).name == name_held(unit, UNIT_NAME)


# What arrives


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_a_name_arrives_and_is_read_back_equal(unit: SimulatedUnit, name: str) -> None:
    device = device_of(unit)
    wish(device, {UNIT_NAME: name, "CT3_NAME": name}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert {change.key for change in pushed.confirmed} == {UNIT_NAME, "CT3_NAME"}
    assert (name_held(unit, UNIT_NAME), name_held(unit, "CT3_NAME")) == (name, name)
    assert unit.state() is UnitState.RUNNING
    assert answers(unit)
    device.refresh_from_db()
    assert (device.name, device.ports.get(number=3).name) == (name, name)


def test_a_name_can_be_cleared(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {"CT1_NAME": ""}, None, now=NOW)
    assert push(device, now=NOW).confirmed
    assert unit.settings["CT1_NAME"] == ""
    assert device.ports.get(number=1).name == ""


def test_outer_white_space_and_control_characters_are_left_out(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {UNIT_NAME: "  Gar\x00age\n"}, None, now=NOW)
    push(device, now=NOW)
    assert name_held(unit, UNIT_NAME) == "Garage"


def test_inactive_is_stored_and_can_be_undone_while_the_unit_is_silent(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {ACTIVE: OFF}, None, now=NOW)
    push(device, now=NOW)
    assert stored_active(device) is False
    assert not answers(unit)

    wish(device, {ACTIVE: "1"}, None, now=NOW)
    push(device, now=NOW)
    assert stored_active(device) is True
    assert answers(unit)


def test_only_what_differs_is_written(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {UNIT_NAME: device.name, "CT1_NAME": "Heat pump"}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert len(pushed.confirmed) == 2
    [line] = sent(unit)
    assert "CT1_NAME=Heat%20pump" in line
    assert "YDEV_UNIT_NAME" not in line


def test_many_long_names_go_in_several_short_requests(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    wish(device, {f"CT{number}_NAME": "ü" * 32 for number in range(1, 7)}, None, now=NOW)
    assert len(push(device, now=NOW).confirmed) == 6
    assert len(sent(unit)) == 3
    assert max(len(line) for line in sent(unit)) < 500


def test_the_history_tells_who_wished_what_and_what_was_before(unit: SimulatedUnit) -> None:
    device = device_of(unit, name="House")
    ann = get_user_model().objects.create_user("ann")
    wish(device, {UNIT_NAME: "Villa"}, ann, now=NOW)
    push(device, now=NOW)
    change = change_of(device)
    assert (change.who, change.before, change.wished, change.settled) == (ann, "House", "Villa", NOW)
    assert change.answer == "The unit reports “Villa”."


# What is refused


@pytest.mark.parametrize("name", [" ", "\t \n", "\x00\x07", "\u200b\u2003"])
def test_a_name_that_nobody_can_see_is_refused(unit: SimulatedUnit, name: str) -> None:
    with pytest.raises(DestructiveValue, match="nothing that can be seen"):
        wish(device_of(unit), {UNIT_NAME: name}, None, now=NOW)


@pytest.mark.parametrize("name", ["x" * 65, "ü" * 33, "🔥" * 17])
def test_a_name_past_the_greatest_length_is_refused(unit: SimulatedUnit, name: str) -> None:
    with pytest.raises(NameTooLong, match="at most 64 characters and 192 bytes"):
        wish(device_of(unit), {UNIT_NAME: name}, None, now=NOW)


@pytest.mark.parametrize(
    "wished", [{ACTIVE: "nan"}, {ACTIVE: ""}, {"ASSY": "x"}, {"CT7_NAME": "x"}, {"CT1_IGAIN": "8000"}]
)
def test_a_setting_that_cannot_be_changed_here_is_refused(unit: SimulatedUnit, wished: dict[str, str]) -> None:
    with pytest.raises(DestructiveValue):
        wish(device_of(unit), wished, None, now=NOW)


def test_of_several_wishes_none_is_stored_if_one_is_refused(unit: SimulatedUnit) -> None:
    with pytest.raises(DestructiveValue):
        wish(device_of(unit), {"CT1_NAME": "Oven", UNIT_NAME: " "}, None, now=NOW)
    assert not ConfigChange.objects.exists()


def test_what_the_unit_refuses_ends_refused_with_its_answer(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.ERROR, "/set_config"))
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert [change.state for change in pushed.refused] == [State.REFUSED]
    change = change_of(device)
    assert (change.state, change.settled) == (State.REFUSED, NOW)
    assert "it refused set_config" in change.answer


def test_what_the_unit_took_but_does_not_report_ends_refused(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.NOT_JSON, "/set_config"))
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    assert push(device, now=NOW).waiting  # an answer that cannot be read is no answer
    unit.settings[UNIT_NAME] = "Elsewhere"
    unit.faults.http[:] = [HttpFault(HttpFaultKind.ERROR, "/set_config")]
    push(device, now=NOW)
    assert change_of(device).state == State.REFUSED
    device.refresh_from_db()
    assert device.name == "Elsewhere"


# What cannot be reached


def test_the_wish_for_an_unreachable_unit_is_kept_with_the_reason(unit: SimulatedUnit) -> None:
    device = device_of(unit, address="127.0.0.1", http_port=closed_port(), name="House")
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert isinstance(pushed.error, UnitUnreachable)
    change = change_of(device)
    assert (change.state, change.attempts, change.next_attempt) == (State.OPEN, 1, NOW + timedelta(seconds=30))
    assert "no connection to 127.0.0.1" in change.answer
    device.refresh_from_db()
    assert device.name == "House"


def test_a_unit_that_never_answered_has_no_address_yet(unit: SimulatedUnit) -> None:
    device = device_of(unit, address=None)
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    assert "address is not known yet" in str(push(device, now=NOW).error)


def test_an_answer_that_got_lost_is_found_out_by_reading(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    unit.faults.http.append(HttpFault(HttpFaultKind.CUT_OFF, "/set_config", times=1))
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    assert push(device, now=NOW).waiting
    assert push(device, now=NOW).confirmed
    assert len(sent(unit)) == 1  # the unit held it already


def test_another_unit_at_the_address_is_left_alone(fleet: Fleet) -> None:
    meant, other = fleet.units
    device = device_of(meant, address=other.address, http_port=other.http_port)
    before = dict(other.settings)
    wish(device, {UNIT_NAME: "Villa", ACTIVE: OFF}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert isinstance(pushed.error, WrongUnit)
    assert other.settings == before
    assert not sent(other)
    device.refresh_from_db()
    assert device.name == name_held(meant, UNIT_NAME)
    assert change_of(device).state == State.OPEN  # the unit will be found at its new address


def test_while_two_units_claim_the_label_none_is_changed(unit: SimulatedUnit) -> None:
    device = device_of(unit, claimed_from="127.0.0.99")
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    assert "both claim this label" in str(push(device, now=NOW).error)
    assert not unit.requests


# One after the other


def test_a_newer_wish_replaces_the_open_one(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    [older] = wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    [newer] = wish(device, {UNIT_NAME: "Castle"}, None, now=NOW)
    older.refresh_from_db()
    assert (older.state, older.settled) == (State.REPLACED, NOW)
    assert open_wishes(device) == {UNIT_NAME: newer}
    push(device, now=NOW)
    assert name_held(unit, UNIT_NAME) == "Castle"


def test_one_push_at_a_time_per_device(unit: SimulatedUnit) -> None:
    device = device_of(unit, held_until=NOW + timedelta(seconds=60))
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    pushed = push(device, now=NOW)
    assert pushed.error is not None
    assert pushed.error.retryable
    assert [change.attempts for change in pushed.waiting] == [0]
    assert not unit.requests


def test_a_push_that_died_does_not_lock_the_device_for_ever(unit: SimulatedUnit) -> None:
    device = device_of(unit, held_until=NOW)
    wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
    assert push(device, now=NOW).confirmed
    device.refresh_from_db()
    assert device.held_until is None


def test_attempts_are_spaced_out_up_to_a_quarter_of_an_hour() -> None:
    seconds = [retry_delay(attempts).total_seconds() for attempts in (1, 2, 3, 4, 5, 6, 7, 1000)]
    assert seconds == [30, 60, 120, 240, 480, 900, 900, 900]


def test_a_device_is_due_once_its_time_has_come(unit: SimulatedUnit) -> None:
    device = device_of(unit, address="127.0.0.1", http_port=closed_port())
    assert due(NOW) == []
    wish(device, {UNIT_NAME: "Villa", "CT1_NAME": "Oven"}, None, now=NOW)
    assert due(NOW) == [device.pk]
    push(device, now=NOW)
    assert due(NOW + timedelta(seconds=29)) == []
    assert due(NOW + timedelta(seconds=30)) == [device.pk]


# Reading


def test_pull_takes_over_what_the_unit_holds(unit: SimulatedUnit) -> None:
    device = device_of(unit)
    unit.set({UNIT_NAME: "Villa", "CT2_NAME": "Dad's", "ACTIVE": "0"})
    pull(device, now=NOW)
    device.refresh_from_db()
    assert (device.name, device.ports.get(number=2).name, device.active) == ("Villa", "Dad's", False)


def test_pull_of_an_unreachable_unit_says_so(unit: SimulatedUnit) -> None:
    with pytest.raises(UnitUnreachable, match="no connection"):
        pull(device_of(unit, address="127.0.0.1", http_port=closed_port()), now=NOW)


def test_pull_takes_nothing_from_another_unit(fleet: Fleet) -> None:
    meant, other = fleet.units
    device = device_of(meant, address=other.address, http_port=other.http_port)
    with pytest.raises(WrongUnit):
        pull(device, now=NOW)
    device.refresh_from_db()
    assert device.name == name_held(meant, UNIT_NAME)


def test_no_password_of_the_unit_is_kept_or_logged(unit: SimulatedUnit, caplog: pytest.LogCaptureFixture) -> None:
    device = device_of(unit)
    wifi = unit.settings["WIFI"]
    assert isinstance(wifi, dict)
    secret = wifi["PASSWD"]
    with caplog.at_level("DEBUG"):
        wish(device, {UNIT_NAME: "Villa"}, None, now=NOW)
        push(device, now=NOW)
        pull(device, now=NOW)
    assert "A unit was configured" in caplog.text
    assert secret
    assert str(secret) not in caplog.text + change_of(device).answer
