"""What units publish by MQTT becomes readings: alone, beside their answers, and in their place."""

import itertools
from typing import Any

import pytest

from devices import adoption
from devices.models import Device, Port
from readings.collect import intake as intake_module
from readings.collect.backlog import Backlog
from readings.collect.inbox import Arrival, Inbox
from readings.collect.oddities import Oddity
from readings.collect.ways import Way
from readings.models import PortReading
from tests.factories import make_device
from tests.readings.collect.arrivals import (
    ASSY,
    HERE,
    NOON_MS,
    OTHER_ASSY,
    THERE,
    TOPIC,
    Collecting,
    answer_of,
    arrival,
    captured,
    published,
)
from tests.readings.collect.test_intake import windows

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def asked(start_s: float, end_s: float, address: str = HERE, **values: Any) -> list[Arrival]:
    times_ms = range(round(1000 * start_s), round(1000 * end_s) + 1, 1000)
    return [arrival(at_ms, answer_of(**values), address=address) for at_ms in times_ms]


def sent(start_s: float, end_s: float, assy: str = ASSY, **values: Any) -> list[Arrival]:
    times_ms = range(round(1000 * start_s), round(1000 * end_s) + 1, 2000)
    return [published(at_ms, assy, **values) for at_ms in times_ms]


def take(collecting: Collecting, *parts: list[Arrival]) -> None:
    """Each as it comes."""
    for one in sorted(itertools.chain(*parts), key=lambda one: one.steady_ms):
        collecting.take(one)


# --- A unit that is heard by MQTT alone -------------------------------------------------------------------------


def test_a_message_as_a_real_unit_sends_it_becomes_a_reading() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    payload = captured("mqtt_message.json")
    collecting.take(*(Arrival(payload, TOPIC, NOON_MS + at, NOON_MS + at, Way.MQTT) for at in (0, 2000, 4000)))
    assert windows() == [(0, 0), (2000, 2000), (4000, 2000)]
    newest = PortReading.objects.get(port__device__assy=ASSY, port__number=2, time=NOON_MS + 4000)
    assert newest.active_power == -1840.0


def test_a_new_unit_is_known_at_once_by_what_it_says_and_its_address_is_not() -> None:
    collecting = Collecting()
    collecting.take(published(0, YDEV_UNIT_NAME="Cellar", CT1={"NAME": "Oven"}))
    device = Device.objects.get()
    assert (device.assy, device.name, device.address, device.adoption) == (ASSY, "Cellar", None, "adopted")
    assert (device.firmware_version, device.http_port, device.active) == ("3.1", 80, True)
    assert Port.objects.get(device=device, number=1).name == "Oven"


def test_where_units_are_asked_too_its_first_seconds_are_stored_once_it_is_clear_that_it_answers_none() -> None:
    collecting = Collecting()
    take(collecting, sent(0, 20))
    assert windows() == [(2000, 0), *((at, 2000) for at in range(4000, 20_001, 2000))]


def test_its_newest_answer_is_told_and_by_which_way() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, sent(0, 4))
    said: Any = Device.objects.get().last_answer
    assert (said["time"] - NOON_MS, said["way"], said["address"], said["window_ms"]) == (4000, "mqtt", None, 2000)


def test_it_is_adopted_as_any_other() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    make_device(ASSY, adoption="pending")
    take(collecting, sent(0, 4))
    assert windows() == []
    adoption.adopt(Device.objects.get(), None)
    take(collecting, sent(8, 12))
    assert windows() == [(8000, 0), (10_000, 2000), (12_000, 2000)]


def test_one_that_publishes_seldom_is_not_said_to_be_away_in_between(caplog: pytest.LogCaptureFixture) -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, [published(at_ms) for at_ms in (0, 60_000, 120_000)])
    caplog.clear()
    collecting.take(at_ms=170_000)
    assert "does not answer any more" not in caplog.text
    collecting.take(at_ms=120_000 + 301_000)
    assert "does not answer any more" in caplog.text


# --- What it says of itself -------------------------------------------------------------------------------------


def test_what_a_message_leaves_out_overwrites_nothing() -> None:
    collecting = Collecting()
    said = {"GROUP_NAME": "Home", "SERVICE_LIST": "WEB:8080", "UNIT_NAME": "Cellar", "YDEV_UNIT_NAME": "Cellar"}
    take(collecting, asked(0, 3, **said), sent(3.5, 30, YDEV_UNIT_NAME=None, ACTIVE=None))
    device = Device.objects.get()
    assert (device.name, device.group_name, device.http_port) == ("Cellar", "Home", 8080)
    assert (device.address, device.device_type, device.active) == (HERE, "6_CHNL_CT_SENSOR", True)
    assert (device.last_answer or {})["way"] == "mqtt"


def test_a_new_name_in_a_message_is_taken_over() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, sent(0, 2, YDEV_UNIT_NAME="Cellar"), sent(4, 6, YDEV_UNIT_NAME="Attic", CT3={"NAME": "Heat"}))
    assert Device.objects.get().name == "Attic"
    assert Port.objects.get(number=3).name == "Heat"
    assert windows() == [(0, 0), (2000, 2000), (4000, 2000), (6000, 2000)]


def test_where_it_is_is_told_by_its_first_answer() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, sent(0, 4), asked(1.5, 3))
    assert Device.objects.get().address == HERE
    assert Device.objects.get().claimed_from is None


# --- By both ways -----------------------------------------------------------------------------------------------


def test_by_both_ways_it_is_stored_once() -> None:
    collecting = Collecting()
    take(collecting, asked(0, 20), sent(0.5, 20))
    assert windows() == [(0, 0), *((at, 1000) for at in range(1000, 20_001, 1000))]
    assert Device.objects.get().claimed_from is None
    assert collecting.oddities.total == 0


