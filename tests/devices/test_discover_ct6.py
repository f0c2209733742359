"""The command that lists, finds and adds units: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import pwd
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from devices.ct6.simulator.fleet import Fleet
from devices.discovery import sweep_networks
from devices.models import AuditEntry, Device
from readings import heartbeats
from tests.devices.ct6.test_sweep import common_port
from tests.devices.units import closed_port, device_of
from tests.factories import make_device
from tests.people import make_user

pytestmark = pytest.mark.django_db

NETWORK = "127.0.0.0/29"


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    with Fleet(2, http_port=common_port(["127.0.0.2", "127.0.0.3"]), ayt_port=0) as fleet:
        yield fleet


def printed(*arguments: str) -> tuple[str, str]:
    """What went to standard output and to standard error."""
    out, err = StringIO(), StringIO()
    call_command("discover_ct6", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def as_json(*arguments: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(printed(*arguments, "--json")[0])
    return told


def failing(*arguments: str) -> CommandError:
    with pytest.raises(CommandError) as error:
        printed(*arguments)
    return error.value


def test_known_units_are_listed() -> None:
    make_device(name="Garage [red]", last_seen=timezone.now(), firmware_version="3.1")
    out, err = printed()
    assert all(part in out for part in ("Garage [red]", "ASY0398_V003.300_SN00001801", "127.0.0.2", "3.1", "new"))
    assert "The collector does not run" in err


def test_with_a_collector_nothing_is_complained_of() -> None:
    make_device()
    Device.objects.update(first_seen=timezone.now() - timedelta(days=9))
    heartbeats.note("collector", timezone.now())
    out, err = printed()
    assert "silent" in out
    assert err == ""


def test_without_any_unit_it_says_so_by_its_exit_code() -> None:
    error = failing()
    assert (str(error), error.returncode) == ("There is no unit here.", 3)


def test_a_sweep_finds_what_is_silent(fleet: Fleet) -> None:
    house, annex = fleet.units
    annex.set({"ACTIVE": "0"})
    device_of(house)
    out, _ = printed("--sweep", NETWORK, "--http-port", str(house.http_port))
    assert "6 of 6 addresses asked; 2 units; 0 other web servers." in out
    assert f"{annex.address}:{annex.http_port}" in out
    assert "new, inactive" in out


def test_json_holds_all_of_it(fleet: Fleet) -> None:
    house, annex = fleet.units
    device_of(house)
    told = as_json("--sweep", NETWORK, "--http-port", str(house.http_port))
    assert told["collector"] == {"runs": False, "at": None}
    assert [unit["assy"] for unit in told["units"]] == [house.assy]
    found = {unit["assy"]: unit["marks"] for unit in told["sweep"]["units"]}
    assert found == {house.assy: ["known"], annex.assy: ["new"]}


def test_a_unit_is_added_by_its_address(fleet: Fleet) -> None:
    unit = fleet.units[0]
    unit.set({"ACTIVE": "0"})
    out, _ = printed("--add", unit.address, "--http-port", str(unit.http_port))
    assert f"{unit.assy} at {unit.address} is registered (new)." in out
    assert Device.objects.get().active is False


def test_an_address_may_have_its_port_behind_it(fleet: Fleet) -> None:
    unit = fleet.units[0]
    out, _ = printed("--add", f"{unit.address}:{unit.http_port}")
    assert f"{unit.assy} at {unit.address} is registered (new)." in out
    assert "never; asked over HTTP 20" in " ".join(out.split())


def test_who_looks_for_units_is_in_the_audit_log(fleet: Fleet) -> None:
    unit, port = fleet.units[0], str(fleet.units[0].http_port)
    make_user("sam")
    printed("--add", unit.address, "--sweep", NETWORK, "--http-port", port, "--as", "sam")
    assert {entry.action: entry.who_name for entry in AuditEntry.objects.all()} == {"add": "sam", "sweep": "sam"}
    AuditEntry.objects.all().delete()
    printed("--add", unit.address, "--sweep", NETWORK, "--http-port", port)
    assert {(entry.action, entry.who) for entry in AuditEntry.objects.all()} == {("add", None), ("sweep", None)}
    assert {entry.who_name for entry in AuditEntry.objects.all()} == {
        f"{pwd.getpwuid(os.getuid()).pw_name} (command line)"
    }


def test_a_user_that_is_not_there_is_a_wrong_question(fleet: Fleet) -> None:
    error = failing("--add", fleet.units[0].address, "--as", "nobody")
    assert (str(error), error.returncode) == ("There is no user 'nobody'.", 2)
    assert not fleet.units[0].requests


def test_nobody_at_the_address_is_exit_code_1() -> None:
    error = failing("--add", "127.0.0.1", "--http-port", str(closed_port()))
    assert error.returncode == 1
    assert "no connection to 127.0.0.1" in str(error)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--add", ""),
        ("--add", "127.0.0.2:"),
        ("--add", "127.0.0.2:0"),
        ("--add", "127.0.0.2:x"),
        ("--add", "8.8.8.8"),
        ("--sweep", "8.8.8.0/24"),
        ("--sweep", "10.0.0.0/8"),
        ("--sweep", "x", "--http-port", "0"),
    ],
)
def test_a_wrong_question_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert failing(*arguments).returncode == 2


def test_without_networks_those_of_this_machine_are_offered_and_nothing_is_asked(settings: Settings) -> None:
    settings.CT6_SWEEP_NETWORKS = []
    error = failing("--sweep")
    assert error.returncode == 2
    assert "Name the networks to sweep" in str(error)
    assert all(network in str(error) for network in sweep_networks())


def test_the_configured_networks_are_swept(fleet: Fleet, settings: Settings) -> None:
    settings.CT6_SWEEP_NETWORKS = [NETWORK]
    assert len(as_json("--sweep", "--http-port", str(fleet.units[0].http_port))["sweep"]["units"]) == 2
