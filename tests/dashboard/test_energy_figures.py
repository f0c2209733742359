"""The bars, the flow and the heat map, as plotly.js takes them."""

import base64
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from dashboard import flow, heatmap
from dashboard.compare import Period
from dashboard.energy_bars import BarDrawing, BarLine, axis_of, bars_figure, name_of
from dashboard.flow import Flow, Use, are_counted_twice, flow_figure, flows_to_draw
from dashboard.heatmap import HeatMap, heat_figure, heat_map_of
from readings.balance import Balance, Flows
from readings.history import PortEnergy
from readings.periods import HOUR_MS, to_ms
from readings.quantities import ENERGY_PER_KWH as KWH

LONDON = ZoneInfo("Europe/London")


def period(start: str, end: str, zone: ZoneInfo = LONDON) -> Period:
    start_ms, end_ms = (to_ms(datetime.fromisoformat(text).replace(tzinfo=zone)) for text in (start, end))
    return Period(start_ms, end_ms, zone)


def unpacked(values: dict[str, str], dtype: str = "<f4") -> list[float]:
    numbers: list[float] = np.frombuffer(base64.b64decode(values["bdata"]), dtype).tolist()
    return numbers


# --- Bars --------------------------------------------------------------------------------------------------------
def bars(*lines: BarLine, ghost: BarLine | None = None, incomplete: bool = False) -> dict[str, Any]:
    pieces = period("2026-11-21", "2026-11-23").pieces("day")
    drawing = BarDrawing(
        axis=axis_of(pieces, "day", LONDON, [100.0, 40.0 if incomplete else 100.0]), ghost=ghost,
        incomplete=np.array([False, incomplete]), scheme="light", choice="",
    )  # fmt: skip
    return bars_figure(lines, drawing)


GRID = BarLine("grid", "Grid <b>", None, np.array([2.0, 3.0]), np.array([1.0, 0.0]))
HEATER = BarLine("port-4", "Heater", 4, np.array([0.5, np.nan]), np.array([0.0, np.nan]))


def test_import_lies_above_zero_and_export_below_it() -> None:
    data = bars(GRID)["data"]
    assert [bar["name"] for bar in data] == ["Import", "Export"]
    assert [unpacked(bar["y"]) for bar in data] == [[2.0, 3.0], [-1.0, 0.0]]


def test_what_is_told_of_an_export_has_no_sign() -> None:
    imported, exported = bars(GRID)["data"]
    assert imported["hovertemplate"] == "Grid &lt;b&gt;: %{y:,.3~f} kWh import<extra></extra>"
    assert exported["hovertemplate"] == "Grid &lt;b&gt;: %{customdata:,.3~f} kWh export<extra></extra>"
    assert unpacked(exported["customdata"]) == [1.0, 0.0]


def test_bars_begin_at_the_first_bucket_and_the_axis_names_all() -> None:
    figure = bars(GRID)
    assert figure["layout"]["xaxis"]["categoryarray"] == ["Sat 21 Nov 2026", "Sun 22 Nov 2026"]
    assert {(bar["x0"], bar["dx"]) for bar in figure["data"]} == {("Sat 21 Nov 2026", 1)}


def test_ports_have_their_colours_and_one_entry_in_the_legend_each() -> None:
    data = bars(HEATER)["data"]
    assert {bar["marker"]["color"] for bar in data} == {"#831a72"}
    assert [bar["showlegend"] for bar in data] == [True, False]
    assert np.isnan(unpacked(data[0]["y"])[1]), "what was not measured is no zero"


def test_the_period_before_stands_behind() -> None:
    data = bars(GRID, ghost=BarLine("ghost", "October", None, np.array([9.0, 8.0]), np.array([7.0, 6.0])))["data"]
    assert [bar["name"] for bar in data] == ["October", "October", "Import", "Export"]
    assert [bar.get("yaxis", "y") for bar in data] == ["y", "y", "y2", "y2"], "the second axis lies over the first"


def test_without_a_period_before_the_bars_have_the_axis_that_is_labelled() -> None:
    assert {bar["yaxis"] for bar in bars(GRID)["data"]} == {"y"}


