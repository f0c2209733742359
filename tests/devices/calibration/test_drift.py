"""How the gains of a unit changed over time."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.calibration import drift
from devices.models import Calibration, Device, FactoryConfig, Replacement
from tests.factories import make_device

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture
def device() -> Device:
    return make_device()


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def calibrated(
    device: Device, days: float, before: dict[str, Any], after: dict[str, Any], **fields: Any
) -> Calibration:
    values = {"target": Calibration.Target.VOLTAGE, "succeeded": True, **fields}
    made = Calibration.objects.create(device=device, before=before, after=after, **values)
    Calibration.objects.filter(pk=made.pk).update(made=days_ago(days))
    return made


def copied(device: Device, days: float, assy: str = "", **values: Any) -> None:
    content = json.dumps({"ASSY": assy or device.assy, **values})
    copy = FactoryConfig.objects.create(device=device, content=content, sha256="")
    FactoryConfig.objects.filter(pk=copy.pk).update(taken=days_ago(days))


def test_a_unit_that_was_never_looked_at_has_none(device: Device) -> None:
    assert drift(device) == {}


def test_each_calibration_adds_what_it_found(device: Device) -> None:
    first = calibrated(device, 300, {"CS4_VOLTAGE_GAIN": 50_000.0}, {"CS4_VOLTAGE_GAIN": 51_000.0})
    second = calibrated(device, 10, {"CS4_VOLTAGE_GAIN": 51_000.0}, {"CS4_VOLTAGE_GAIN": 50_500.0})
    line = drift(device)["CS4_VOLTAGE_GAIN"]
    assert [point.value for point in line] == [50_000.0, 51_000.0, 50_500.0]
    assert [point.calibration for point in line] == [None, first.pk, second.pk]
    assert [point.at for point in line] == [days_ago(300), days_ago(300), days_ago(10)]
    assert [point.change_percent for point in line] == pytest.approx([0.0, 2.0, 1.0])


def test_a_gain_that_somebody_else_changed_is_seen_in_the_copies(device: Device) -> None:
    copied(device, 30, CT1_IGAIN=47_210)
    copied(device, 20, CT1_IGAIN=47_210)
    copied(device, 10, CT1_IGAIN=47_000)
    line = drift(device)["CT1_IGAIN"]
    assert [(point.at, point.value, point.calibration) for point in line] == [
        (days_ago(30), 47_210.0, None),
        (days_ago(10), 47_000.0, None),
    ]


def test_an_offset_is_shown_with_its_sign_and_without_percent(device: Device) -> None:
    copied(device, 1, CT1_IOFFSET=50_176)
    [point] = drift(device)["CT1_IOFFSET"]
    assert (point.value, point.change_percent) == (-15_360.0, None)


def test_a_calibration_that_came_to_nothing_changed_nothing(device: Device) -> None:
    calibrated(device, 1, {"CT1_IGAIN": 47_210.0}, {"CT1_IGAIN": 40_000.0}, succeeded=False)
    assert drift(device) == {}


def test_the_unit_that_stood_here_before_is_left_out(device: Device) -> None:
    calibrated(device, 300, {"CT1_IGAIN": 47_210.0}, {"CT1_IGAIN": 47_000.0})
    copied(device, 200, "ASY0398_V003.300_SN00000007", CT1_IGAIN=40_000)
    replaced = Replacement.objects.create(device=device, former_assy="ASY1", new_assy=device.assy, at_ms=0)
    Replacement.objects.filter(pk=replaced.pk).update(made=days_ago(100))
    copied(device, 1, CT1_IGAIN=49_000)
    assert [point.value for point in drift(device)["CT1_IGAIN"]] == [49_000.0]


def test_a_copy_that_cannot_be_read_is_passed_over(device: Device) -> None:
    FactoryConfig.objects.create(device=device, content="{", sha256="")
    copied(device, 1, CT1_IGAIN=49_000)
    assert list(drift(device)) == ["CT1_IGAIN"]
