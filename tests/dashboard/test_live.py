"""New readings are noticed, and what is said about the freshness of the data."""

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.live import freshness, is_online, stamp_of
from dashboard.state import Shown, State, shown_of
from devices.models import Device
from readings.periods import MINUTE_MS, SECOND_MS, parse_time, to_datetime
from tests.dashboard.asking import LOOK, ask, texts
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

NOW = parse_time("2026-11-22T14:05:00Z")


def shown(device: Device, now_ms: int = NOW, day: str = "2026-11-22") -> Shown:
    return shown_of(State(day=datetime.fromisoformat(day).date()), device, now_ms)


def said(device: Device) -> str:
    """The sentence on how fresh the data is, as it comes to the browser."""
    return texts([part.to_plotly_json() for part in freshness(shown(device))])


class TestStamp:
    def test_a_new_reading_changes_it(self) -> None:
        device = make_device()
        before = stamp_of(shown(device))
        store_reading(device, NOW - SECOND_MS, SECOND_MS, [1.0])
        assert stamp_of(shown(device)) != before

    def test_it_stays_while_nothing_comes(self) -> None:
        device = make_device()
        store_reading(device, NOW - SECOND_MS, SECOND_MS, [1.0])
        assert stamp_of(shown(device)) == stamp_of(shown(device, NOW + 3 * SECOND_MS))

    def test_a_gap_grows_from_minute_to_minute(self) -> None:
        device = make_device()
        assert stamp_of(shown(device)) != stamp_of(shown(device, NOW + MINUTE_MS))

    def test_a_day_that_is_over_is_not_drawn_again(self) -> None:
        device = make_device()
        before = stamp_of(shown(device, day="2026-11-21"))
        store_reading(device, NOW - SECOND_MS, SECOND_MS, [1.0])
        assert stamp_of(shown(device, NOW + MINUTE_MS, day="2026-11-21")) == before

    def test_falling_silent_changes_it(self) -> None:
        device = make_device(last_seen=to_datetime(NOW))
        assert stamp_of(shown(device, day="2026-11-21")) != stamp_of(shown(device, NOW + MINUTE_MS, day="2026-11-21"))

    def test_an_unchanged_stamp_is_not_sent_again(self) -> None:
        device = make_device()
        client = logged_in(make_user(staff=True))
        values = {"url.search": f"?device={device.pk}&day=2026-11-21"}
        first = ask(client, LOOK, values)
        stamp = first.json()["response"]["stamp"]["data"]
        assert ask(client, LOOK, {**values, "stamp.data": stamp}, changed="look.data").status_code == 204


class TestFreshness:
    def test_a_device_that_answers_is_live(self) -> None:
        assert said(make_device(last_seen=to_datetime(NOW - 5 * SECOND_MS))) == "UTC Live"

    def test_a_silent_one_says_since_when(self) -> None:
        device = make_device(timezone="Asia/Kathmandu", last_seen=to_datetime(NOW - 3 * MINUTE_MS))
        assert said(device) == "Asia/Kathmandu No data since 19:47"

    def test_with_the_day_when_that_is_not_today(self) -> None:
        device = make_device(last_seen=datetime(2026, 11, 3, 9, 30, tzinfo=UTC))
        assert said(device) == "UTC No data since 09:30 on 3 November 2026"

    def test_one_that_never_answered_says_so(self) -> None:
        assert said(make_device()) == "UTC No data yet"

    def test_it_is_online_for_ten_seconds_after_an_answer(self) -> None:
        device = make_device(last_seen=to_datetime(NOW))
        assert is_online(device, NOW + timedelta(seconds=10) // timedelta(milliseconds=1))
        assert not is_online(device, NOW + 10 * SECOND_MS + 1)