def test_bars_that_were_measured_in_part_are_hatched_and_named() -> None:
    figure = bars(GRID, incomplete=True)
    assert figure["data"][0]["marker"]["pattern"]["shape"] == ["", "/"]
    name = "Sun 22 Nov 2026 · 40.0 % measured"
    assert figure["layout"]["xaxis"]["categoryarray"][1] == name
    ((place, told),) = figure["partly"]
    assert (place, told["children"]) == (1, name)
    assert told["data-numbers"] == [["share", 40.0, 1]], "the browser writes it in its own locale"


def test_names_of_ports_are_no_markup() -> None:
    assert "Grid &lt;b&gt;" in bars(GRID)["data"][0]["hovertemplate"]


@pytest.mark.parametrize(("day", "count"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_every_hour_has_its_own_name_when_the_clocks_change(day: str, count: int) -> None:
    pieces = period(day, f"{day[:-2]}{int(day[-2:]) + 1}").pieces("hour")
    names = {name_of(piece, "hour", LONDON) for piece in pieces}
    assert len(names) == len(pieces) == count


def test_the_doubled_hour_says_which_of_the_two_it_is() -> None:
    pieces = period("2026-10-25", "2026-10-26").pieces("hour")
    assert [name_of(piece, "hour", LONDON)[17:] for piece in pieces[1:3]] == ["01:00–01:00 BST", "01:00–02:00 GMT"]


@pytest.mark.parametrize(
    ("span", "bucket", "ticks"),
    [
        (
            ("2026-11-22", "2026-11-23"),
            "hour",
            ["22 Nov", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00"],
        ),
        (("2026-11-16", "2026-11-23"), "day", ["Mon 16", "Tue 17", "Wed 18", "Thu 19", "Fri 20", "Sat 21", "Sun 22"]),
        (("2026-01-01", "2026-04-01"), "month", ["Jan", "Feb", "Mar"]),
        (("2024-01-01", "2027-01-01"), "year", ["2024", "2025", "2026"]),
    ],
)
def test_the_axis_shows_a_few_of_the_names(span: tuple[str, str], bucket: Any, ticks: list[str]) -> None:
    pieces = period(*span).pieces(bucket)
    assert list(axis_of(pieces, bucket, LONDON, [None] * len(pieces)).ticks.values()) == ticks


@pytest.mark.parametrize(("start", "bucket"), [("2026-11-01", "hour"), ("2026-11-01", "day"), ("2025-01-01", "day")])
def test_the_axis_is_never_crowded(start: str, bucket: Any) -> None:
    pieces = period(start, "2026-12-01").pieces(bucket)
    assert 5 <= len(axis_of(pieces, bucket, LONDON, [None] * len(pieces)).ticks) <= 12


# --- Flow --------------------------------------------------------------------------------------------------------
BALANCE = Balance(
    6 * KWH, 1 * KWH, 4 * KWH, None, None, Flows(solar_to_home=3 * KWH, solar_to_grid=KWH, grid_to_home=6 * KWH)
)


def test_the_flow_goes_from_the_sources_to_home_and_on_to_its_loads() -> None:
    streams = flows_to_draw(BALANCE, [Use("Heater", 4, 2 * KWH)])
    assert [(stream.source, stream.target, stream.energy // KWH) for stream in streams] == [
        (flow.SOLAR, flow.HOME, 3),
        (flow.SOLAR, flow.GRID_OUT, 1),
        (flow.GRID_IN, flow.HOME, 6),
        (flow.HOME, "port-4", 2),
        (flow.HOME, flow.REST, 7),
    ]


def test_without_loads_there_is_no_rest() -> None:
    assert flow.REST not in {stream.target for stream in flows_to_draw(BALANCE, [])}


def test_loads_that_hold_each_other_are_noticed() -> None:
    assert are_counted_twice(BALANCE, [Use("House", 5, 9 * KWH), Use("Heater", 4, 2 * KWH)])
    assert not are_counted_twice(BALANCE, [Use("House", 5, 9 * KWH)])


def test_the_bands_are_as_wide_as_their_kwh() -> None:
    uses = [Use("Heater <1>", 4, 2 * KWH)]
    figure = flow_figure(flows_to_draw(BALANCE, uses), uses, "light")
    (picture,) = figure["data"]
    labels, names = picture["node"]["label"], picture["node"]["customdata"]
    ends = [
        (labels[source].split("<br>")[0], labels[target].split("<br>")[0])
        for source, target in zip(picture["link"]["source"], picture["link"]["target"], strict=True)
    ]
    assert ends[0] == ("Solar", "Home")
    assert picture["link"]["value"] == [3.0, 1.0, 6.0, 2.0, 7.0]
    assert "Heater &lt;1&gt;<br>2.0 kWh" in labels
    assert "Home<br>9.0 kWh" in labels
    told = [f"{name}<br>{energy['children']}" for name, energy in zip(names, figure["energies"], strict=True)]
    assert told == labels, "the browser writes them anew, in its own locale"


def test_a_load_named_as_a_place_stays_apart_from_it() -> None:
    """A node that feeds itself could not be drawn."""
    uses = [Use("Home", 5, 2 * KWH)]
    (picture,) = flow_figure(flows_to_draw(BALANCE, uses), uses, "light")["data"]
    pairs = zip(picture["link"]["source"], picture["link"]["target"], strict=True)
    assert all(source != target for source, target in pairs)


def test_the_flow_has_colours_for_light_and_dark() -> None:
    streams = [Flow(flow.SOLAR, flow.HOME, KWH, "solar")]
    light, dark = (flow_figure(streams, [], scheme)["data"][0]["link"]["color"] for scheme in ("light", "dark"))
    assert light != dark


# --- Heat map ----------------------------------------------------------------------------------------------------
def heat(start: str, end: str, *, without: int | None = None) -> HeatMap:
    """A map of 1 kWh imported every hour."""
    pieces = period(start, end).pieces("hour")
    energies = [
        PortEnergy(
            1, begin, end_ms, 0 if place == without else KWH, 0, 0 if place == without else HOUR_MS, 0,
            HOUR_MS if place == without else 0,
        )
        for place, (begin, end_ms) in enumerate(pieces)
    ]  # fmt: skip
    found = heat_map_of(energies, LONDON)
    assert found is not None
    return found


def test_a_column_is_a_local_day_and_a_row_its_hour() -> None:
    found = heat("2026-11-21", "2026-11-23", without=30)
    assert found.first_day.isoformat() == "2026-11-21"
    assert found.net_kwh.shape == (24, 2)
    assert np.isnan(found.net_kwh[6, 1]), "what was not measured is no zero"
    assert np.nansum(found.net_kwh) == 47


@pytest.mark.parametrize(
    ("day", "hour", "value", "total"),
    [("2026-03-29", 1, np.nan, 23), ("2026-10-25", 1, 2.0, 25)],
    ids=["clocks go forward", "clocks go back"],
)
def test_a_column_adds_up_to_its_day_when_the_clocks_change(day: str, hour: int, value: float, total: int) -> None:
    found = heat(day, f"{day[:-2]}{int(day[-2:]) + 1}")
    assert np.array_equal(found.net_kwh[hour], [value], equal_nan=True)
    assert np.nansum(found.net_kwh) == total
    assert set(found.measured[:, 0].tolist()) <= {0, 100}


def test_the_map_begins_with_the_first_reading() -> None:
    nothing = PortEnergy(1, 0, HOUR_MS, 0, 0, 0, 0, 0)
    start = 48 * HOUR_MS
    found = heat_map_of([nothing, PortEnergy(1, start, start + HOUR_MS, KWH, 0, HOUR_MS, 0, 0)], LONDON)
    assert found is not None
    assert found.first_day.isoformat() == "1970-01-03"


def test_without_measurement_there_is_no_map() -> None:
    assert heat_map_of([PortEnergy(1, 0, HOUR_MS, 0, 0, 0, 0, HOUR_MS)], LONDON) is None
    assert heat_map_of([], LONDON) is None


def test_import_is_above_zero_in_the_map_too() -> None:
    (cells,) = heat_figure(heat("2026-11-21", "2026-11-22"), "dark")["data"]
    assert set(unpacked(cells["z"])) == {1.0}
    assert (cells["z"]["shape"], cells["x0"]) == ("24, 1", "2026-11-21")
    assert cells["zmin"] == -cells["zmax"], "zero has the colour of the ground"


def test_a_year_of_hours_is_small() -> None:
    figure = heat_figure(heat("2025-01-01", "2026-01-01"), "light")
    assert len(str(figure)) < 80_000
    assert heatmap.HOURS == 24
