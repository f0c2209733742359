"""Which gain or offset is tried next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.calibration import arithmetic
from devices.ct6.settings import refuse_destructive


def test_the_next_gain_is_scaled_by_what_is_missing() -> None:
    assert arithmetic.next_gain(50_000, 239.6, 230.0) == 47_997


@pytest.mark.parametrize(
    ("reading", "gain"), [(1.0, 64_535), (0.0, 64_535), (-1.0, 64_535), (1e9, 1000), (float("inf"), 1000)]
)
def test_a_gain_stays_within_its_bounds(reading: float, gain: int) -> None:
    assert arithmetic.next_gain(50_000, reading, 230.0) == gain


@given(
    right=st.integers(1500, 60_000),
    reference=st.floats(100.0, 270.0),
    start=st.integers(arithmetic.LOWEST_GAIN, arithmetic.HIGHEST_GAIN),
)
def test_a_proportional_reading_is_right_after_one_step(right: int, reference: float, start: int) -> None:
    found = arithmetic.next_gain(start, reference * start / right, reference)
    assert found == pytest.approx(right, abs=1)


@given(gain=st.integers(1000, 64_535), reading=st.floats(-1000, 1000), reference=st.floats(0.1, 300))
def test_no_next_gain_is_one_that_a_unit_must_not_be_sent(gain: int, reading: float, reference: float) -> None:
    refuse_destructive({"CT1_IGAIN": str(arithmetic.next_gain(gain, reading, reference))})


def test_an_offset_goes_down_while_a_current_is_read_and_up_below_0() -> None:
    assert arithmetic.next_offset(0, 0.5) == -1000
    assert arithmetic.next_offset(-1000, -0.5) == 0


def test_an_offset_ends_where_its_register_does() -> None:
    assert arithmetic.next_offset(arithmetic.LOWEST_OFFSET, 0.5) == arithmetic.LOWEST_OFFSET
    assert arithmetic.LOWEST_OFFSET >= -32_768


def test_all_offsets_are_tried_before_it_is_given_up() -> None:
    offsets = [0]
    while len(offsets) < arithmetic.MOST_OFFSET_ROUNDS:
        offsets.append(arithmetic.next_offset(offsets[-1], 1.0))
    assert offsets[-1] == arithmetic.LOWEST_OFFSET
    assert len(set(offsets)) == len(offsets)


@pytest.mark.parametrize(("offset", "register"), [(0, 0), (-1, 65_535), (-15_360, 50_176), (32_767, 32_767)])
def test_an_offset_is_written_without_its_sign(offset: int, register: int) -> None:
    assert arithmetic.as_register(offset) == register
    assert arithmetic.as_offset(register) == offset


@given(offset=st.integers(-32_000, 32_000))
def test_every_offset_that_is_tried_may_be_sent(offset: int) -> None:
    refuse_destructive({"CT1_IOFFSET": str(arithmetic.as_register(offset))})


@pytest.mark.parametrize(("reading_a", "none"), [(0.0, True), (0.0009, True), (0.001, False), (-0.0009, True)])
def test_less_than_a_registers_smallest_part_is_no_current(reading_a: float, none: bool) -> None:
    assert arithmetic.is_no_current(reading_a) is none


def test_readings_are_averaged() -> None:
    assert arithmetic.mean([229.0, 231.0, 230.6]) == pytest.approx(230.2)
