"""Spans of ports that were marked as bad: kept, left out everywhere, undone without a trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from devices.models import AuditEntry, Device, Port
from readings import bad_spans, history, tasks
from readings.bad_minutes import bad_of
from readings.bad_spans import NotMarked, lift, mark
from readings.models import BadSpan, DeviceReading, DirtyBucket, PortDay, PortHour, PortMinute, PortReading
from readings.periods import HOUR_MS, MINUTE_MS, buckets, to_datetime
from readings.quantities import ACTIVE_POWER
from readings.replacing import move_on, replace
from readings.store.auditing import audit
from readings.store.rollups import rebuild, rebuild_stale_days
from tests.factories import make_device
from tests.people import make_user
from tests.readings.bulk import DAY_MS, Answer, amounts, roll_up, steady, store
from tests.readings.store.stored import everything
from tests.readings.test_energy import BUCKETS, KW, LONG_AFTER, NOON, Asked, energy, measured, questions, stories

pytestmark = [pytest.mark.django_db, pytest.mark.engines]

NOW = to_datetime(LONG_AFTER)
Span = tuple[int, int]
_serials = count(1)


def port_of(device: Device, number: int = 1) -> Port:
    return device.ports.get(number=number)


def hour_of_a_kilowatt() -> Device:
    """By the second; the other port gives two."""
    device = make_device(ports=["Grid", "Solar"])
    store(device, steady(NOON, NOON + HOUR_MS, 1000, -KW, 2 * KW))
    return device


def marked(
    port: Port, start_ms: int, end_ms: int, *, reason: str = "open", who: Any = None, now: datetime = NOW
) -> BadSpan:
    return mark(port, start_ms, end_ms, reason=reason, who=who, now=now, pause=no_pause)


def lifted(span: BadSpan) -> BadSpan:
    return lift(span, who=None, now=NOW, pause=no_pause)


def no_pause(_seconds: float) -> None:
    pass


def left_in(answers: Sequence[Answer], port: int, span: Span, bad: Sequence[Span]) -> tuple[int, ...]:
    """The amounts of a span without the minutes of bad ones, piece by piece."""
    edges = sorted({*span, *(edge for one in bad for edge in one if span[0] < edge < span[1])})
    good = [piece for piece in pairwise(edges) if not any(start <= piece[0] and piece[1] <= end for start, end in bad)]
    return tuple(map(sum, zip((0,) * 4, *(amounts(answers, port, *piece) for piece in good), strict=True)))


# --- What counts --------------------------------------------------------------------------------------------------
spans = st.lists(
    st.tuples(st.integers(-30, 400), st.integers(1, 300)).map(
        lambda drawn: (NOON + drawn[0] * MINUTE_MS, NOON + sum(drawn) * MINUTE_MS)
    ),
    max_size=3,
)


@pytest.fixture
def forget(db: None) -> Callable[[], None]:
    """Deletes what an example before has stored."""

    def delete() -> None:
        for table in (PortReading, PortMinute, PortHour, PortDay, DirtyBucket, BadSpan):
            table._default_manager.all().delete()

    return delete


@given(answers=stories(), asked=questions(), of_ports=st.tuples(spans, spans), again=st.booleans())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_story_amounts_to_what_was_measured_outside_the_bad_spans(
    forget: Callable[[], None],
    answers: list[Answer],
    asked: Asked,
    of_ports: tuple[list[Span], list[Span]],
    again: bool,
) -> None:
    forget()
    device = make_device(f"ASY0398_V003.300_SN1{next(_serials):07}", ports=["a", "b"], timezone=asked.zone)
    store(device, [answer for index, answer in enumerate(answers) if index not in asked.late])
    roll_up(asked.rolled_up_at)
    bad = list(map(list, of_ports))
    for number, of_port in enumerate(bad, start=1):
        for span in of_port:
            marked(port_of(device, number), *span)
    store(device, [answer for index, answer in enumerate(answers) if index in asked.late])
    if again and bad[0]:
        lifted(BadSpan.objects.filter(port__number=1).order_by("pk")[0])
        bad[0].pop(0)
    for _ in range(2):
        for bucket in BUCKETS:
            pieces = buckets(asked.start_ms, asked.end_ms, bucket, asked.zone)
            found = measured(energy(device, asked.start_ms, asked.end_ms, bucket))
            assert found == [(*piece, *left_in(answers, port, piece, bad[port])) for port in (0, 1) for piece in pieces]
        roll_up(LONG_AFTER)
    assert audit([device], 0, LONG_AFTER, sample=None, chance=Random(1)).mismatches == []


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_that_time_is_missing(rolled_up: bool) -> None:
    device = hour_of_a_kilowatt()
    marked(port_of(device), NOON + 10 * MINUTE_MS, NOON + 25 * MINUTE_MS)
    if rolled_up:
        roll_up(LONG_AFTER)
    grid, solar = energy(device, NOON, NOON + HOUR_MS)
    assert (grid.import_kwh, grid.covered_ms, grid.missing_ms) == (0.75, 45 * MINUTE_MS, 15 * MINUTE_MS)
    assert (solar.export_kwh, solar.missing_ms) == (2.0, 0), "the other port is as good as ever"


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_of_a_window_across_the_edge_the_part_outside_counts(rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 0, (-KW,)), Answer(NOON + HOUR_MS, HOUR_MS, (-KW,), recovered=True)])
    marked(port_of(device), NOON + 12 * MINUTE_MS, NOON + 36 * MINUTE_MS)
    if rolled_up:
        roll_up(LONG_AFTER)
    (row,) = energy(device, NOON, NOON + HOUR_MS)
    assert (row.import_kwh, row.recovered_ms, row.missing_ms) == (0.6, 36 * MINUTE_MS, 24 * MINUTE_MS)


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
def test_an_end_off_the_minute_within_a_bad_span_brings_nothing_back(rolled_up: bool) -> None:
    device = hour_of_a_kilowatt()
    marked(port_of(device), NOON, NOON + 30 * MINUTE_MS)
    if rolled_up:
        roll_up(LONG_AFTER)
    grid, _ = energy(device, NOON + 10_500, NOON + 10 * MINUTE_MS + 10_500)
    assert (grid.import_energy, grid.covered_ms, grid.missing_ms) == (0, 0, 10 * MINUTE_MS)


def test_rollups_have_no_row_of_it_and_what_devices_measure_is_left_as_it_is() -> None:
    device = hour_of_a_kilowatt()
    roll_up(LONG_AFTER)
    before = everything()
    port = port_of(device)
    marked(port, NOON + 10 * MINUTE_MS, NOON + 25 * MINUTE_MS)
    roll_up(LONG_AFTER)
    starts = set(PortMinute.objects.filter(port=port).values_list("start", flat=True))
    assert starts == {NOON + n * MINUTE_MS for n in range(60) if not 10 <= n < 25}
    assert PortHour.objects.get(port=port).covered_ms == PortDay.objects.get(port=port).covered_ms == 45 * MINUTE_MS
    assert everything()[3:] == before[3:]
    assert PortReading.objects.count() == 2 * 3600, "kept"


def test_what_comes_later_into_a_bad_span_is_left_out_too() -> None:
    device = hour_of_a_kilowatt()
    marked(port_of(device), NOON + 50 * MINUTE_MS, NOON + 70 * MINUTE_MS)
    roll_up(LONG_AFTER)
    store(device, steady(NOON + HOUR_MS, NOON + 2 * HOUR_MS, 1000, -KW, 2 * KW))
    for _ in range(2):
        assert energy(device, NOON, NOON + 2 * HOUR_MS)[0].covered_ms == 100 * MINUTE_MS
        roll_up(LONG_AFTER)


def test_a_whole_rebuild_leaves_it_out_again() -> None:
    device = hour_of_a_kilowatt()
    marked(port_of(device), NOON, NOON + 15 * MINUTE_MS)
    rebuild([device], 0, LONG_AFTER, pause=no_pause)
    assert PortHour.objects.get(port=port_of(device)).covered_ms == 45 * MINUTE_MS


def test_the_peak_day_is_one_of_the_good_ones() -> None:
    device = make_device(ports=["Grid"])
    midnight = NOON - 12 * HOUR_MS
    store(device, [Answer(midnight, 0, (0,)), *steady(midnight, midnight + DAY_MS, 60_000, -2 * KW)])
    store(device, steady(midnight + DAY_MS, midnight + 2 * DAY_MS, 60_000, -KW))
    marked(port_of(device), midnight, midnight + HOUR_MS)
    peak = history.peak_day(port_of(device), midnight, midnight + 2 * DAY_MS, now_ms=LONG_AFTER, of="import")
    assert peak is not None
    assert (peak.day_start_ms, peak.kwh, peak.left_out_days) == (midnight + DAY_MS, 24.0, 1)


# --- What is drawn ------------------------------------------------------------------------------------------------
def test_seconds_leave_a_gap_where_readings_end_in_it() -> None:
    device = make_device(ports=["Grid", "Solar"])
    store(device, steady(NOON, NOON + 4 * MINUTE_MS, 30_000, -KW, KW))
    marked(port_of(device), NOON + MINUTE_MS, NOON + 2 * MINUTE_MS)
    ports = list(device.ports.order_by("number"))
    found = history.series(ports, ACTIVE_POWER, NOON, NOON + 5 * MINUTE_MS, now_ms=LONG_AFTER, resolution="second")
    assert found.has_bad
    grid, solar = found.lines
    assert [(time - NOON) // 1000 for time in grid.times] == [30, 60, 105, 150, 180, 210, 240]
    assert np.isnan(grid.values).tolist() == [False, False, True, False, False, False, False]
    assert len(solar.times) == 8
    assert not np.isnan(solar.values).any()


@pytest.mark.parametrize("rolled_up", [True, False], ids=["rolled up", "readings only"])
@pytest.mark.parametrize("resolution", ["minute", "hour", "day"])
def test_buckets_are_of_the_good_minutes_alone(resolution: history.Resolution, rolled_up: bool) -> None:
    device = make_device(ports=["Grid"])
    store(device, [Answer(NOON, 0, (0,)), *steady(NOON, NOON + 30 * MINUTE_MS, 10_000, -KW)])
    store(device, steady(NOON + 30 * MINUTE_MS, NOON + HOUR_MS, 10_000, 9 * KW))
    roll_up(LONG_AFTER)
    marked(port_of(device), NOON + 30 * MINUTE_MS, NOON + HOUR_MS)
    if rolled_up:
        roll_up(LONG_AFTER)
    found = history.series(
        [port_of(device)], ACTIVE_POWER, NOON, NOON + HOUR_MS, now_ms=LONG_AFTER, resolution=resolution
    )
    (line,) = found.lines
    assert set(line.values.tolist()) == {-1000.0}
    if rolled_up or resolution == "minute":  # the extremes of longer buckets follow with the next roll-up
        assert max(line.maximum) <= 0.0
    assert len(line.times) == (30 if resolution == "minute" else 1)
    assert line.covered_ms.sum() == 30 * MINUTE_MS
    assert found.has_bad


@pytest.mark.parametrize("resolution", ["second", "minute", "day"])
def test_a_span_elsewhere_leaves_nothing_out(resolution: history.Resolution) -> None:
    device = hour_of_a_kilowatt()
    marked(port_of(device), NOON + HOUR_MS, NOON + 2 * HOUR_MS)
    found = history.series(
        [port_of(device)], ACTIVE_POWER, NOON, NOON + HOUR_MS, now_ms=LONG_AFTER, resolution=resolution
    )
    assert not found.has_bad


def test_bad_spans_cost_no_question_of_their_own(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    device = hour_of_a_kilowatt()
    ports = list(device.ports.select_related("device"))

    def ask() -> None:
        history.energy(ports, NOON, NOON + HOUR_MS, "total", now_ms=LONG_AFTER)

    roll_up(LONG_AFTER)
    with django_assert_num_queries(2):
        ask()
    marked(port_of(device), NOON, NOON + MINUTE_MS)
    roll_up(LONG_AFTER)
    with django_assert_num_queries(2):
        ask()
    with django_assert_num_queries(2):  # the other one is whether readings as old as these are still kept
        history.series(ports, ACTIVE_POWER, NOON, NOON + MINUTE_MS, now_ms=LONG_AFTER, resolution="second")


# --- Undone -------------------------------------------------------------------------------------------------------
def test_undone_everything_is_as_it_was_bit_for_bit() -> None:
    device = hour_of_a_kilowatt()
    store(device, [Answer(NOON + 2 * HOUR_MS + 77, HOUR_MS + 77, (None, 1234), recovered=True)])
    roll_up(LONG_AFTER)
    before = everything()
    spans = [marked(port_of(device), NOON + n * MINUTE_MS, NOON + (n + 20) * MINUTE_MS) for n in (5, 15, 50)]
    roll_up(LONG_AFTER)
    assert everything() != before
    for span in spans:
        lifted(span)
    roll_up(LONG_AFTER)
    assert everything() == before
    assert BadSpan.objects.filter(lifted_at__isnull=False).count() == 3, "kept as history"


def test_what_another_span_holds_stays_out() -> None:
    device = hour_of_a_kilowatt()
    first = marked(port_of(device), NOON, NOON + 20 * MINUTE_MS)
    marked(port_of(device), NOON + 10 * MINUTE_MS, NOON + 30 * MINUTE_MS)
    lifted(first)
    for _ in range(2):
        assert energy(device, NOON, NOON + HOUR_MS)[0].covered_ms == 40 * MINUTE_MS
        roll_up(LONG_AFTER)


def test_it_is_undone_once() -> None:
    span = marked(port_of(hour_of_a_kilowatt()), NOON, NOON + 20 * MINUTE_MS)
    lifted(span)
    with pytest.raises(NotMarked, match="counts again already"):
        lifted(span)


def test_what_was_done_is_in_the_audit_log() -> None:
    anna = make_user("anna")
    device = hour_of_a_kilowatt()
    span = marked(port_of(device), NOON, NOON + 20 * MINUTE_MS, who=anna, reason=" loose ")
    lift(span, who=anna, now=NOW + timedelta(days=1))
    told = {
        "port": "CT1",
        "from": "2026-03-10T12:00:00+00:00",
        "to": "2026-03-10T12:20:00+00:00",
        "reason": "loose",
    }
    entries = AuditEntry.objects.filter(device=device).order_by("pk")
    assert [(one.action, one.who_name, one.before, one.after) for one in entries] == [
        ("mark_bad", "anna", {}, told),
        ("lift_bad", "anna", told, {}),
    ]
    span.refresh_from_db()
    assert (span.marked_by, span.marked_at, span.lifted_by, span.lifted_at) == (
        anna,
        NOW,
        anna,
        NOW + timedelta(days=1),
    )


# --- What can be marked -------------------------------------------------------------------------------------------
def test_a_span_is_taken_as_the_minutes_that_it_touches() -> None:
    port = port_of(hour_of_a_kilowatt())
    span = marked(port, NOON + 90_001, NOON + 180_001)
    assert (span.start_ms, span.end_ms) == (NOON + MINUTE_MS, NOON + 4 * MINUTE_MS)
    assert bad_spans.foresee(port, NOON + 90_001, NOON + 240_001, reason="r").start_ms == NOON + MINUTE_MS


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "reason", "says"),
    [
        (NOON, NOON, "r", "the start has to lie before the end"),
        (NOON + 1, NOON, "r", "the start has to lie before the end"),
        (NOON, NOON + 1, " ", "say why"),
        (NOON, NOON + 1, "r" * 201, "more than 200 characters"),
        (LONG_AFTER + MINUTE_MS, LONG_AFTER + HOUR_MS, "r", "is still to come"),
        (-1, NOON, "r", "lies between 1971"),
        (NOON, 10**14, "r", "lies between 1971"),
    ],
)
def test_what_cannot_be_marked_is_refused_in_a_sentence(start_ms: int, end_ms: int, reason: str, says: str) -> None:
    port = port_of(hour_of_a_kilowatt())
    with pytest.raises(NotMarked, match=says):
        marked(port, start_ms, end_ms, reason=reason)
    assert not BadSpan.objects.exists()
    assert not AuditEntry.objects.exists()


def test_the_open_minute_and_what_comes_after_it_may_be_in_a_span() -> None:
    device = hour_of_a_kilowatt()
    now = to_datetime(NOON + HOUR_MS + 5_000)
    span = marked(port_of(device), NOON + HOUR_MS, NOON + 3 * DAY_MS, now=now)
    assert span.until_ms == span.end_ms
    assert DirtyBucket.objects.filter(minute__gt=NOON + HOUR_MS).count() == 0, "brought by the readings"
    store(device, steady(NOON + HOUR_MS, NOON + 2 * HOUR_MS, 1000, -KW, 2 * KW))
    roll_up(LONG_AFTER)
    assert energy(device, NOON, NOON + 2 * HOUR_MS)[0].covered_ms == HOUR_MS
    lifted(span)
    roll_up(LONG_AFTER)
    assert energy(device, NOON, NOON + 2 * HOUR_MS)[0].covered_ms == 2 * HOUR_MS


def test_what_is_kept_as_sums_only_is_refused() -> None:
    device = hour_of_a_kilowatt()
    span = marked(port_of(device), NOON + 20 * MINUTE_MS, NOON + 21 * MINUTE_MS)
    roll_up(LONG_AFTER)
    half_past = NOON + 30 * MINUTE_MS
    for table in (PortReading, DeviceReading):
        table._default_manager.filter(time__lte=half_past + 1000).delete()
    with pytest.raises(NotMarked, match=r"until 2026-03-10T12:30:00\+00:00 only sums are stored"):
        marked(port_of(device), NOON + 25 * MINUTE_MS, NOON + 40 * MINUTE_MS)
    with pytest.raises(NotMarked, match="cannot be undone"):
        lifted(span)
    marked(port_of(device), half_past + MINUTE_MS, NOON + 40 * MINUTE_MS)
    roll_up(LONG_AFTER)
    assert energy(device, NOON, NOON + HOUR_MS)[0].covered_ms == 50 * MINUTE_MS


def test_before_anything_is_measured_a_span_may_be_marked() -> None:
    device = make_device(ports=["Grid"])
    lifted(marked(port_of(device), NOON - DAY_MS, NOON + HOUR_MS))
    span = marked(port_of(device), NOON - 3650 * DAY_MS, NOON + HOUR_MS)
    assert not DirtyBucket.objects.exists()
    store(device, steady(NOON, NOON + 2 * HOUR_MS, 60_000, -KW))
    assert energy(device, NOON, NOON + 2 * HOUR_MS)[0].covered_ms == HOUR_MS
    lifted(span)
    roll_up(LONG_AFTER)
    assert energy(device, NOON, NOON + 2 * HOUR_MS)[0].covered_ms == 2 * HOUR_MS


def test_beforehand_it_is_told_what_would_be_left_out() -> None:
    port = port_of(hour_of_a_kilowatt())
    marked(port, NOON, NOON + 15 * MINUTE_MS)
    left_out = bad_spans.foresee(port, NOON, NOON + 30 * MINUTE_MS, reason="r", now=NOW)
    assert (left_out.import_kwh, left_out.export_kwh) == (0.25, 0.0)


# --- Long spans ---------------------------------------------------------------------------------------------------
def test_a_long_span_goes_in_steps_each_of_which_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_spans, "MINUTES_PER_STEP", 7)
    go_on = bad_spans.go_on
    monkeypatch.setattr(bad_spans, "go_on", lambda *_span, **_options: None)
    device = hour_of_a_kilowatt()
    roll_up(LONG_AFTER)
    before = everything()
    port = port_of(device)
    span = mark(port, NOON - DAY_MS, NOON + 40 * MINUTE_MS, reason="r", who=None)
    minutes = []
    for _ in range(20):
        minutes.append(energy(device, NOON, NOON + HOUR_MS)[0].missing_ms // MINUTE_MS)
        roll_up(LONG_AFTER)
        assert energy(device, NOON, NOON + HOUR_MS)[0].missing_ms // MINUTE_MS == minutes[-1]
        go_on(span, limit_steps=1, pause=no_pause)
    assert list(dict.fromkeys(minutes)) == [7, 14, 21, 28, 35, 40]
    lift(span, who=None)
    minutes = []
    for _ in range(20):
        minutes.append(energy(device, NOON, NOON + HOUR_MS)[0].missing_ms // MINUTE_MS)
        roll_up(LONG_AFTER)
        go_on(span, limit_steps=1, pause=no_pause)
    assert list(dict.fromkeys(minutes)) == [33, 26, 19, 12, 5, 0]
    roll_up(LONG_AFTER)
    assert everything() == before


def test_the_worker_goes_on_where_it_was_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bad_spans, "MINUTES_PER_STEP", 7)
    device = hour_of_a_kilowatt()
    with monkeypatch.context() as stopped:
        stopped.setattr(bad_spans, "go_on", lambda *_span, **_options: None)
        span = marked(port_of(device), NOON, NOON + 40 * MINUTE_MS)
    assert span.until_ms == NOON + 7 * MINUTE_MS
    tasks.roll_up()
    span.refresh_from_db()
    assert span.until_ms == span.end_ms
    assert not BadSpan.objects.unfinished().exists()


# --- Replaced units -----------------------------------------------------------------------------------------------
def test_what_a_replacing_unit_measured_badly_stays_bad_in_its_new_place() -> None:
    old, new = hour_of_a_kilowatt(), make_device("ASY0398_V003.300_SN00001802", ports=["", ""])
    moment = NOON + HOUR_MS
    since = moment - 5 * MINUTE_MS
    store(new, [Answer(since, 0, (0, 0)), *steady(since, moment + HOUR_MS, 1000, 7, 8)])
    marked(port_of(new), moment - 3 * MINUTE_MS, moment + 10 * MINUTE_MS)
    marked(port_of(new), moment - 5 * MINUTE_MS, moment - 3 * MINUTE_MS)
    roll_up(LONG_AFTER)
    replacement = replace(old, new, at_ms=moment, who=None, forget_earlier=True)
    move_on(replacement, now=datetime.now(UTC) + timedelta(minutes=3), pause=no_pause)
    rebuild_stale_days(limit_steps=100, pause=no_pause)
    for _ in range(2):
        grid, solar = energy(old, NOON, moment + HOUR_MS)
        assert (grid.covered_ms, grid.missing_ms) == (110 * MINUTE_MS, 10 * MINUTE_MS)
        assert solar.missing_ms == 0
        roll_up(LONG_AFTER)
    span = BadSpan.objects.get()
    assert (span.port, span.start_ms, span.end_ms) == (port_of(old), moment, moment + 10 * MINUTE_MS)


# --- Pure ---------------------------------------------------------------------------------------------------------
@given(
    edges=st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), min_size=1, max_size=6),
    minutes=st.lists(st.integers(-2, 45), max_size=20),
)
@pytest.mark.django_db(databases=[])
def test_a_minute_is_bad_if_any_span_holds_it(edges: list[tuple[int, int]], minutes: list[int]) -> None:
    found = bad_of((4, start * MINUTE_MS, (start + length) * MINUTE_MS) for start, length in edges)
    held = found[4].hold(np.array(minutes, dtype=np.int64) * MINUTE_MS)
    assert held.tolist() == [any(start <= minute < start + length for start, length in edges) for minute in minutes]
