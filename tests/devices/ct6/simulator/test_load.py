"""The simulated load: believable, repeatable, and known exactly."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ct6.simulator.load import ANNEX, HOME, LoadCurve

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS
DAY_NS = 24 * HOUR_NS
MIDNIGHT_NS = 1_795_305_600 * SECOND_NS  # 2026-11-22 00:00 UTC
PORTS = range(1, 7)

CURVE = LoadCurve(1)

moments = st.integers(MIDNIGHT_NS, MIDNIGHT_NS + 2 * DAY_NS)


def port_called(curve: LoadCurve, name: str) -> int:
    return next(number for number, port in enumerate(curve.ports, 1) if port.name == name)


def day_of_minutes(curve: LoadCurve, name: str, day: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    start_ns = MIDNIGHT_NS + day * DAY_NS
    means = curve.mean_values(range(start_ns, start_ns + DAY_NS + 1, 60 * SECOND_NS))
    column: np.ndarray[tuple[int], np.dtype[np.float64]] = means.active_power_w[:, port_called(curve, name) - 1]
    return column


@given(cuts=st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted), port=st.sampled_from(PORTS))
def test_energy_adds_up_wherever_a_span_is_cut(cuts: list[int], port: int) -> None:
    start, middle, end = cuts
    parts = CURVE.energy_ws(port, start, middle) + CURVE.energy_ws(port, middle, end)
    assert CURVE.energy_ws(port, start, end) == pytest.approx(parts, rel=1e-13, abs=1e-9)


@given(start=moments, length_ns=st.integers(1, 90 * SECOND_NS), port=st.sampled_from(PORTS))
def test_energy_is_the_sum_of_every_constant_step(start: int, length_ns: int, port: int) -> None:
    end = start + length_ns
    total, at = Fraction(0), start
    while at < end:
        step_end = min(end, at - (at - 400_000_000) % SECOND_NS + SECOND_NS)
        watts = Fraction(round(CURVE.values(port, at)["active_power_w"] * 1000), 1000)
        total += watts * (step_end - at) / SECOND_NS
        at = step_end
    assert CURVE.energy_ws(port, start, end) == pytest.approx(float(total), rel=1e-15, abs=1e-12)


@given(edges=st.lists(moments, min_size=2, max_size=20, unique=True).map(sorted))
def test_means_are_energy_over_window(edges: list[int]) -> None:
    means = CURVE.mean_values(edges)
    for window, (start, end) in enumerate(pairwise(edges)):
        for port in PORTS:
            mean = CURVE.energy_ws(port, start, end) / ((end - start) / SECOND_NS)
            # A nanosecond's share of a day's sum is as fine as a float can be.
            assert means.active_power_w[window, port - 1] * (end - start) == pytest.approx(
                mean * (end - start), rel=1e-9, abs=1e3
            )


def test_power_is_constant_between_steps_and_changes_between_seconds_of_the_clock() -> None:
    at = MIDNIGHT_NS + 400_000_000
    assert CURVE.values(5, at) == CURVE.values(5, at + SECOND_NS - 1)
    assert CURVE.values(5, at) == CURVE.values(5, at + 600_000_000)
    assert CURVE.values(5, at) != CURVE.values(5, at + SECOND_NS)


def test_the_same_seed_makes_the_same_load_and_another_one_another() -> None:
    def hour(seed: int) -> float:
        return LoadCurve(seed).energy_ws(5, MIDNIGHT_NS, MIDNIGHT_NS + HOUR_NS)

    assert hour(1) == hour(1)
    assert hour(1) != hour(2)


def test_solar_delivers_by_day_and_only_draws_its_standby_at_night() -> None:
    solar = day_of_minutes(CURVE, "Solar")
    assert solar.max() > 500
    assert (solar[: 5 * 60] == -4.0).all()
    assert solar[12 * 60] > 100


def test_the_sun_follows_the_offset_of_the_house() -> None:
    east = LoadCurve(1, utc_offset_s=12 * 3600)
    solar = day_of_minutes(east, "Solar")
    assert (solar[10 * 60 : 14 * 60] == -4.0).all()
    assert solar[0] > 100


def test_the_battery_charges_at_noon_and_delivers_in_the_evening() -> None:
    battery = day_of_minutes(CURVE, "Battery")
    assert battery[9 * 60 : 14 * 60].min() < -100
    assert battery[19 * 60 : 22 * 60].mean() > 100


def test_loads_draw_and_never_deliver() -> None:
    for name in ("House", "EV"):
        assert (day_of_minutes(CURVE, name) <= 0).all()
    assert any(day_of_minutes(CURVE, "EV", day).min() == pytest.approx(-7200) for day in range(7))


def test_the_grid_settles_what_the_house_needs_or_has_left() -> None:
    parts = sum(day_of_minutes(CURVE, name) for name in ("Solar", "Battery", "House", "EV"))
    assert day_of_minutes(CURVE, "Grid") == pytest.approx(parts, abs=0.1)


def test_an_unused_port_measures_nothing() -> None:
    means = CURVE.mean_values([MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS])
    assert HOME[-1].name == ""
    assert means.active_power_w[0, -1] == means.apparent_power_va[0, -1] == means.power_factor[0, -1] == 0.0


def test_power_is_nothing_or_more_than_the_unit_hides() -> None:
    edges = np.arange(3600, dtype=np.int64) * SECOND_NS + MIDNIGHT_NS + 6 * HOUR_NS + 400_000_000
    power = np.abs(CURVE.mean_values(edges).active_power_w)
    assert ((power == 0) | (power >= 1 - 1e-6)).all()


def test_every_quantity_follows_from_the_power_and_the_voltage() -> None:
    means = CURVE.mean_values(range(MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS, 60 * SECOND_NS))
    active, apparent = means.active_power_w, means.apparent_power_va
    assert (apparent >= np.abs(active) - 1e-6).all()
    assert means.current_rms_a * means.voltage_v[:, None] == pytest.approx(apparent)
    assert means.current_peak_a == pytest.approx(means.current_rms_a * np.sqrt(2))
    one_way = np.abs(active) >= 5
    assert (np.sign(means.power_factor[one_way]) == np.sign(active[one_way])).all()
    assert means.power_factor[one_way] * apparent[one_way] == pytest.approx(active[one_way])
    assert (means.power_factor[~one_way] == 0).all()


def test_the_supply_wanders_a_little() -> None:
    means = CURVE.mean_values(range(MIDNIGHT_NS, MIDNIGHT_NS + DAY_NS, 60 * SECOND_NS))
    assert 230 < means.voltage_v.min() < means.voltage_v.max() < 240
    assert 49.9 < means.frequency_hz.min() < means.frequency_hz.max() < 50.1


def test_a_month_of_minutes_is_made_as_one_history() -> None:
    edges = np.arange(30 * 24 * 60 + 1, dtype=np.int64) * 60 * SECOND_NS + MIDNIGHT_NS
    means = CURVE.mean_values(edges)
    assert means.active_power_w.shape == (43_200, 6)
    total = (means.active_power_w * 60).sum(axis=0)
    for port in PORTS:
        assert total[port - 1] == pytest.approx(CURVE.energy_ws(port, int(edges[0]), int(edges[-1])), rel=1e-9)


def test_an_annex_and_stacked_hardware_have_their_ports() -> None:
    stacked = LoadCurve(1, layout=ANNEX, port_count=24)
    assert [port.name for port in stacked.ports[:2]] == ["Feed", "Heat pump"]
    assert stacked.mean_values([MIDNIGHT_NS, MIDNIGHT_NS + SECOND_NS]).active_power_w.shape == (1, 24)
