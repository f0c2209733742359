"""What lines and bands look like as points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.outlines import band, beside, is_lonely, steps

GAP = np.nan


def test_a_step_reaches_over_its_bucket_and_not_across_a_gap() -> None:
    times, values = steps(np.array([0, 10, 20, 40]), np.array([1.0, 2.0, GAP, 4.0]), 10)
    assert times.tolist() == [0, 10, 20, 20, 40, 50]
    np.testing.assert_array_equal(values, [1.0, 2.0, 2.0, GAP, 4.0, 4.0])


def test_a_value_between_gaps_is_lonely() -> None:
    assert is_lonely(np.array([1.0, GAP, 2.0, 3.0])).tolist() == [True, False, False, False]


def test_beside_takes_the_neighbours_too() -> None:
    assert beside(np.array([False, True, False, False])).tolist() == [True, True, True, False]


def test_a_band_goes_along_the_highest_and_back_along_the_lowest() -> None:
    x, y = band(np.array([0, 10]), np.array([1.0, 2.0]), np.array([5.0, 6.0]), None)
    assert x.tolist() == [0, 10, 10, 0, 0]
    assert y.tolist() == [5, 6, 2, 1, 5]


def test_the_band_of_a_bucket_is_as_wide_as_it() -> None:
    x, y = band(np.array([0]), np.array([1.0]), np.array([5.0]), 10)
    assert x.tolist() == [0, 10, 10, 0, 0]
    assert y.tolist() == [5, 5, 1, 1, 5]


def test_a_gap_parts_the_band() -> None:
    low = np.array([1.0, GAP, 3.0])
    x, _ = band(np.array([0, 10, 20]), low, low + 1, None)
    np.testing.assert_array_equal(x, [0, 0, 0, GAP, 20, 20, 20])


def test_without_values_there_is_no_band() -> None:
    x, y = band(np.array([0]), np.array([GAP]), np.array([GAP]), None)
    assert (len(x), len(y)) == (0, 0)


@given(
    st.lists(st.one_of(st.just(GAP), st.floats(-9, 9)), min_size=1, max_size=5000),
    st.sampled_from([None, 10]),
)
def test_no_spike_is_lost_in_a_band(values: list[float], step_ms: int | None) -> None:
    extremes = np.array(values)
    _, y = band(10 * np.arange(len(values)), extremes, extremes, step_ms)
    if np.isfinite(extremes).any():
        assert np.nanmin(y) == np.nanmin(extremes)
        assert np.nanmax(y) == np.nanmax(extremes)
