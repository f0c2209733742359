"""New readings are noticed, and what is said about the freshness of the data."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils.translation import override

from dashboard.live import freshness, silence, stamp_of, tab_label
from dashboard.state import Shown, State, shown_of
from devices.models import Device
from readings.periods import MINUTE_MS, SECOND_MS, parse_time, to_datetime, to_ms
from tests.dashboard.asking import LOOK, answer, ask, texts
from tests.factories import make_device, store_answer, store_reading
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

NOW = parse_time("2026-11-22T14:05:00Z")


def shown(device: Device, now_ms: int = NOW, day: str = "2026-11-22") -> Shown:
    return shown_of(State.read(f"?day={day}"), device, now_ms)


def stamp(device: Device, now_ms: int = NOW, day: str = "2026-11-22") -> list[Any]:
    return stamp_of(shown(device, now_ms, day), silence(device, now_ms))


def answered(at_ms: int, **fields: object) -> Device:
    device = make_device(ports=["Grid"], **fields)  # type: ignore[arg-type]
    store_answer(device, at_ms, SECOND_MS, [-1000.0])
    return device


def said(device: Device, now_ms: int = NOW) -> str:
    """The sentence on how fresh the data is, as it comes to the browser."""
    return texts([part.to_plotly_json() for part in freshness(shown(device, now_ms), silence(device, now_ms))])


def tab(device: Device, now_ms: int = NOW) -> str:
    parts = tab_label(device, now_ms)
    return texts([part if isinstance(part, str) else part.to_plotly_json() for part in parts])


class TestStamp:
    def test_a_new_reading_changes_it(self) -> None:
        device = make_device()
        before = stamp(device)
        store_reading(device, NOW - SECOND_MS, SECOND_MS, [1.0])
        assert stamp(device) != before

    def test_it_stays_while_nothing_comes(self) -> None:
        device = answered(NOW - SECOND_MS)
        assert stamp(device) == stamp(device, NOW + 3 * SECOND_MS)

    def test_a_gap_grows_from_minute_to_minute(self) -> None:
        device = make_device()
        assert stamp(device) != stamp(device, NOW + MINUTE_MS)

    def test_a_day_that_is_over_is_not_drawn_again(self) -> None:
        device = answered(NOW)
        before = stamp(device, day="2026-11-21")
        store_answer(device, NOW + SECOND_MS, SECOND_MS, [1.0])
        assert stamp(device, NOW + SECOND_MS, "2026-11-21") == before

    def test_falling_silent_changes_it(self) -> None:
        device = answered(NOW)
        assert stamp(device, day="2026-11-21") != stamp(device, NOW + MINUTE_MS, "2026-11-21")

    def test_an_unchanged_stamp_is_not_sent_again(self) -> None:
        device = make_device()
        client = logged_in(make_user(staff=True))
        values = {"url.search": f"?device={device.pk}&day=2026-11-21"}
        first = answer(client, LOOK, values["url.search"])
        assert ask(client, LOOK, {**values, **first}, changed="look.data").status_code == 204

    def test_a_new_reading_does_not_say_again_that_the_device_is_live(self) -> None:
        now_ms = to_ms(datetime.now(UTC))
        device = answered(now_ms)
        client = logged_in(make_user(staff=True))
        first = answer(client, LOOK)
        assert "Live" in texts(first["freshness.children"])
        store_answer(device, now_ms + 1, 1, [1.0])
        again = answer(client, LOOK, **{"seen.data": first["seen.data"]})
        assert again["seen.data"] != first["seen.data"]
        assert "freshness.children" not in again

    def test_what_the_browser_claims_to_know_may_be_anything(self) -> None:
        answered(NOW)
        client = logged_in(make_user(staff=True))
        claims: list[Any] = [[], {"a": 1}, "x", 7]
        for claim in claims:
            assert "freshness.children" in answer(client, LOOK, **{"seen.data": claim})


class TestFreshness:
    def test_a_device_that_answers_is_live(self) -> None:
        assert said(answered(NOW - 5 * SECOND_MS)) == "UTC Live"

    def test_a_silent_one_says_since_when(self) -> None:
        device = answered(NOW - 3 * MINUTE_MS, timezone="Asia/Kathmandu")
        assert said(device) == "Asia/Kathmandu No data since 19:47"

    def test_with_the_day_when_that_is_not_today(self) -> None:
        device = answered(parse_time("2026-11-03T09:30:00Z"))
        assert said(device) == "UTC No data since 09:30 on 3 November 2026"

    def test_one_that_never_answered_says_so(self) -> None:
        assert said(make_device()) == "UTC No data yet"

    def test_one_that_is_heard_but_not_stored_is_not_live(self) -> None:
        """Two units claim its label."""
        device = answered(NOW - 3 * MINUTE_MS, claimed_from="127.0.0.9")
        device.last_seen = to_datetime(NOW)
        assert said(device) == "UTC No data since 14:02"

    def test_readings_tell_where_the_newest_answer_is_not_kept(self) -> None:
        device = make_device(ports=["Grid"])
        store_reading(device, NOW - 3 * MINUTE_MS, SECOND_MS, [1.0])
        assert said(device) == "UTC No data since 14:02"

    def test_it_is_live_for_ten_seconds_after_an_answer(self) -> None:
        device = answered(NOW)
        assert silence(device, NOW + 10 * SECOND_MS) is None
        assert silence(device, NOW + 10 * SECOND_MS + 1) == "No data since 14:05"


def test_it_speaks_german_to_those_who_ask_for_it() -> None:
    device = answered(parse_time("2026-11-03T09:30:00Z"))
    with override("de"):
        assert said(device) == "UTC Keine Daten seit 3. November 2026, 09:30"


class TestTab:
    def test_it_says_since_when_a_device_is_silent(self) -> None:
        assert tab(answered(NOW - 3 * MINUTE_MS, name="Attic")) == "Attic No data since 14:02"

    def test_and_nothing_while_it_answers(self) -> None:
        assert tab(answered(NOW, name="Attic", demo=True)) == "Attic demo"

    def test_nor_of_one_that_never_answered(self) -> None:
        assert tab(make_device(name="Attic")) == "Attic"
