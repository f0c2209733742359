"""What may be asked for, and what is refused before a job is made or anything is sent."""

from typing import Any

import pytest

from devices import calibration
from devices.calibration.wanted import wanted_from
from devices.models import Calibration, Device, Job, Replacement
from tests.devices.calibration.conftest import ASKED
from tests.factories import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    return make_device()


@pytest.mark.parametrize("target", ASKED)
@pytest.mark.parametrize("hz", [50, 60])
def test_each_target_may_be_asked_for(device: Device, target: str, hz: int) -> None:
    job = calibration.ask(device, ASKED[target] | {"line_freq_hz": hz}, None)
    assert (job.kind, job.state) == (Job.Kind.CALIBRATION, Job.State.WAITING)
    assert wanted_from(job.asked, device).line_freq_hz == hz


@pytest.mark.parametrize(
    ("target", "wrong", "sentence"),
    [
        ("voltage", {"target": "power"}, "choose what to calibrate"),
        ("voltage", {"target": None}, "choose what to calibrate"),
        ("voltage", {"mains_side_is_safe": False}, "mains side is safe"),
        ("voltage", {"mains_side_is_safe": None}, "mains side is safe"),
        ("current_gain", {"mains_side_is_safe": 1}, "mains side is safe"),
        ("current_offset", {"mains_side_is_safe": "yes"}, "mains side is safe"),
        ("voltage", {"line_freq_hz": 55}, "50 or 60 Hz"),
        ("current_offset", {"line_freq_hz": None}, "50 or 60 Hz"),
        ("voltage", {"reference": 99.9}, "from 100 to 270 V"),
        ("voltage", {"reference": 270.1}, "from 100 to 270 V"),
        ("voltage", {"reference": float("nan")}, "from 100 to 270 V"),
        ("voltage", {"reference": "230"}, "from 100 to 270 V"),
        ("voltage", {"reference": True}, "from 100 to 270 V"),
        ("voltage", {"reference": None}, "from 100 to 270 V"),
        ("current_gain", {"reference": 0.9}, "from 1 to 100 A"),
        ("current_gain", {"reference": 100.5}, "from 1 to 100 A"),
        ("current_gain", {"reference": float("inf")}, "from 1 to 100 A"),
        ("current_gain", {"port": 0}, "from 1 to 6"),
        ("current_gain", {"port": 7}, "from 1 to 6"),
        ("current_gain", {"port": None}, "from 1 to 6"),
        ("current_offset", {"port": True}, "from 1 to 6"),
        ("current_offset", {"port": "3"}, "from 1 to 6"),
    ],
)
def test_a_wrong_wish_is_refused_in_a_sentence(
    device: Device, target: str, wrong: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(calibration.CalibrationRefused) as refusal:
        calibration.ask(device, ASKED[target] | wrong, None)
    assert sentence in refusal.value.message
    assert not Job.objects.exists()


def earlier(device: Device, **fields: Any) -> Calibration:
    values: dict[str, Any] = {
        "target": Calibration.Target.CURRENT_GAIN,
        "port_number": 3,
        "before": {"LINE_FREQ_HZ": 50.0, "CT3_IGAIN": 45_000.0},
        "after": {"LINE_FREQ_HZ": 50.0, "CT3_IGAIN": 47_210.0},
        "succeeded": True,
    }
    return Calibration.objects.create(device=device, **(values | fields))


def test_an_earlier_calibrations_gains_can_be_put_back_without_a_word_on_the_mains(device: Device) -> None:
    job = calibration.restore(earlier(device), None)
    assert wanted_from(job.asked, device).gains == {"LINE_FREQ_HZ": 50.0, "CT3_IGAIN": 47_210.0}


def test_of_one_that_came_to_nothing_it_is_those_that_it_began_with(device: Device) -> None:
    job = calibration.restore(earlier(device, succeeded=False), None)
    assert wanted_from(job.asked, device).gains["CT3_IGAIN"] == 45_000.0


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"after": {}}, "has not ended"),
        ({"after": {"CT3_IGAIN": 0.0}}, "must be a whole number from 1000 to 64535"),
        ({"after": {"LINE_FREQ_HZ": 55}}, "must be 50 or 60"),
    ],
)
def test_gains_that_must_not_be_sent_are_not_put_back(device: Device, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(calibration.CalibrationRefused, match=sentence):
        calibration.restore(earlier(device, **fields), None)


def test_one_that_still_runs_is_left_to_end_and_one_that_was_given_up_can_be_put_back(device: Device) -> None:
    job = calibration.ask(device, ASKED["current_gain"], None)
    unfinished = earlier(device, succeeded=None, after={}, job=job)
    with pytest.raises(calibration.CalibrationRefused, match="has not ended"):
        calibration.restore(unfinished, None)
    Job.objects.filter(pk=job.pk).update(state=Job.State.FAILED)
    unfinished.refresh_from_db()
    assert wanted_from(calibration.restore(unfinished, None).asked, device).gains["CT3_IGAIN"] == 45_000.0


def test_another_units_calibration_is_not_put_back(device: Device) -> None:
    other = make_device("ASY0398_V003.300_SN00001802")
    asked = {"target": "restored", "calibration": earlier(other).pk}
    with pytest.raises(calibration.CalibrationRefused, match="no such calibration"):
        calibration.ask(device, asked, None)


def test_the_calibration_of_a_unit_that_was_replaced_is_not_put_back(device: Device) -> None:
    old = earlier(device)
    Replacement.objects.create(device=device, former_assy="ASY1", new_assy=device.assy, at_ms=0)
    with pytest.raises(calibration.CalibrationRefused, match="the unit that stood here before"):
        calibration.restore(old, None)
    assert calibration.restore(earlier(device), None).pk
