"""From datagrams to stored readings, without a socket: who is it, which window, is it sane?"""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import DataError, OperationalError
from pytest_django import Settings

from devices import adoption
from devices.ct6.protocol import AYT_QUESTION, DEFAULT_ASSY
from devices.models import Device, Port
from devices.registration import KnownUnit, Sighting, register
from readings.collect import intake as intake_module
from readings.collect.oddities import Oddity
from readings.models import DeviceReading, DirtyBucket, PortReading
from tests.factories import make_device
from tests.readings.collect.arrivals import (
    ASSY,
    HERE,
    NOON_MS,
    OTHER_ASSY,
    THERE,
    Collecting,
    answer_of,
    arrival,
    captured,
)

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def collecting() -> Collecting:
    return Collecting()


def windows(assy: str = ASSY) -> list[tuple[int, int]]:
    """Time after noon and window of every reading of a unit, in ms."""
    rows = DeviceReading.objects.filter(device__assy=assy).order_by("time").values_list("time", "window_ms")
    return [(time - NOON_MS, window) for time, window in rows]


def stored_seconds(assy: str = ASSY) -> list[int]:
    return [time // 1000 for time, _ in windows(assy)]


# --- Windows ----------------------------------------------------------------------------------------------------


def test_answers_become_readings_with_their_windows(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(1003), arrival(2999))
    assert windows() == [(0, 0), (1003, 1003), (2999, 1996)]
    assert PortReading.objects.count() == 18


def test_a_longer_silence_is_a_gap_if_the_unit_does_not_tell_its_uptime(collecting: Collecting) -> None:
    collecting.intake.wait_no_more()
    collecting.take(arrival(0), arrival(1000), arrival(6000), arrival(12_000))
    assert windows() == [(0, 0), (1000, 1000), (6000, 5000), (12_000, 0)]


def test_a_restarted_collector_goes_on_where_it_was(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(1000))
    Collecting().take(arrival(4000, steady_ms=0), arrival(5000, steady_ms=1000))
    assert windows() == [(0, 0), (1000, 1000), (4000, 3000), (5000, 1000)]


def test_a_restart_takes_no_datagram_twice(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(1000))
    Collecting().take(arrival(1000), arrival(2000))
    assert windows() == [(0, 0), (1000, 1000), (2000, 1000)]


def test_a_clock_set_back_stores_what_is_heard_and_measures_nothing_twice(collecting: Collecting) -> None:
    collecting.take(*(arrival(second * 1000) for second in range(10)))
    collecting.take(*(arrival(second * 1000 - 5500, steady_ms=second * 1000) for second in range(10, 20)))
    measured = sorted((time - window, time) for time, window in windows() if window)
    assert all(former[1] <= later[0] for former, later in itertools.pairwise(measured))
    assert sum(end - start for start, end in measured) == 13_500
    assert len(windows()) == 20


# --- Copies -----------------------------------------------------------------------------------------------------


def test_a_duplicated_datagram_is_stored_once(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(0), arrival(1000), arrival(1002))
    assert windows() == [(0, 0), (1000, 1000)]
    assert collecting.oddities.counts[Oddity.DUPLICATE] == 2


def test_answers_that_the_net_held_up_count_though_they_come_at_once(collecting: Collecting) -> None:
    late, later = (arrival(1900, answer_of(power_w=power)) for power in (7.0, 8.0))
    collecting.take(arrival(0), late, later, arrival(1950, answer_of(power_w=9.0)))
    assert windows() == [(0, 0), (1900, 1900), (1901, 1), (1950, 49)]


def test_a_copy_behind_a_younger_answer_is_known(collecting: Collecting) -> None:
    one, other = answer_of(power_w=7.0), answer_of(power_w=8.0)
    collecting.take(arrival(0, one), arrival(1000, other), arrival(1300, one), arrival(2000), arrival(2600, other))
    assert windows() == [(0, 0), (1000, 1000), (2000, 1000)]
    assert collecting.oddities.counts[Oddity.DUPLICATE] == 2


def test_a_copy_that_was_under_way_for_long_is_known_by_its_bytes(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(1000, answer_of(power_w=7.0)), arrival(1400, answer_of(power_w=7.0)))
    assert windows() == [(0, 0), (1000, 1000)]


def test_what_was_said_long_ago_may_be_said_again(collecting: Collecting) -> None:
    one, other = answer_of(power_w=7.0), answer_of(power_w=8.0)
    collecting.take(arrival(0, one), arrival(3000, other), arrival(6000, one))
    assert windows() == [(0, 0), (3000, 3000), (6000, 3000)]


def test_the_same_answer_a_period_later_is_a_reading(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(1000), arrival(1900))
    assert windows() == [(0, 0), (1000, 1000), (1900, 900)]


# --- What waited on disk ----------------------------------------------------------------------------------------


def told_of(assy: str = ASSY) -> tuple[int, float]:
    """When the unit said its newest answer, and the power of CT1 in it."""
    said: Any = Device.objects.get(assy=assy).last_answer
    return said["time"] - NOON_MS, said["ports"]["1"]["active_power"]


def test_the_newest_answer_is_told_while_older_ones_are_stored(collecting: Collecting) -> None:
    collecting.intake.wait_no_more()  # nobody tells the uptime
    collecting.take(arrival(0))
    collecting.intake.show([arrival(60_000, answer_of(power_w=7.0))])
    collecting.take(arrival(1000, answer_of(power_w=5.0)), at_ms=60_000)
    assert told_of() == (60_000, 7.0)
    collecting.take(arrival(2000, answer_of(power_w=4.0)), at_ms=60_000)
    assert told_of() == (60_000, 7.0)
    collecting.take(arrival(60_000, answer_of(power_w=7.0)), arrival(61_000, answer_of(power_w=8.0)))
    assert told_of() == (61_000, 8.0)
    assert windows()[:3] == [(0, 0), (1000, 1000), (2000, 1000)]


def test_a_unit_whose_answers_wait_is_not_silent(collecting: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    collecting.take(arrival(0))
    collecting.intake.show([arrival(60_000)])
    collecting.take(arrival(1000), at_ms=61_000)
    assert collecting.intake.units_answering == 1
    assert "does not answer any more" not in caplog.text
    collecting.take(at_ms=71_000)
    assert collecting.intake.units_answering == 0


def test_of_a_unit_that_is_not_known_or_contested_nothing_is_told(collecting: Collecting) -> None:
    collecting.intake.show([arrival(0)])
    collecting.take(arrival(1000, answer_of(OTHER_ASSY)))
    collecting.intake.show([arrival(2000, answer_of(OTHER_ASSY), address=THERE)])
    collecting.take(at_ms=2000)
    assert told_of(OTHER_ASSY)[0] == 1000
    assert not Device.objects.filter(assy=ASSY).exists()


# --- What is no answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b"", Oddity.NO_ANSWER),
        (b"\xff\xfe\x00garbage", Oddity.NO_ANSWER),
        (captured()[:700], Oddity.NO_ANSWER),
        (b"[" * 60_000, Oddity.NO_ANSWER),
        (b'{"PRODUCT_ID": "CT6"}', Oddity.NO_ANSWER),
        (b'{"ASSY": "../../etc/passwd", "PRODUCT_ID": "CT6"}', Oddity.NO_ANSWER),
        (captured().replace(b"1092.4999", b"NaN"), Oddity.NO_ANSWER),
        (b'{"PRODUCT_ID": "YDEV", "ASSY": "X"}', Oddity.OTHER_PRODUCT),
    ],
)
def test_what_is_no_answer_is_counted_and_said(
    collecting: Collecting, payload: bytes, kind: Oddity, caplog: pytest.LogCaptureFixture
) -> None:
    collecting.take(arrival(0, payload))
    assert collecting.oddities.counts == {kind: 1}
    assert kind.value in caplog.text
    assert HERE in caplog.text
    assert not Device.objects.exists()


