"""While a unit is calibrated its gains are wrong on purpose: nothing that it answers then is stored."""

import pytest
from pytest_django import DjangoAssertNumQueries
from structlog.testing import capture_logs

from devices.models import Device, Job
from devices.registration import known_units
from readings.models import DeviceReading, PortReading
from tests.factories import make_device
from tests.readings.collect.arrivals import ASSY, NOON_MS, Collecting

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def collecting() -> Collecting:
    collecting = Collecting()
    collecting.take_each_second(0, 10)
    return collecting


@pytest.fixture
def device(collecting: Collecting) -> Device:
    return Device.objects.get(assy=ASSY)


def run(device: Device, kind: Job.Kind = Job.Kind.CALIBRATION) -> Job:
    return Job.objects.create(device=device, kind=kind, state=Job.State.RUNNING, running_on=device)


def end(job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(state=Job.State.DONE, running_on=None)


def stored() -> list[tuple[int, int]]:
    """Seconds after noon and windows in ms."""
    rows = DeviceReading.objects.order_by("time").values_list("time", "window_ms")
    return [((time - NOON_MS) // 1000, window) for time, window in rows]


def test_its_answers_are_a_gap_and_not_stored(collecting: Collecting, device: Device) -> None:
    job = run(device)
    collecting.take_each_second(14, 40)
    assert stored()[-1] == (10, 1000)
    end(job)
    collecting.take_each_second(44, 46)
    assert stored()[-3:] == [(44, 0), (45, 1000), (46, 1000)]
    assert PortReading.objects.count() == 6 * len(stored())


def test_what_it_says_meanwhile_is_still_its_last_answer(collecting: Collecting, device: Device) -> None:
    run(device)
    collecting.take_each_second(14, 20)
    device.refresh_from_db()
    assert device.last_answer is not None
    assert device.last_answer["time"] == NOON_MS + 20_000


def test_a_short_calibration_is_no_window_of_the_answer_after_it(collecting: Collecting, device: Device) -> None:
    job = run(device)
    collecting.take_each_second(11, 13)
    end(job)
    first = stored()[-1][0]
    collecting.take_each_second(first + 4, first + 8)
    assert dict(stored())[first + 4] == 0 or first + 4 not in dict(stored())
    assert (first + 8, 1000) in stored()


def test_a_collector_that_starts_in_the_middle_stores_nothing_either(device: Device) -> None:
    job = run(device)
    Collecting().take_each_second(14, 20)
    assert stored()[-1] == (10, 1000)
    end(job)
    fresh = Collecting()
    fresh.take_each_second(60, 61)
    assert stored()[-2:] == [(60, 0), (61, 1000)]


@pytest.mark.parametrize("kind", [Job.Kind.BACKUP, Job.Kind.UPGRADE])
def test_other_jobs_change_nothing(collecting: Collecting, device: Device, kind: Job.Kind) -> None:
    run(device, kind)
    collecting.take_each_second(11, 20)
    assert stored()[-1] == (20, 1000)


def test_it_is_said_once_at_each_end(collecting: Collecting, device: Device) -> None:
    with capture_logs() as lines:
        job = run(device)
        collecting.take_each_second(14, 40)
        end(job)
        collecting.take_each_second(44, 60)
    said = [line["event"] for line in lines if "calibrat" in line["event"]]
    assert said == [
        "A unit is calibrated: its answers are not stored until that is over",
        "A unit's calibration is over: its answers are stored again",
    ]


def test_it_is_learnt_along_with_what_is_looked_for_anyway(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    run(make_device())
    with django_assert_num_queries(2):
        (unit,) = known_units().values()
    assert unit.calibrating
    assert not unit.is_stored
