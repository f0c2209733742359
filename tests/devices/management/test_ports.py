"""A unit's ports from the command line: listed with what they were, changed (from a moment on), and that taken back."""

from __future__ import annotations

from decimal import Decimal

import pytest

from devices.configuration import open_wishes
from devices.models import AuditEntry, Device, Port, PortPast
from tests.devices.management.conftest import Run
from tests.factories import make_device
from tests.people import make_user

HOUR_MS = 1_773_140_400_000  # 12:00 in Berlin


@pytest.fixture
def garage(db: None) -> Device:
    return make_device(name="Garage", ports=["Oven", "Sauna"], timezone="Europe/Berlin")


def port_of(device: Device, number: int = 1) -> Port:
    return device.ports.get(number=number)


def test_ports_are_listed_as_they_are(ct6: Run, garage: Device) -> None:
    garage.ports.filter(number=2).update(enabled=False)
    lines = ct6("Garage", "ports").out.splitlines()
    assert [cell.strip() for cell in next(line for line in lines if "Oven" in line).split("│")[1:7]] == [
        *("CT1", "Oven", "other", "normal", "1", ""),
    ]
    assert "hidden" in next(line for line in lines if "Sauna" in line)


def test_a_port_is_another_one_from_an_hour_of_the_units_clocks_on(ct6: Run, garage: Device) -> None:
    make_user("sam")
    changes = ("role=load", "direction=reversed", "scale=1.5", "name=Pump")
    ran = ct6("Garage", "ports", "--from", "2026-03-10T12:40", "CT1", *changes, "--as", "sam", "--json")
    [oven, _sauna] = ran.told["ports"]
    assert (oven["role"], oven["direction"], oven["scale"], oven["wished_name"]) == ("load", "reversed", "1.5", "Pump")
    [past] = oven["past"]
    kept = PortPast.objects.get()
    assert past == {
        "id": kept.pk,
        "name": "Oven",
        "role": "other",
        "direction": "normal",
        "scale": "1",
        "until": "2026-03-10T11:00:00Z",
    }
    assert kept.until_ms == HOUR_MS
    assert AuditEntry.objects.get(action="change_from", after__has_key="from").who_name == "sam"


def test_a_moment_may_name_its_offset_and_stand_behind(ct6: Run, garage: Device) -> None:
    assert ct6("Garage", "ports", "1", "role=load", "--from", "2026-03-10T11:59:59+00:00").code == 0
    assert PortPast.objects.get().until_ms == HOUR_MS


def test_what_it_was_stands_below_what_it_is_with_its_id(ct6: Run, garage: Device) -> None:
    told = ct6("Garage", "ports", "--from", "2026-03-10T12:00", "1", "role=load").out
    now, then = (line for line in told.splitlines() if "CT1" in line)
    assert "2026-03-10 11:00:00 UTC │ now" in now
    assert "2026-03-10 11:00:00 UTC │ " + str(PortPast.objects.get().pk) in then


def test_a_change_is_taken_back_by_its_id(ct6: Run, garage: Device) -> None:
    ct6("Garage", "ports", "--from", "2026-03-10T12:00", "1", "role=load")
    ran = ct6("Garage", "ports", "--take-back", PortPast.objects.get().pk, "--json")
    assert (ran.told["ports"][0]["role"], ran.told["ports"][0]["past"]) == ("other", [])


def test_only_the_last_change_is_taken_back(ct6: Run, garage: Device) -> None:
    ct6("Garage", "ports", "--from", "2026-03-10T12:00", "1", "role=load")
    ct6("Garage", "ports", "--from", "2026-03-11T12:00", "1", "role=ev")
    ran = ct6("Garage", "ports", "--take-back", PortPast.objects.order_by("until_ms")[0].pk)
    assert (ran.code, "only the last one can be taken back" in ran.sentence) == (1, True)
    assert PortPast.objects.count() == 2


def test_without_a_moment_it_was_so_all_along(ct6: Run, garage: Device) -> None:
    ran = ct6("Garage", "ports", "1", "role=grid", "scale=2", "enabled=no", "name=Grid")
    assert ran.code == 0
    port = port_of(garage)
    assert (port.role, port.scale, port.enabled, port.has_past) == ("grid", Decimal(2), False, False)
    assert open_wishes(garage)["CT1_NAME"].wished == "Grid"
    assert AuditEntry.objects.filter(action="change_port").count() == 1


def test_a_change_that_is_refused_wishes_no_name_either(ct6: Run, garage: Device) -> None:
    ran = ct6("Garage", "ports", "1", "name=Grid", "scale=0")
    assert (ran.code, "a scale is a number" in ran.sentence) == (1, True)
    assert open_wishes(garage) == {}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["9", "role=load"], "no port '9'"),
        (["Oven", "role=load"], "no port 'Oven'"),
        (["1"], "Say what the port is"),
        (["1", "role"], "KEY=VALUE"),
        (["1", "colour=red"], "KEY=VALUE"),
        (["1", "role=load", "role=ev"], "more than once"),
        (["1", "direction=left"], "direction is normal or reversed"),
        (["1", "enabled=off"], "enabled is yes or no"),
        (["1", "role=roof"], "'roof' is no role; the roles are grid, solar, battery, load, ev, other."),
        (["1", "scale=much"], "'much' is no number"),
        (["--from", "2026-03-10T12:00"], "Say which port"),
        (["--from", "lately", "1", "role=load"], "'lately' is no moment"),
        (["--from", "2026-02-30T12:00", "1", "role=load"], "is no moment"),
        (["--from", "0001-01-01T00:00", "1", "role=load"], "is no moment"),
        (["--from", "2026-03-10T12:00", "1", "enabled=no"], "leave --from out"),
        (["--take-back", "1", "1", "role=load"], "takes the id alone"),
    ],
)
def test_what_cannot_be_understood_is_wrong_use(ct6: Run, garage: Device, words: list[str], says: str) -> None:
    ran = ct6("Garage", "ports", *words)
    assert (ran.code, says in ran.sentence) == (2, True), ran.sentence
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["1", "role=other"], "it is that already"),
        (["1", "scale=0"], "a scale is a number"),
        (["1", "scale=nan"], "a scale is a number"),
        (["--from", "2198-03-10T12:00", "1", "role=load"], "still to come"),
        (["--take-back", "4711"], "4711 is no change of a port of Garage"),
    ],
)
def test_what_cannot_be_done_fails_with_the_reason(ct6: Run, garage: Device, words: list[str], says: str) -> None:
    ran = ct6("Garage", "ports", *words)
    assert (ran.code, says in ran.sentence) == (1, True), ran.sentence
    assert not AuditEntry.objects.exists()


def test_another_units_change_is_not_taken_back(ct6: Run, garage: Device) -> None:
    make_device("A2", name="Annex", ports=["Barn"])
    ct6("Annex", "ports", "--from", "2026-03-10T12:00", "1", "role=load")
    assert ct6("Garage", "ports", "--take-back", PortPast.objects.get().pk).code == 1
    assert PortPast.objects.exists()
