"""New firmware from the command line: from a file or a release, for one unit or several, now or later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.management.ct6.call import Failed
from devices.management.ct6.firmware import moment
from devices.models import Device, FirmwareRelease, Job, Rollout
from tests.devices.firmware.applications import release_of, sources, zipped
from tests.devices.jobs.works import State
from tests.devices.management.conftest import Run
from tests.devices.units import device_of

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def test_a_file_is_looked_through_kept_and_put_onto_the_unit(
    ct6: Run, device: Device, unit: SimulatedUnit, tmp_path: Path
) -> None:
    file = tmp_path / "ct6-3.2.zip"
    file.write_bytes(zipped(sources("3.2")))
    ran = ct6("Garage", "upgrade", file, "--notes", "from the shop")
    assert (ran.code, "It runs 3.2 from /app2" in ran.out) == (0, True)
    assert "app.mpy: " in ran.err
    assert unit.active_folder() == "/app2"
    assert (FirmwareRelease.objects.get().file_name, FirmwareRelease.objects.get().notes) == (
        "ct6-3.2.zip", "from the shop",
    )  # fmt: skip


@pytest.mark.parametrize("by", ["version", "id"])
def test_a_release_is_named_by_its_version_or_id(ct6: Run, device: Device, by: str) -> None:
    release = release_of("3.2")
    [job] = ct6("Garage", "upgrade", release.version if by == "version" else release.pk, "--json").told["jobs"]
    assert job["state"] == "done"
    assert {one["path"] for one in job["files"]} >= {"app.mpy", "lib/wifi.mpy"}
    assert job["sent"]["bytes"] == sum(one["bytes"] for one in job["files"])


def test_releases_are_listed(ct6: Run, device: Device) -> None:
    release = release_of("3.2")
    assert "3.2.zip" in ct6("Garage", "upgrade").out
    assert [one["id"] for one in ct6("Garage", "upgrade", "--json").told["releases"]] == [release.pk]


def test_what_is_no_firmware_is_refused_with_the_reason(ct6: Run, device: Device, tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(zipped(sources(app="def")))
    ran = ct6("Garage", "upgrade", file)
    assert (ran.code, ran.sentence.startswith("app.py, line 1:")) == (1, True)
    assert not FirmwareRelease.objects.exists()


def test_what_is_neither_a_file_nor_a_release_is_wrong_use(ct6: Run, device: Device) -> None:
    ran = ct6("Garage", "upgrade", "3.7")
    assert (ran.code, "neither a file here nor a release" in ran.sentence) == (2, True)


def test_of_several_releases_of_one_version_one_is_asked_to_say_which(ct6: Run, device: Device) -> None:
    first, second = release_of("3.2"), release_of("3.2", app="x = 1\n")
    ran = ct6("Garage", "upgrade", "3.2")
    assert ran.code == 2
    assert all(f"{one.pk} (3.2.zip" in ran.sentence for one in (first, second))


def test_across_2_8_one_has_to_say_so(ct6: Run, device: Device) -> None:
    release_of("2.7")
    ran = ct6("Garage", "upgrade", "2.7")
    assert (ran.code, "calibrated again" in ran.sentence) == (1, True)
    assert ran.sentence.endswith("Ask for it with this confirmed: --across-2.8.")
    assert not Job.objects.exists()
    assert ct6("Garage", "upgrade", "2.7", "--across-2.8", "--no-wait").code == 0
    assert Job.objects.get().asked["across_2_8"] is True


def test_what_runs_already_is_given_again_with_a_remark(ct6: Run, device: Device) -> None:
    release_of(device.firmware_version)
    ran = ct6("Garage", "upgrade", device.firmware_version, "--no-wait")
    assert (ran.code, f"Garage runs {device.firmware_version} already" in ran.err) == (0, True)


def test_several_are_upgraded_one_first(ct6: Run, fleet: Fleet, device: Device) -> None:
    other = device_of(fleet.units[1], firmware_version="3.1")
    release_of("3.2")
    ran = ct6("Garage", "upgrade", "3.2", "--also", other.assy)
    assert ran.code == 0
    assert [unit.active_folder() for unit in fleet.units] == ["/app2", "/app2"]
    assert "Garage: Looking at the unit." in ran.err


def test_others_are_left_alone_when_the_first_one_fails(ct6: Run, fleet: Fleet, device: Device) -> None:
    other = device_of(fleet.units[1], firmware_version="3.1")
    release_of("3.2")
    fleet.units[0].faults.http_refused = True
    ran = ct6("Garage", "upgrade", "3.2", "--also", other.assy)
    assert (ran.code, ran.sentence.startswith(device.assy)) == (3, True)
    assert f"{other}: Not begun, since another unit of this rollout failed." in ran.out
    assert fleet.units[1].active_folder() == "/app1"


def test_one_that_is_not_here_among_the_others_stops_all(ct6: Run, device: Device) -> None:
    release_of("3.2")
    assert ct6("Garage", "upgrade", "3.2", "--also", "Shed").code == 2
    assert not Rollout.objects.exists()


def test_it_can_wait_for_its_time(ct6: Run, device: Device) -> None:
    release_of("3.2")
    ran = ct6("Garage", "upgrade", "3.2", "--at", "2099-11-23T02:00")
    assert (ran.code, "begins 2099-11-23 02:00:00 UTC" in ran.out) == (0, True)
    assert Job.objects.get().state == State.WAITING


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("13:30", "2026-11-22T12:30"),
        ("12:30", "2026-11-23T11:30"),
        ("2026-11-23T02:00", "2026-11-23T01:00"),
        ("2026-11-23T02:00Z", "2026-11-23T02:00"),
    ],
)
def test_a_moment_is_in_the_sites_time_zone(settings: Settings, text: str, meant: str) -> None:
    settings.CT6_TIMEZONE = "Europe/Berlin"
    assert moment(text, NOW) == datetime.fromisoformat(meant).replace(tzinfo=UTC)


def test_two_oclock_is_two_oclock_on_the_day_the_clocks_change(settings: Settings) -> None:
    settings.CT6_TIMEZONE = "Europe/Berlin"
    evening = datetime(2026, 3, 28, 20, 0, tzinfo=UTC)  # the clocks go forward in the night
    assert moment("06:00", evening) == datetime(2026, 3, 29, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["soon", "25:00", "2026-11-22T12:30", "2026-02-30T02:00", ""])
def test_what_is_no_moment_or_has_passed_is_wrong_use(settings: Settings, text: str) -> None:
    settings.CT6_TIMEZONE = "Europe/Berlin"
    with pytest.raises(Failed) as failure:
        moment(text, NOW)
    assert failure.value.code == 2
