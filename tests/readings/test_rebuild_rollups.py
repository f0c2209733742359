"""manage.py rebuild_rollups: which units and times it takes, and what it says."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from devices.models import Device
from readings.models import PortDay, PortHour, PortMinute
from readings.periods import MINUTE_MS, parse_time
from readings.store.rollups import roll_up_closed
from tests.factories import make_device, store_reading

pytestmark = pytest.mark.django_db

FIRST, SECOND = "ASY0398_V003.300_SN00000001", "ASY0398_V003.300_SN00000002"
T0 = parse_time("2026-05-04T10:00:00Z")


@pytest.fixture
def devices() -> list[Device]:
    """Two units with three minutes each, whose rollups somebody spoilt."""
    made = [make_device(FIRST, name="Attic", ports=["Grid"]), make_device(SECOND, name="Barn", ports=["Grid"])]
    for device in made:
        for minute in range(3):
            store_reading(device, T0 + minute * MINUTE_MS + 1_000, 1_000, [1.0])
    roll_up_closed(T0 * 2, pause=lambda _seconds: None)
    PortMinute.objects.update(samples=99)
    PortHour.objects.all().delete()
    PortDay.objects.all().delete()
    return made


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("rebuild_rollups", *arguments, stdout=out)
    return out.getvalue()


def wrong_minutes(device: Device) -> int:
    return PortMinute.objects.filter(port_id=device.ports.get().pk, samples=99).count()


def test_everything_is_rebuilt_by_default(devices: list[Device]) -> None:
    said = run()
    assert [wrong_minutes(device) for device in devices] == [0, 0]
    assert PortHour.objects.count() == PortDay.objects.count() == 2
    assert "100 %: 6 of 6 minutes" in said
    assert "New: 6 minutes (units: 2)" in said


@pytest.mark.parametrize("word", [SECOND, "Barn"])
def test_a_unit_is_chosen_by_its_label_or_its_name(devices: list[Device], word: str) -> None:
    run("--device", word)
    assert [wrong_minutes(device) for device in devices] == [3, 0]


def test_several_units_are_chosen(devices: list[Device]) -> None:
    run("--device", "Attic", "--device", SECOND, "--device", "Barn")
    assert [wrong_minutes(device) for device in devices] == [0, 0]


def test_a_span_is_chosen(devices: list[Device]) -> None:
    run("--start", "2026-05-04T11:01:00+01:00", "--end", "2026-05-04T10:02:00Z", "--device", "Attic")
    assert list(PortMinute.objects.filter(samples=1).values_list("start", flat=True)) == [T0 + MINUTE_MS]


def test_days_move_with_a_time_zone_that_was_changed_meanwhile() -> None:
    device = make_device(ports=["Grid"])
    store_reading(device, parse_time("2026-05-04T23:00:00Z"), 1_000, [1.0])
    roll_up_closed(T0 * 2, pause=lambda _seconds: None)
    Device.objects.update(timezone="Asia/Kathmandu")
    run()
    assert PortDay.objects.get().start == parse_time("2026-05-05T00:00:00+05:45")


def test_nothing_stored_is_nothing_to_do() -> None:
    make_device()
    assert "New: 0 minutes (units: 1)" in run()


def test_all_bad_input_is_named_at_once(devices: list[Device]) -> None:
    with pytest.raises(CommandError) as refused:
        run("--device", "Cellar", "--device", "Garage", "--start", "yesterday", "--end", "2026-05-04T10:00:00")
    said = str(refused.value)
    assert f"--device Cellar: no unit has this label or name; known are {FIRST} (Attic), {SECOND} (Barn)" in said
    assert "--device Garage" in said
    assert "--start: 'yesterday' is no ISO 8601 time" in said
    assert "--end: '2026-05-04T10:00:00' has no offset" in said
    assert [wrong_minutes(device) for device in devices] == [3, 3]


def test_a_name_of_two_units_is_refused(devices: list[Device]) -> None:
    Device.objects.update(name="Meter")
    with pytest.raises(CommandError, match="have this name; give the label"):
        run("--device", "Meter")


def test_a_start_that_is_not_before_the_end_is_refused(devices: list[Device]) -> None:
    with pytest.raises(CommandError, match="is not before the end"):
        run("--start", "2026-05-04T10:00:00Z", "--end", "2026-05-04T10:00:00Z")
