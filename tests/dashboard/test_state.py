"""What an address says, and what it shows to whom."""

from datetime import date, datetime

import pytest
from django.core.exceptions import PermissionDenied

from dashboard.state import State, Zoom, ports_of, shown_of, shown_to
from readings.periods import HOUR_MS, parse_time
from tests.factories import make_device
from tests.people import make_user

NOON = parse_time("2026-11-22T12:00:00Z")


def test_an_address_without_words_shows_the_first_device_today() -> None:
    assert State.read("") == State.read(None) == State()


@pytest.mark.parametrize(
    ("state", "search"),
    [
        (State(), "?"),
        (State(3), "?device=3"),
        (State(3).on(date(2026, 11, 22)), "?device=3&day=2026-11-22"),
        (State().named("last-week"), "?range=last-week"),
        (
            State().between(datetime.fromisoformat("2026-11-22T06:30"), datetime.fromisoformat("2026-11-23T00:00:30")),
            "?start=2026-11-22T06%3A30&stop=2026-11-23T00%3A00%3A30",
        ),
        (
            State(view="energy", resolution="hour", quantity_name="voltage", sign="positive"),
            "?view=energy&resolution=hour&quantity=voltage&sign=positive",
        ),
        (State(hidden=(2, 5)), "?hidden=2,5"),
        (State(ymin=-2.5, ymax=10.0), "?ymin=-2.5&ymax=10"),
        (State(zoom=Zoom(NOON, NOON + HOUR_MS)), f"?zoom={NOON}_{NOON + HOUR_MS}"),
        (State(zoom=Zoom(None, None, -1.5, 2.0)), "?zoom=__-1.5_2"),
        (State(peak_port_id=7, peak_of="export"), "?peak=7&peakof=export"),
    ],
)
def test_an_address_reads_as_it_is_written(state: State, search: str) -> None:
    assert state.search == search
    assert State.read(search) == state


@pytest.mark.parametrize(
    "search",
    [
        "?device=",
        "?device=-1",
        "?device=x",
        "?device=٣",
        "?day=",
        "?day=today",
        "?day=0001-01-01",
        "?day=2026-02-30",
        "?start=yesterday",
        "?range=decade",
        "?resolution=fortnight",
        "?quantity=password",
        "?sign=both",
        "?hidden=all",
        "?hidden=,-1,2.5,1000",
        "?ymin=nan&ymax=inf",
        "?zoom=5_3",
        "?zoom=0_1",
        "?zoom=__2_1",
        "?view=",
        "?peak=me",
        "?%ff",
    ],
)
def test_unreadable_words_count_as_left_out(search: str) -> None:
    assert State.read(search) == State()


def test_unknown_words_are_left_to_later_versions() -> None:
    assert State.read("?taste=salty&device=3") == State(3)


@pytest.mark.parametrize("search", ["?start=2026-11-22T06:00", "?stop=2026-11-23T00:00&start=2026-11-22T06:00"])
def test_a_start_alone_means_until_midnight(search: str) -> None:
    assert State.read(search).stop == datetime.fromisoformat("2026-11-23T00:00")


def test_a_stop_alone_means_from_midnight() -> None:
    assert State.read("?stop=2026-11-23T00:00").start == datetime.fromisoformat("2026-11-22T00:00")


def test_what_is_left_out_is_told_once_and_in_order() -> None:
    assert State.read("?hidden=5%2C2,,5,x").hidden == (2, 5)


def test_another_range_leaves_out_the_same() -> None:
    assert State(hidden=(2,)).named("week").hidden == State(hidden=(2,)).on(date(2026, 11, 22)).hidden == (2,)


def test_another_range_is_not_zoomed() -> None:
    assert State(zoom=Zoom(NOON, NOON + 1)).named("week").zoom is None


