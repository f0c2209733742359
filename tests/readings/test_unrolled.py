"""Minutes that wait for their rollup: which readings answer for them, read in portions, and with which share."""

import numpy as np
import pytest

from readings import history
from readings.history.unrolled import SPANS_AT_MOST, overlaps, spans_of
from readings.periods import MINUTE_MS, parse_time
from tests.factories import make_device
from tests.readings.bulk import steady, store

NOON = parse_time("2026-03-10T12:00:00+00:00")


def test_neighbouring_minutes_are_one_span() -> None:
    minutes = NOON + MINUTE_MS * np.array([0, 1, 2, 5, 9, 10])
    assert [((start - NOON) // MINUTE_MS, (end - NOON) // MINUTE_MS) for start, end in spans_of(minutes)] == [
        (0, 3), (5, 6), (9, 11),
    ]  # fmt: skip
    assert spans_of(minutes[:0]) == []


def test_scattered_minutes_are_few_spans_parted_at_the_widest_gaps() -> None:
    minutes = np.cumsum(np.arange(1, 60)) * MINUTE_MS
    spans = spans_of(minutes)
    assert len(spans) == SPANS_AT_MOST
    assert all(any(start <= minute < end for start, end in spans) for minute in minutes)
    assert spans[1:] == [(minute, minute + MINUTE_MS) for minute in minutes[-SPANS_AT_MOST + 1 :]]


def test_a_window_meets_every_interval_that_it_overlaps() -> None:
    starts = np.array([0, 100, 300])
    ends = np.array([100, 200, 400])
    times = np.array([50, 150, 350, 300, 200, 1000])
    windows = np.array([50, 100, 350, 100, 0, 1000])
    window, interval, overlap = overlaps(times, windows, starts, ends)
    shares = list(zip(window.tolist(), interval.tolist(), overlap.tolist(), strict=True))
    assert [share for share in shares if share[2]] == [
        (0, 0, 50),
        (1, 0, 50), (1, 1, 50),
        (2, 0, 100), (2, 1, 100), (2, 2, 50),
        (5, 0, 100), (5, 1, 100), (5, 2, 100),
    ]  # fmt: skip


@pytest.mark.django_db
@pytest.mark.engines
def test_long_spans_are_read_in_portions_and_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("readings.history.unrolled.ROWS_AT_ONCE", 200)
    device = make_device(ports=["a", "b"])
    store(device, steady(NOON - 500, NOON + 10 * MINUTE_MS - 500, 1000, -36_000, 72_000))
    a, b = history.energy(list(device.ports.all()), NOON, NOON + 9 * MINUTE_MS, "total", now_ms=NOON + 10**9)
    assert (a.import_energy, b.export_energy) == (36_000 * 540_000, 72_000 * 540_000)
    assert (a.covered_ms, a.missing_ms) == (540_000, 0)