def test_when_it_answers_no_more_its_messages_take_over_without_a_gap_and_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    collecting = Collecting()
    take(collecting, asked(0, 10), sent(0.5, 60), asked(40, 60))
    stored = windows()
    assert all(later[0] - later[1] == former[0] for former, later in itertools.pairwise(stored))
    assert stored[-1] == (60_000, 1000)
    assert caplog.text.count("A unit is heard by MQTT; what comes so counts from here on") == 1
    assert caplog.text.count("A unit answers questions; its answers to them count from here on") == 1
    assert "does not answer any more" not in caplog.text


def test_each_way_counts_with_its_own_means() -> None:
    collecting = Collecting()
    take(collecting, asked(0, 10, power_w=100.0), sent(0.5, 30, power_w=200.0))
    rows = PortReading.objects.filter(port__number=1).values_list("time", "active_power__fixed", "window_ms")
    by_power = {power: sum(window for _, one, window in rows if one == power) for power in (1000, 2000)}
    assert by_power == {1000: 10_000, 2000: 18_500}


def test_a_restart_of_ours_goes_on_by_the_way_of_before() -> None:
    take(Collecting(), asked(0, 10), sent(0.5, 30))
    last_ms, _ = windows()[-1]
    assert last_ms == 28_500
    collecting = Collecting()
    # Its first answer speaks of all the time since it was asked last, most of which is measured.
    take(collecting, asked(32, 40), sent(32.5, 40))
    stored = windows()
    assert (32_000, 32_000 - last_ms) not in stored
    assert all(later[0] - later[1] >= former[0] for former, later in itertools.pairwise(stored))
    assert stored[-1] == (40_000, 1000)


def test_its_uptime_is_not_asked_where_its_messages_tell_of_the_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    collecting = Collecting()
    monkeypatch.setattr(collecting.intake._uptimes, "ask", lambda *_: pytest.fail("it was asked"))
    take(collecting, asked(0, 10), sent(0.5, 40), asked(18, 40))
    stored = windows()
    assert all(later[0] - later[1] == former[0] for former, later in itertools.pairwise(stored))


def test_messages_raise_no_suspicion_of_another_poller() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, sent(0, 400))
    said: Any = Device.objects.get().last_answer
    assert said["other_poller"] is False


def test_a_message_that_comes_twice_is_stored_once() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, sent(0, 4), [published(4010)])
    assert windows() == [(0, 0), (2000, 2000), (4000, 2000)]
    assert collecting.oddities.counts[Oddity.DUPLICATE] == 1


def test_of_a_label_that_two_units_claim_no_message_is_stored_either() -> None:
    collecting = Collecting()
    take(collecting, asked(0, 12), asked(0.3, 12, address=THERE), sent(0.5, 12))
    assert Device.objects.get().claimed_from is not None
    count = len(windows())
    take(collecting, asked(13, 40), asked(13.3, 40, address=THERE), sent(14.5, 40))
    assert len(windows()) == count


def test_a_unit_that_moves_to_another_address_is_followed_beside_its_messages() -> None:
    collecting = Collecting()
    take(collecting, asked(0, 10), sent(0.5, 30), asked(11, 30, address=THERE))
    assert Device.objects.get().address == THERE
    assert windows() == [(0, 0), *((at, 1000) for at in range(1000, 30_001, 1000))]


# --- Many on one topic ------------------------------------------------------------------------------------------


def test_many_units_on_one_topic_are_no_flood_and_no_made_up_labels() -> None:
    backlog = Backlog(inbox=Inbox())
    labels = [f"ASY0398_V003.300_SN{number:08d}" for number in range(300)]
    arrivals = [published(second * 1000, assy) for second in range(3) for assy in labels]
    backlog.add(arrivals, NOON_MS + 3000)
    assert (len(backlog), backlog.flooded) == (900, 0)


def test_new_units_of_a_whole_site_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(intake_module._NEW_LABELS_AN_HOUR, Way.MQTT, 20)
    collecting = Collecting(preferred=Way.MQTT)
    collecting.take(*(published(0, f"ASY0398_V003.300_SN{number:08d}") for number in range(25)))
    assert Device.objects.count() == 20
    assert collecting.oddities.counts[Oddity.TOO_MANY_LABELS] == 5


def test_one_unit_that_publishes_without_end_takes_no_room_of_the_others() -> None:
    backlog = Backlog(inbox=Inbox())
    backlog.add([published(n // 10) for n in range(3000)] + [published(301, OTHER_ASSY)], NOON_MS + 301)
    assert 2500 < backlog.flooded < 2700
    assert any(OTHER_ASSY.encode() in one.payload for one in backlog.take(5000))


def test_the_newest_message_is_told_while_older_ones_are_stored() -> None:
    collecting = Collecting(preferred=Way.MQTT)
    take(collecting, sent(0, 4))
    collecting.intake.show([published(60_000, power_w=7.0)])
    collecting.ingest.write()
    said: Any = Device.objects.get().last_answer
    assert (said["time"] - NOON_MS, said["ports"]["1"]["active_power"]) == (60_000, 7.0)


def test_something_else_on_the_topic_is_said_with_the_topic(caplog: pytest.LogCaptureFixture) -> None:
    Collecting().take(Arrival(b'{"TEST": 1}', "garden/pump", NOON_MS, NOON_MS, Way.MQTT))
    assert "Something arrived that is no answer of a unit" in caplog.text
    assert "garden/pump" in caplog.text