@pytest.mark.django_db
def test_a_start_after_the_stop_is_told_as_such_and_both_are_kept() -> None:
    shown = shown_of(State.read("?start=2026-11-22T06:00&stop=2026-11-21T00:00"), make_device(), NOON)
    assert shown.is_backwards
    assert shown.start_ms == shown.end_ms
    assert (shown.start.hour, shown.stop.day) == (6, 21)


@pytest.mark.django_db
def test_the_view_is_the_range_or_what_was_zoomed_to() -> None:
    device = make_device()
    whole = shown_of(State(), device, NOON)
    assert whole.view_ms == (whole.start_ms, whole.end_ms)
    assert shown_of(State(zoom=Zoom(NOON, NOON + 5)), device, NOON).view_ms == (NOON, NOON + 5)
    assert shown_of(State(zoom=Zoom(low=1.0, high=2.0)), device, NOON).view_ms == whole.view_ms


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/London", date(2026, 3, 29), 23),
        ("Europe/London", date(2026, 10, 25), 25),
        ("Asia/Kathmandu", date(2026, 10, 25), 24),
        ("America/Havana", date(2026, 3, 8), 23),
    ],
)
def test_a_day_is_from_midnight_to_midnight_of_the_devices_zone(zone: str, day: date, hours: int) -> None:
    shown = shown_of(State(1).on(day), make_device(timezone=zone), NOON)
    assert shown.end_ms - shown.start_ms == hours * HOUR_MS
    assert shown.start.date() == day


@pytest.mark.django_db
def test_today_is_the_devices_today() -> None:
    shown = shown_of(State(), make_device(timezone="Pacific/Auckland"), NOON)
    assert shown.start.date() == shown.today == date(2026, 11, 23)
    assert shown.is_live


@pytest.mark.django_db
def test_yesterday_is_over_and_tomorrow_still_to_come() -> None:
    device = make_device()
    yesterday = shown_of(State().on(date(2026, 11, 21)), device, NOON)
    tomorrow = shown_of(State().on(date(2026, 11, 23)), device, NOON)
    assert (yesterday.is_live, yesterday.is_ahead) == (False, False)
    assert (tomorrow.is_live, tomorrow.is_ahead) == (False, True)


@pytest.mark.django_db
class TestWhoSeesWhat:
    def test_nothing_is_shown_where_there_is_no_device(self) -> None:
        assert shown_to(make_user(staff=True), "", NOON) is None

    def test_without_a_word_it_is_the_first_device_that_the_user_may_see(self) -> None:
        make_device("A", name="Attic")
        cellar = make_device("C", name="Cellar")
        shown = shown_to(make_user(sees=[cellar]), "", NOON)
        assert shown is not None
        assert shown.device == cellar

    def test_a_device_of_others_is_refused(self) -> None:
        attic, cellar = make_device("A", name="Attic"), make_device("C", name="Cellar")
        with pytest.raises(PermissionDenied):
            shown_to(make_user(sees=[cellar]), State(attic.pk).search, NOON)

    def test_a_device_that_does_not_exist_is_refused_alike(self) -> None:
        with pytest.raises(PermissionDenied):
            shown_to(make_user(staff=True), "?device=4711", NOON)

    def test_a_device_that_is_not_adopted_is_refused(self) -> None:
        device = make_device(adoption="pending")
        with pytest.raises(PermissionDenied):
            shown_to(make_user(staff=True), State(device.pk).search, NOON)


@pytest.mark.django_db
class TestPorts:
    def test_unnamed_ports_are_left_out(self) -> None:
        assert [str(port) for port in ports_of(make_device(ports=["Grid", "", "Solar"]))] == ["Grid", "Solar"]

    def test_all_are_shown_by_number_where_none_has_a_name(self) -> None:
        assert [str(port) for port in ports_of(make_device(ports=["", "", ""]))] == ["CT1", "CT2", "CT3"]

    def test_hidden_ports_are_left_out(self) -> None:
        device = make_device(ports=["Grid", "Solar"])
        device.ports.filter(number=1).update(enabled=False)
        assert [str(port) for port in ports_of(device)] == ["Solar"]
