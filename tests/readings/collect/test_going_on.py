"""What is stored after a start of ours, and after taking over from a collector that others heard beside."""

import itertools
from dataclasses import replace

import pytest

from devices.models import Device
from readings.collect.inbox import Arrival
from readings.collect.uptimes import Question
from readings.collect.ways import Way
from readings.models import DeviceReading, PortReading
from tests.readings.collect.arrivals import ASSY, HERE, NOON_MS, OTHER_ASSY, Collecting, answer_of, arrival, published
from tests.readings.collect.test_intake import windows

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

_LABELS = (ASSY, OTHER_ASSY)


def message(at_ms: int, assy: str = ASSY) -> Arrival:
    """Each with a power of its own."""
    return published(at_ms, assy, power_w=float(at_ms // 100 % 1_000))


def messages(start_ms: int, end_ms: int, assy: str = ASSY, every_ms: int = 2000) -> list[Arrival]:
    return [message(at_ms, assy) for at_ms in range(start_ms, end_ms + 1, every_ms)]


def later(arrivals: list[Arrival], by_ms: int) -> list[Arrival]:
    """The same as another process notes them, whose clock is so much ahead, or that hears them later."""
    return [replace(one, time_ms=one.time_ms + by_ms) for one in arrivals]


def overheard(arrivals: list[Arrival]) -> list[Arrival]:
    return [replace(one, overheard=True) for one in arrivals]


def take(collecting: Collecting, *parts: list[Arrival]) -> None:
    """Each as it comes."""
    for one in sorted(itertools.chain(*parts), key=lambda one: one.steady_ms):
        collecting.take(one)


def by_mqtt() -> Collecting:
    return Collecting(preferred=Way.MQTT)


def assert_each_is_stored_once(assy: str = ASSY) -> None:
    powers = PortReading.objects.filter(port__device__assy=assy, port__number=1).values_list("active_power", flat=True)
    assert len(set(powers)) == len(powers)
    stored = windows(assy)
    assert all(later[0] - later[1] >= former[0] for former, later in itertools.pairwise(stored))


# --- Taking over ------------------------------------------------------------------------------------------------


def test_what_the_other_stored_is_left_out_and_the_rest_has_its_windows() -> None:
    take(by_mqtt(), messages(0, 10_000))
    second = by_mqtt()
    second.take(*overheard(messages(2000, 20_000)))
    take(second, messages(22_000, 26_000))
    assert windows() == [(0, 0), *((at, 2000) for at in range(2000, 26_001, 2000))]


@pytest.mark.parametrize("by_ms", [-400, -30, 30, 400])
def test_though_each_notes_another_time_for_a_message(by_ms: int) -> None:
    take(by_mqtt(), messages(0, 10_000))
    second = by_mqtt()
    second.take(*overheard(later(messages(2000, 20_000), by_ms)))
    assert_each_is_stored_once()
    stored = windows()
    assert [at for at, _ in stored] == [*range(0, 10_001, 2000), *range(12_000 + by_ms, 20_001 + by_ms, 2000)]
    assert sum(window for _, window in stored) == 20_000 + by_ms


def test_a_clock_that_is_ahead_by_more_measures_no_more() -> None:
    take(by_mqtt(), messages(0, 10_000))
    second = by_mqtt()
    second.take(*overheard(later(messages(2000, 20_000), 5000)))
    assert_each_is_stored_once()
    assert windows()[6:] == [(at + 5000, 2000) for at in range(12_000, 20_001, 2000)]


def test_where_the_last_one_was_not_heard_here_its_time_tells() -> None:
    take(by_mqtt(), messages(0, 10_000))
    second = by_mqtt()
    second.take(*overheard(messages(2000, 8000) + messages(12_000, 20_000)))
    assert windows() == [(0, 0), *((at, 2000) for at in range(2000, 20_001, 2000))]


def test_a_unit_that_says_the_same_all_the_time_is_followed_as_well() -> None:
    def same(start_ms: int, end_ms: int) -> list[Arrival]:
        return [published(at_ms) for at_ms in range(start_ms, end_ms + 1, 2000)]

    take(by_mqtt(), same(0, 10_000))
    second = by_mqtt()
    second.take(*overheard(same(2000, 14_000)))
    take(second, same(16_000, 16_000))
    assert windows() == [(0, 0), *((at, 2000) for at in range(2000, 16_001, 2000))]


def test_of_each_unit_on_its_own() -> None:
    first = by_mqtt()
    take(first, messages(0, 10_000), messages(300, 6300, OTHER_ASSY))
    second = by_mqtt()
    second.take(*overheard(messages(2000, 20_000) + messages(300, 20_300, OTHER_ASSY)))
    for assy in _LABELS:
        assert_each_is_stored_once(assy)
    assert windows() == [(0, 0), *((at, 2000) for at in range(2000, 20_001, 2000))]
    assert windows(OTHER_ASSY) == [(300, 0), *((at, 2000) for at in range(2300, 20_301, 2000))]


def test_nothing_new_stores_nothing() -> None:
    take(by_mqtt(), messages(0, 10_000))
    second = by_mqtt()
    second.take(*overheard(messages(2000, 10_000)))
    assert second.intake.waiting == 0
    assert len(windows()) == 6
    take(second, messages(12_000, 12_000))
    assert windows()[-1] == (12_000, 2000)


def test_a_unit_that_answers_questions_tells_of_the_whole_time_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [arrival(at_ms) for at_ms in range(0, 10_001, 1000)]
    take(Collecting(), answers, messages(500, 10_500))
    second = Collecting()
    ran_for(second, 10**9, monkeypatch)
    second.take(*overheard(messages(4500, 18_500)))
    take(second, [arrival(at_ms) for at_ms in range(19_000, 24_001, 1000)], messages(20_500, 24_500))
    assert windows()[11:] == [(19_000, 9000), *((at, 1000) for at in range(20_000, 24_001, 1000))]


# --- Starting again ---------------------------------------------------------------------------------------------


def test_the_first_message_of_a_unit_that_publishes_seldom_counts() -> None:
    take(by_mqtt(), messages(0, 240_000, every_ms=60_000))
    take(by_mqtt(), messages(300_000, 420_000, every_ms=60_000))
    assert windows() == [(0, 0), (60_000, 0), *((at, 60_000) for at in range(120_000, 420_001, 60_000))]


def test_one_that_is_missing_is_bridged_as_ever_and_six_are_not() -> None:
    take(by_mqtt(), messages(0, 20_000))
    take(by_mqtt(), messages(30_000, 32_000))
    take(by_mqtt(), messages(44_000, 46_000))
    assert windows()[11:] == [(30_000, 10_000), (32_000, 2000), (44_000, 0), (46_000, 2000)]


def ran_for(collecting: Collecting, uptime_ms: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the unit answers when it is asked since when it runs."""

    def ask(unit: str, address: str, http_port: int, late_ms: int) -> Question:
        return Question(unit, address, http_port, late_ms, uptime_ms=uptime_ms, settled=True)

    monkeypatch.setattr(collecting.intake._uptimes, "ask", ask)


def both(start_ms: int, end_ms: int) -> list[Arrival]:
    """What a unit publishes, and what it answers beside that."""
    asked = [arrival(at_ms, answer_of(power_w=7.0)) for at_ms in range(start_ms + 700, end_ms + 1, 1000)]
    return sorted([*messages(start_ms, end_ms), *asked], key=lambda one: one.steady_ms)


HOUR_MS = 3_600_000


@pytest.mark.parametrize("restarts", [False, True])
def test_a_silence_of_both_ways_is_recovered_though_messages_are_preferred(
    monkeypatch: pytest.MonkeyPatch, *, restarts: bool
) -> None:
    collecting = by_mqtt()
    ran_for(collecting, 10**9, monkeypatch)
    take(collecting, both(0, 20_000))
    if restarts:
        collecting = by_mqtt()
        ran_for(collecting, 10**9, monkeypatch)
    take(collecting, both(HOUR_MS, HOUR_MS + 20_000))
    (mean,) = DeviceReading.objects.filter(recovered=True)
    assert (mean.time - NOON_MS, mean.window_ms) == (HOUR_MS + 700, HOUR_MS + 700 - 20_000)
    assert PortReading.objects.get(port__number=1, time=mean.time).active_power == 7.0
    stored = windows()
    assert all(later[0] - later[1] == former[0] for former, later in itertools.pairwise(stored))
    assert stored[-1] == (HOUR_MS + 20_000, 2000)


@pytest.mark.parametrize(("uptime_ms", "window_ms"), [(60_000, 60_000), (None, 0)])
def test_and_not_where_the_unit_restarted_in_it_or_does_not_tell(
    uptime_ms: int | None, window_ms: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(by_mqtt(), both(0, 20_000))
    collecting = by_mqtt()
    ran_for(collecting, uptime_ms, monkeypatch)
    take(collecting, both(HOUR_MS, HOUR_MS + 20_000))
    assert (HOUR_MS + 700, window_ms) in windows()


def test_what_it_answered_before_the_silence_counts_though_it_restarted_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    collecting = by_mqtt()
    ran_for(collecting, None, monkeypatch)
    take(collecting, both(0, 21_800))
    take(collecting, [arrival(HOUR_MS)], messages(HOUR_MS + 500, HOUR_MS + 20_500))
    stored = windows()
    assert stored[10:14] == [(20_000, 2000), (20_700, 700), (21_700, 1000), (HOUR_MS, 0)]


def test_nor_where_it_answered_no_questions_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    take(by_mqtt(), both(0, 20_000), messages(22_000, 60_000))
    collecting = by_mqtt()
    ran_for(collecting, 10**9, monkeypatch)
    take(collecting, both(HOUR_MS, HOUR_MS + 20_000))
    assert not DeviceReading.objects.filter(recovered=True).exists()
    assert (HOUR_MS, 0) in windows()


def test_nor_where_it_may_have_answered_others_long_after_its_last_message(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = messages(0, 240_000, every_ms=60_000)
    take(by_mqtt(), slow, [arrival(at_ms) for at_ms in range(700, 240_000, 1000)])
    collecting = by_mqtt()
    ran_for(collecting, 10**9, monkeypatch)
    take(collecting, [arrival(at_ms) for at_ms in range(HOUR_MS, HOUR_MS + 90_000, 1000)])
    assert not DeviceReading.objects.filter(recovered=True).exists()


def test_when_it_answered_last_is_told_beside_a_message() -> None:
    take(by_mqtt(), both(0, 4000))
    said = Device.objects.get(assy=ASSY).last_answer or {}
    assert (said["way"], said["address"], said["answered_ms"] - NOON_MS) == ("mqtt", None, 3700)
    assert Device.objects.get(assy=ASSY).address == HERE
