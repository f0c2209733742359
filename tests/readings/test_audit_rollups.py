"""manage.py audit_rollups, and the audit of every night."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from devices.models import Device
from readings.models import DirtyBucket, Heartbeat, PortHour
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from readings.store.rollups import rebuild, roll_up_closed
from readings.tasks import audit_rollups
from tests.factories import make_device, store_reading

pytestmark = pytest.mark.django_db

T0 = parse_time("2026-05-04T10:00:00Z")


@pytest.fixture
def device() -> Device:
    device = make_device(name="Attic", ports=["Grid"])
    for minute in range(180):
        store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
    roll_up_closed(T0 * 2, pause=lambda _seconds: None)
    return device


def spoil() -> None:
    PortHour.objects.filter(start=T0 + HOUR_MS).update(samples=99)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("audit_rollups", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--device", "Attic"), ("--hours", "50")])
def test_it_says_that_all_is_well(device: Device, arguments: tuple[str, ...]) -> None:
    assert "Looked at 2 hours of units, 0 left out as they wait for a rollup or a file: 0 rollups differ" in run(
        *arguments
    )


def test_it_ends_with_an_error_that_says_what_to_do(device: Device) -> None:
    spoil()
    with pytest.raises(CommandError, match="Add --repair"):
        run("--all")


def test_it_repairs_what_differs(device: Device) -> None:
    spoil()
    said = run("--all", "--repair")
    assert "readings_porthour" in said
    assert "2026-05-04T11:00:00+00:00" in said
    assert "Made anew: " in said
    assert "0 rollups differ" in run("--all")


def test_a_sample_of_nothing_is_refused(device: Device) -> None:
    with pytest.raises(CommandError, match="--hours: give 1 or more, or --all"):
        run("--hours", "0")


def test_at_night_it_is_noted_and_a_difference_logged(device: Device, caplog: pytest.LogCaptureFixture) -> None:
    audit_rollups()
    assert Heartbeat.objects.get(part="audit").detail == {"hours": 2, "left_out": 0, "mismatches": 0}
    assert not caplog.text
    spoil()
    audit_rollups()
    detail = Heartbeat.objects.get(part="audit").detail
    assert detail["mismatches"] >= 1
    assert "Rollups differ from what they are made of" in caplog.text


def audited() -> dict[str, object]:
    audit_rollups()
    return dict(Heartbeat.objects.get(part="audit").detail)


def test_what_was_wrong_is_looked_at_again_even_if_the_sample_leaves_it_out(
    device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil()
    assert audited()["wrong_spans"] == 2  # the hour, and its day
    monkeypatch.setattr("readings.tasks._HOURS_A_NIGHT", 0)
    assert audited()["wrong_spans"] == 2
    rebuild([device], T0, T0 + 3 * HOUR_MS, pause=lambda _seconds: None)
    assert audited() == {"hours": 1, "left_out": 0, "mismatches": 0}


def test_an_hour_that_cannot_be_looked_at_again_stays_wrong(device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil()
    audit_rollups()
    monkeypatch.setattr("readings.tasks._HOURS_A_NIGHT", 0)
    mark = DirtyBucket.objects.create(device=device, minute=T0 + HOUR_MS)
    assert (audited()["left_out"], audited()["wrong_spans"]) == (1, 1)
    mark.delete()


def test_an_audit_of_everything_by_hand_is_noted_and_one_of_a_part_is_not(device: Device) -> None:
    spoil()
    audit_rollups()
    run("--all", "--end", "2026-05-04T00:00:00Z")
    assert Heartbeat.objects.get(part="audit").detail["wrong_spans"] == 2
    run("--all", "--repair")
    assert "wrong_spans" not in Heartbeat.objects.get(part="audit").detail
    spoil()
    with pytest.raises(CommandError):
        run("--all")
    assert Heartbeat.objects.get(part="audit").detail["wrong_spans"] == 2
