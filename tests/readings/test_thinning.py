"""Fewer points, and nothing that anybody looks for lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from readings.history.thinning import IntArray, Points, fair, joined, merged, slots_per_point, with_gaps

YEAR_OF_MINUTES = 525_600


def points(
    slots: IntArray, values: list[float] | np.ndarray, weights: list[float] | np.ndarray | None = None
) -> Points:
    column = np.asarray(values, dtype=float)
    weight = np.ones(len(column)) if weights is None else np.asarray(weights, dtype=float)
    return Points(np.asarray(slots), weight, np.zeros(len(column)), column * weight, column, column)


def test_a_spike_of_one_second_survives_a_year_of_minutes() -> None:
    power = np.full(YEAR_OF_MINUTES, 3000.0)
    year = points(np.arange(YEAR_OF_MINUTES), power, np.full(YEAR_OF_MINUTES, 60_000.0))
    year.high[300_007], year.low[300_011] = 99_999.0, -88_888.0
    first, per_point = slots_per_point([year.slot], 2000)
    thinned = merged(Points((year.slot - first) // per_point, *year.measured))
    assert len(thinned) <= 2000
    assert thinned.high.max() == 99_999.0
    assert thinned.low.min() == -88_888.0
    assert set(thinned.values()) == {3000.0}


def test_the_mean_of_a_slice_is_weighted() -> None:
    thinned = merged(points(np.array([0, 0, 1]), [10.0, 40.0, 7.0], [3000.0, 1000.0, 1.0]))
    assert thinned.values().tolist() == [17.5, 7.0]
    assert (thinned.low.tolist(), thinned.high.tolist()) == ([10.0, 7.0], [40.0, 7.0])


def test_what_has_no_total_weighs_nothing_but_its_extremes_count() -> None:
    known = points(np.array([5]), [10.0], [2.0])
    unknown = Points(*(np.array([number]) for number in (5, 8.0, 8.0, np.nan, 1.0, 99.0)))
    thinned = merged(joined([unknown, known]))
    assert (thinned.weight.tolist(), thinned.values().tolist()) == ([2.0], [10.0])
    assert thinned.recovered.tolist() == [0.0]
    assert (thinned.low.tolist(), thinned.high.tolist()) == ([1.0], [99.0])


def test_the_recovered_weights_of_a_slice_add_up() -> None:
    whole = points(np.array([0, 0, 1]), [1.0, 2.0, 3.0], [100.0, 300.0, 50.0])
    part = Points(whole.slot, whole.weight, np.array([0.0, 300.0, 10.0]), whole.total, whole.low, whole.high)
    assert merged(part).recovered.tolist() == [300.0, 10.0]


def test_nothing_at_all_has_no_mean() -> None:
    unknown = Points(np.array([5]), np.array([8.0]), np.zeros(1), *(np.array([np.nan]) for _ in range(3)))
    assert np.isnan(merged(unknown).values()).all()


def test_readings_without_a_window_weigh_alike_among_themselves_and_nothing_beside_others() -> None:
    slot = np.array([0, 0, 1, 1])
    assert fair(slot, np.array([0.0, 0.0, 0.0, 500.0])).tolist() == [1.0, 1.0, 0.0, 500.0]
    assert fair(slot[:0], np.empty(0)).tolist() == []


def test_parts_are_joined_in_order_of_their_slots() -> None:
    whole = joined([points(np.array([3, 4]), [3.0, 4.0]), points(np.array([1, 9]), [1.0, 9.0])])
    assert whole.slot.tolist() == [1, 3, 4, 9]
    assert whole.high.tolist() == [1.0, 3.0, 4.0, 9.0]


@given(st.lists(st.lists(st.integers(0, 10**9), min_size=0, max_size=20), max_size=4), st.integers(1, 50))
def test_no_line_has_more_points_than_asked_for(lines: list[list[int]], max_points: int) -> None:
    slots = [np.unique(np.array(line, dtype=np.int64)) for line in lines]
    first, per_point = slots_per_point(slots, max_points)
    for line in slots:
        thinned = np.unique((line - first) // per_point)
        assert len(thinned) <= max_points
        assert (thinned >= 0).all()
        assert (thinned < max_points).all()


@pytest.mark.parametrize("max_points", [1, 10, 11])
def test_slices_are_as_small_as_they_can_be(max_points: int) -> None:
    first, per_point = slots_per_point([np.arange(100, 110)], max_points)
    assert (first, per_point) == (100, 10 if max_points == 1 else 1)


def test_a_gap_is_one_point_without_value() -> None:
    times, (values,) = with_gaps(np.array([10, 20, 90]), (np.array([1.0, 2.0, 9.0]),), np.array([1]), np.array([30]))
    assert times.tolist() == [10, 20, 30, 90]
    assert np.isnan(values).tolist() == [False, False, True, False]
