"""The demonstration is made whole or anew, and leaves nothing behind."""

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from ct6site.operations import demo, first_run
from devices.models import Device
from readings.models import DirtyBucket
from tests.factories import make_device

pytestmark = pytest.mark.django_db

LABEL = f"ASY0398_V003.300_SN{demo.FIRST_SERIAL:08d}"


@pytest.fixture(autouse=True)
def _own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def test_a_unit_that_was_stored_anew_after_its_removal_is_removed_too() -> None:
    stray, marked, real = make_device(LABEL), make_device("marked", demo=True), make_device("real")
    DirtyBucket.objects.create(device=stray, minute=60_000)
    assert demo.remove() == 2
    assert list(Device.objects.all()) == [real]
    assert marked not in Device.objects.all()


def test_what_was_broken_off_does_not_count_as_made() -> None:
    make_device(LABEL)
    assert not demo.is_there()


def test_what_the_units_were_set_to_goes_with_them(tmp_path: Path) -> None:
    (tmp_path / "demo-units").mkdir()
    (tmp_path / "demo-units" / "unit.json").write_text("{}")
    make_device(LABEL)
    demo.remove()
    assert not (tmp_path / "demo-units").exists()


def test_a_demo_that_runs_is_not_removed(tmp_path: Path) -> None:
    make_device(LABEL, demo=True)
    with first_run.take_data_folder(tmp_path), pytest.raises(CommandError, match=r"Stop it first \(Ctrl-C\)"):
        call_command("remove_demo")
    assert demo.is_there()


def test_its_history_is_made_anew_over_what_was_broken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "HISTORY", timedelta(minutes=10))
    monkeypatch.setattr(demo, "SECONDS_FOR_MS", 60_000)
    half_made = make_device(LABEL)
    demo.make_history(now_ms=time.time_ns() // 1_000_000)
    assert demo.is_there()
    assert [(device.name, device.demo) for device in Device.objects.order_by("assy")] == [
        ("House", True),
        ("Annex", True),
    ]
    assert not Device.objects.filter(pk=half_made.pk).exists()
