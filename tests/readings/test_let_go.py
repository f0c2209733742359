"""manage.py let_go: what it takes, and what it says."""

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from devices.models import AuditEntry, Device
from readings.models import DeviceReading
from readings.periods import HOUR_MS, parse_time
from readings.retention_models import Retention
from readings.store.archive import archiving
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.stored import no_pause, roll_up

pytestmark = pytest.mark.django_db

T0 = parse_time("2024-05-01T00:00:00Z")
ASSY, OTHER = "ASY0398_V003.300_SN00000001", "ASY0398_V003.300_SN00000002"


@pytest.fixture
def devices() -> list[Device]:
    """Two units that measured for two days in 2024, and once in 2025; their seconds go."""
    made = [make_device(ASSY, ports=["Grid"]), make_device(OTHER, ports=["Grid"])]
    for device in made:
        bulk.store(device, bulk.steady(T0, T0 + 48 * HOUR_MS, HOUR_MS, 500))
        bulk.store(device, bulk.steady(T0 + 9000 * HOUR_MS, T0 + 9001 * HOUR_MS, HOUR_MS, 500))
        Retention.objects.create(device=device, seconds_days=30, changed_at=timezone.now())
    roll_up(T0 + 9999 * HOUR_MS)
    return made


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("let_go", *arguments, stdout=out)
    return out.getvalue()


def left(device: Device) -> int:
    return DeviceReading.objects.filter(device=device).count()


def test_it_says_what_went(devices: list[Device]) -> None:
    said = run()
    assert [left(device) for device in devices] == [1, 1]
    assert f"{ASSY}: 48 readings from 2024-05-01T01:00:00+00:00 to 2025-05-11T00:00:00+00:00: 48 in rows" in said
    assert {entry.who_name for entry in AuditEntry.objects.filter(action="let_go")} != {""}


def test_a_dry_run_deletes_nothing_and_says_the_same(devices: list[Device]) -> None:
    looked = run("--dry-run")
    assert [left(device) for device in devices] == [49, 49]
    assert "Nothing was deleted" in looked
    assert looked.splitlines()[:2] == run().splitlines()


def test_of_chosen_units(devices: list[Device]) -> None:
    run("--device", OTHER)
    assert [left(device) for device in devices] == [49, 1]


def test_files_and_their_bytes(devices: list[Device]) -> None:
    archiving.archive_due(T0 + 9999 * HOUR_MS, turn=Turn(pause=no_pause))
    assert "0 in rows of about 0.0 MB, 48 in 96 files of" in run("--dry-run", "--device", ASSY)


def test_where_nothing_is_older_it_says_so() -> None:
    make_device(ASSY)
    assert run() == "Nothing is older than it is to be kept.\n"


def test_what_has_to_stay_ends_it_with_1(devices: list[Device], settings: Settings) -> None:
    archiving.archive_due(T0 + 9999 * HOUR_MS, turn=Turn(pause=no_pause))
    settings.CT6_ARCHIVE = ""
    with pytest.raises(CommandError, match="switched off"):
        run()


def test_a_rebuild_says_which_rollups_stay(devices: list[Device]) -> None:
    run()
    out = StringIO()
    call_command("rebuild_rollups", "--device", ASSY, stdout=out)
    assert (
        f"{ASSY}: readings from before 2025-05-11T00:00:00+00:00 were let go of: their rollups stay" in out.getvalue()
    )