def test_hostile_datagrams_between_answers_change_no_reading(collecting: Collecting) -> None:
    cut_off = [captured()[:length] for length in range(0, len(captured()), 40)]
    collecting.take(
        arrival(0),
        *(arrival(10 + n, payload, address="127.20.0.66") for n, payload in enumerate(cut_off)),
        arrival(1000),
    )
    assert windows() == [(0, 0), (1000, 1000)]
    assert collecting.oddities.counts == {Oddity.NO_ANSWER: len(cut_off)}


def test_our_own_question_that_comes_back_is_ignored(collecting: Collecting) -> None:
    collecting.take(arrival(0, AYT_QUESTION))
    assert collecting.oddities.total == 0


def test_an_implausible_value_is_missing_and_said(collecting: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    collecting.take(arrival(0), arrival(1000, answer_of(power_w=5e9)))
    row = PortReading.objects.get(time=NOON_MS + 1000, port__number=1)
    assert (row.active_power, row.window_ms) == (None, 0)
    assert "CT1.PRMS" in caplog.text


def test_one_address_cannot_make_up_any_number_of_units(collecting: Collecting) -> None:
    collecting.take(*(arrival(n, answer_of(f"ASY0398_V003.300_SN{n:08d}")) for n in range(300)))
    assert Device.objects.count() == 8
    assert collecting.oddities.counts[Oddity.TOO_MANY_LABELS] == 292


# --- New units, adoption ----------------------------------------------------------------------------------------


def test_a_new_unit_is_adopted_where_all_are(collecting: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    collecting.take(arrival(0))
    assert Device.objects.get().adoption == Device.Adoption.ADOPTED
    assert "Found a new unit" in caplog.text
    assert ASSY in caplog.text


def test_a_new_unit_waits_where_adoption_is_asked_for(
    collecting: Collecting, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CT6_ADOPT = "ask"
    collecting.take(arrival(0), arrival(1000))
    device = Device.objects.get()
    assert device.adoption == Device.Adoption.PENDING
    assert (device.name, device.address) == ("unit1", HERE)
    assert device.last_answer is not None
    assert device.last_answer["time"] == NOON_MS + 1000
    assert device.last_answer["ports"]["6"]["active_power"] == 2760.0
    assert not DeviceReading.objects.exists()
    assert not PortReading.objects.exists()
    assert not DirtyBucket.objects.exists()
    assert "admin" in caplog.text


def test_the_default_label_is_never_adopted_by_itself(collecting: Collecting) -> None:
    collecting.take(arrival(0, answer_of(DEFAULT_ASSY)), arrival(1000, answer_of(DEFAULT_ASSY)))
    assert Device.objects.get().adoption == Device.Adoption.PENDING
    assert not DeviceReading.objects.exists()


def test_adopted_pending_and_ignored_units_in_one_flush(collecting: Collecting) -> None:
    for number, state in enumerate(Device.Adoption.values):
        make_device(f"ASY0398_V003.300_SN{number:08d}", adoption=state, address=f"127.20.0.{number + 1}", name="unit1")
    for second in range(3):
        collecting.take(
            *(
                arrival(second * 1000, answer_of(f"ASY0398_V003.300_SN{n:08d}"), address=f"127.20.0.{n + 1}")
                for n in range(3)
            )
        )
    stored = DeviceReading.objects.values_list("device__adoption", flat=True)
    assert sorted(stored) == ["adopted"] * 3
    assert set(PortReading.objects.values_list("port__device__adoption", flat=True)) == {"adopted"}
    assert Device.objects.filter(last_seen__isnull=True).count() == 0


def test_adopting_in_the_admin_is_noticed_within_seconds(collecting: Collecting) -> None:
    make_device(ASSY, adoption=Device.Adoption.PENDING)
    collecting.take_each_second(0, 3)
    adoption.adopt(Device.objects.get(), None)
    collecting.take_each_second(4, 10)
    first = stored_seconds()[0]
    assert 4 <= first <= 7
    assert windows()[0][1] == 0
    assert [window for _, window in windows()[1:]] == [1000] * (10 - first)


def test_ignoring_in_the_admin_is_noticed_within_seconds(collecting: Collecting) -> None:
    make_device(ASSY)
    collecting.take_each_second(0, 3)
    adoption.ignore(Device.objects.get(), None)
    collecting.take_each_second(4, 10)
    assert stored_seconds()[-1] < 7


def test_a_unit_adopted_again_leaves_a_gap(collecting: Collecting) -> None:
    make_device(ASSY)
    collecting.take_each_second(0, 3)
    adoption.ignore(Device.objects.get(), None)
    collecting.take_each_second(4, 20)
    adoption.adopt(Device.objects.get(), None)
    collecting.take_each_second(21, 26)
    back = next((time, window) for time, window in windows() if time > 20_000)
    assert back[1] == 0


def test_a_deleted_device_that_still_answers_is_a_new_one(collecting: Collecting) -> None:
    collecting.take_each_second(0, 1)
    former = Device.objects.get().pk
    Device.objects.all().delete()
    collecting.take_each_second(6, 8)
    device = Device.objects.get()
    assert device.pk != former
    assert DeviceReading.objects.filter(device=device).count() == 3


# --- What units say of themselves -------------------------------------------------------------------------------


def test_a_rename_is_followed_and_said(collecting: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    collecting.take(arrival(0))
    collecting.take(arrival(1000, answer_of(UNIT_NAME="K%C3%BCche", CT1={"NAME": "Herd"})))
    device = Device.objects.get()
    assert device.name == "Küche"
    assert device.ports.get(number=1).name == "Herd"
    assert "A unit was renamed" in caplog.text
    assert "A port was renamed" in caplog.text
    assert windows() == [(0, 0), (1000, 1000)]


def test_a_port_that_appears_later_is_stored_from_its_first_answer(collecting: Collecting) -> None:
    collecting.take(arrival(0))
    stacked = answer_of(CT17={"NAME": "Shed", "TYPE": "SCT013_100A", "PRMS": 12.0})
    collecting.take(arrival(1000, stacked), arrival(2000, stacked))
    port = Port.objects.get(number=17)
    assert port.name == "Shed"
    assert list(PortReading.objects.filter(port=port).values_list("window_ms", flat=True)) == [1000, 1000]


def test_what_is_not_new_is_not_written(collecting: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    collecting.take(arrival(0))
    monkeypatch.setattr(intake_module, "register", None)  # would not survive being called
    collecting.take(arrival(1000), arrival(2000))
    assert len(windows()) == 3


def test_a_unit_that_is_refused_keeps_no_other_out(
    collecting: Collecting, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse_one(sightings: Sequence[Sighting]) -> dict[str, KnownUnit]:
        if any(sighting.answer.assy == ASSY for sighting in sightings):
            raise DataError("Data too long for column 'name'")
        return register(sightings)

    monkeypatch.setattr(intake_module, "register", refuse_one)
    collecting.take(arrival(0), arrival(1, answer_of(OTHER_ASSY), address=THERE))
    assert [device.assy for device in Device.objects.all()] == [OTHER_ASSY]
    assert stored_seconds(OTHER_ASSY) == [0]
    assert "Data too long" in caplog.text


def test_answers_of_a_new_unit_wait_for_the_database(collecting: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(_sightings: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(intake_module, "register", is_away)
        with pytest.raises(OperationalError):
            collecting.take(arrival(0), arrival(1000))
    assert collecting.intake.waiting == 2
    collecting.take(arrival(2000))
    assert windows() == [(0, 0), (1000, 1000), (2000, 1000)]
    assert collecting.intake.waiting == 0


def test_answers_that_waited_too_long_are_given_up(collecting: Collecting, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_away(_sightings: object) -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(intake_module, "register", is_away)
        with pytest.raises(OperationalError):
            collecting.take(*(arrival(second * 1000) for second in range(5)))
    assert collecting.intake.drop_waiting_before(NOON_MS + 2000) == 2
    collecting.take()
    assert stored_seconds() == [2, 3, 4]


# --- Addresses --------------------------------------------------------------------------------------------------


def test_a_unit_that_moved_loses_nothing(collecting: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    collecting.take_each_second(0, 5)
    collecting.take_each_second(6, 12, address=THERE)
    assert [window for _, window in windows()] == [0] + [1000] * 12
    assert Device.objects.get().address == THERE
    assert "A unit has a new address" in caplog.text


def test_two_units_that_claim_one_label_store_nothing_until_it_is_settled(
    collecting: Collecting, caplog: pytest.LogCaptureFixture
) -> None:
    collecting.take_each_second(0, 5)
    for second in range(6, 10):
        collecting.take(arrival(second * 1000), arrival(second * 1000 + 4, answer_of(power_w=9.0), address=THERE))
    assert stored_seconds() == list(range(7))
    device = Device.objects.get()
    assert (device.address, device.claimed_from) == (HERE, THERE)
    assert caplog.text.count("Two units claim one label") == 1
    collecting.take_each_second(10, 80, address=THERE)
    device.refresh_from_db()
    assert (device.address, device.claimed_from) == (THERE, None)
    settled_s = stored_seconds()[7]
    assert 66 <= settled_s <= 70
    assert (settled_s * 1000, 0) in windows()
    assert stored_seconds()[7:] == list(range(settled_s, 81))


def test_a_contest_outlives_a_restart_of_ours(collecting: Collecting) -> None:
    make_device(ASSY, address=HERE, claimed_from=THERE)
    collecting.take_each_second(0, 65)
    assert stored_seconds()[0] >= 60
    assert Device.objects.get().claimed_from is None


def test_after_a_restart_of_ours_another_address_is_not_believed_at_once(collecting: Collecting) -> None:
    make_device(ASSY, address=HERE)
    collecting.take(arrival(0, address=THERE), arrival(5))
    collecting.take(arrival(1000, address=THERE), arrival(1005))
    assert Device.objects.get().claimed_from == THERE
    assert stored_seconds() == []


# --- Silence ----------------------------------------------------------------------------------------------------


def test_a_silent_unit_is_said_once_and_its_return_too(
    collecting: Collecting, caplog: pytest.LogCaptureFixture
) -> None:
    collecting.take_each_second(0, 2)
    for second in range(3, 30):
        collecting.take(at_ms=second * 1000)
    assert caplog.text.count("A unit does not answer any more") == 1
    assert collecting.intake.units_answering == 0
    collecting.intake.wait_no_more()  # nobody tells the uptime
    collecting.take_each_second(30, 31)
    assert caplog.text.count("A unit answers again") == 1
    assert collecting.intake.units_answering == 1


def test_what_waited_since_before_a_silence_does_not_end_it(
    collecting: Collecting, caplog: pytest.LogCaptureFixture
) -> None:
    collecting.intake.wait_no_more()  # nobody tells the uptime
    collecting.take(arrival(0))
    for second in range(1, 30):
        collecting.take(arrival(second * 1000), at_ms=60_000 + second * 1000)
    assert caplog.text.count("A unit does not answer any more") == 1
    assert "A unit answers again" not in caplog.text
    assert collecting.intake.units_answering == 0
    assert len(windows()) == 30
    collecting.take(arrival(90_000))
    assert caplog.text.count("A unit answers again") == 1


def test_many_silent_units_are_one_line(collecting: Collecting, caplog: pytest.LogCaptureFixture) -> None:
    collecting.take(
        *(arrival(0, answer_of(f"ASY0398_V003.300_SN{n:08d}"), address=f"127.20.0.{n}") for n in range(1, 31))
    )
    collecting.take(at_ms=20_000)
    assert caplog.text.count("do not answer any more") == 1
    assert "30" in next(line for line in caplog.text.splitlines() if "do not answer" in line)


def test_last_seen_and_last_answer_are_kept(collecting: Collecting) -> None:
    collecting.take(arrival(0), arrival(1234))
    device = Device.objects.get()
    assert device.last_seen is not None
    assert device.last_seen.timestamp() == (NOON_MS + 1234) / 1000
    assert json.loads(json.dumps(device.last_answer))["window_ms"] == 1234
