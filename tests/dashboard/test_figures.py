"""Series become figures: packed, on the clocks of the device's zone, with gaps as long as they were."""

import base64
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures import (
    COLOURS,
    Drawing,
    Figure,
    Measure,
    Scheme,
    Trace,
    blank_figure,
    colour_of,
    line_figure,
    packed,
    shared_times,
)
from dashboard.time_axis import Span

KILOWATTS = Measure("kW", 3, "kW")
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
BACKGROUNDS: dict[Scheme, str] = {"light": "#ffffff", "dark": "#1b2127"}


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def day(date: str, zone: str) -> Span:
    info = ZoneInfo(zone)
    first = datetime.fromisoformat(date).replace(tzinfo=info)
    last = first.replace(day=first.day + 1)
    return Span(int(first.timestamp() * 1000), int(last.timestamp() * 1000), info)


def drawn(span: Span, times: list[int], values: list[float], *, step_ms: int | None = MINUTE_MS, **more: Any) -> Figure:
    about = {name: more.pop(name) for name in ("low", "high", "recovered") if name in more}
    name, number = more.pop("name", "Grid"), more.pop("port_number", 1)
    trace = Trace("port-1", name, number, np.array(times, dtype=np.int64), np.array(values, dtype=float), **about)
    values_of = {"scheme": "light", "zoom": "1 today", "view": span, **more}
    return line_figure([trace], Drawing(measure=KILOWATTS, span=span, step_ms=step_ms, **values_of))


def unpacked(array: dict[str, str]) -> list[float]:
    little = np.dtype(array["dtype"]).newbyteorder("<")
    values: list[float] = np.frombuffer(base64.b64decode(array["bdata"]), little).tolist()
    return values


def told(figure: Figure, axis_ms: int) -> str:
    """What the axis shows for one of its numbers: plotly takes them as UTC."""
    return datetime.fromtimestamp(axis_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


UTC_DAY = day("2026-11-22", "UTC")


def test_regular_minutes_are_told_by_their_start_and_step() -> None:
    line = drawn(UTC_DAY, [UTC_DAY.start_ms, UTC_DAY.start_ms + MINUTE_MS], [1.0, 2.0])["data"][0]
    assert (line["x0"], line["dx"]) == (UTC_DAY.start_ms, MINUTE_MS)
    assert "x" not in line


def test_values_are_packed_as_float32() -> None:
    line = drawn(UTC_DAY, [UTC_DAY.start_ms, UTC_DAY.start_ms + MINUTE_MS], [1.5, -2.25])["data"][0]
    assert line["y"]["dtype"] == "f4"
    assert unpacked(line["y"]) == [1.5, -2.25]


@given(st.lists(st.floats(-25, 25, width=32), min_size=1, max_size=200))
def test_packing_loses_nothing_that_float32_holds(values: list[float]) -> None:
    assert unpacked(packed(np.array(values), "f4")) == values


def test_a_gap_told_once_is_as_long_as_it_was() -> None:
    times = [UTC_DAY.start_ms + minute * MINUTE_MS for minute in (0, 1, 2, 6)]
    line = drawn(UTC_DAY, times, [1.0, 2.0, np.nan, 3.0])["data"][0]
    np.testing.assert_array_equal(unpacked(line["y"]), [1.0, 2.0, np.nan, np.nan, np.nan, np.nan, 3.0])
    assert line["connectgaps"] is False


def test_irregular_times_are_packed_as_they_are() -> None:
    times = [UTC_DAY.start_ms + 17, UTC_DAY.start_ms + 1020, UTC_DAY.start_ms + 2015]
    line = drawn(UTC_DAY, times, [1.0, 2.0, 3.0], step_ms=None)["data"][0]
    assert line["x"]["dtype"] == "f8"
    assert unpacked(line["x"]) == times


def test_buckets_off_the_grid_keep_their_own_times() -> None:
    """Local days are 23, 24 or 25 hours apart."""
    times = [UTC_DAY.start_ms, UTC_DAY.start_ms + 23 * HOUR_MS, UTC_DAY.start_ms + 47 * HOUR_MS]
    line = drawn(UTC_DAY, times, [1.0, 2.0, 3.0], step_ms=24 * HOUR_MS)["data"][0]
    assert unpacked(line["x"]) == times


def test_a_value_between_two_gaps_gets_a_marker() -> None:
    times = [UTC_DAY.start_ms + minute * MINUTE_MS for minute in range(4)]
    line = drawn(UTC_DAY, times, [1.0, np.nan, 2.0, 3.0])["data"][0]
    assert line["mode"] == "lines+markers"
    assert unpacked(line["marker"]["size"]) == [4, 0, 0, 0]


def test_a_line_without_lonely_values_has_no_markers() -> None:
    line = drawn(UTC_DAY, [UTC_DAY.start_ms, UTC_DAY.start_ms + MINUTE_MS], [1.0, 2.0])["data"][0]
    assert line["mode"] == "lines"
    assert "marker" not in line


def test_a_line_without_values_can_be_drawn() -> None:
    line = drawn(UTC_DAY, [], [])["data"][0]
    assert line["x"] == []


def test_names_are_no_markup() -> None:
    line = drawn(UTC_DAY, [UTC_DAY.start_ms], [1.0], name="<b>Küche</b> & 'Flur'")["data"][0]
    assert line["name"] == "&lt;b&gt;Küche&lt;/b&gt; &amp; 'Flur'"


def test_hover_tells_all_lines_at_that_moment_in_their_unit() -> None:
    figure = drawn(UTC_DAY, [UTC_DAY.start_ms], [1.0])
    assert figure["layout"]["hovermode"] == "x unified"
    assert figure["data"][0]["hovertemplate"] == "%{y:,.3f} kW"


def test_a_zoom_survives_new_data_under_the_same_name() -> None:
    assert drawn(UTC_DAY, [], [], zoom="3 2026-11-22")["layout"]["uirevision"] == "3 2026-11-22"


def test_all_that_is_drawn_of_a_port_tells_its_number() -> None:
    times = [UTC_DAY.start_ms, UTC_DAY.start_ms + MINUTE_MS]
    recovered = np.array([True, False])
    figure = drawn(UTC_DAY, times, [1.0, 2.0], low=np.array([0.5, 2.0]), high=np.array([1.0, 2.5]), recovered=recovered)
    assert [trace["meta"] for trace in figure["data"]] == [{"port": 1}] * 3
    assert "itemclick" not in figure["layout"]["legend"]


def test_the_only_line_of_a_unit_cannot_be_left_out() -> None:
    figure = drawn(UTC_DAY, [UTC_DAY.start_ms], [1.0], port_number=None)
    assert "meta" not in figure["data"][0]
    assert figure["layout"]["legend"]["itemclick"] is figure["layout"]["legend"]["itemdoubleclick"] is False


@pytest.mark.parametrize(
    ("zone", "first"),
    [("UTC", 0), ("Europe/London", 0), ("Asia/Kathmandu", 345), ("America/New_York", -300)],
)
def test_times_are_those_of_the_zone(zone: str, first: int) -> None:
    span = day("2026-11-22", zone)
    figure = drawn(span, [span.start_ms], [1.0])
    assert told(figure, figure["data"][0]["x0"]) == "2026-11-22 00:00"
    assert figure["layout"]["xaxis"]["autorangeoptions"]["include"] == ["2026-11-22 00:00", "2026-11-23 00:00"]
    assert figure["data"][0]["x0"] == span.start_ms + first * MINUTE_MS


def test_a_day_of_25_hours_is_drawn_whole_and_names_its_hours() -> None:
    span = day("2026-10-25", "Europe/London")
    figure = drawn(span, [ms("2026-10-25T00:30+00:00"), ms("2026-10-25T01:30+00:00")], [1.0, 2.0], step_ms=HOUR_MS)
    axis = figure["layout"]["xaxis"]
    assert axis["autorangeoptions"]["include"] == ["2026-10-25 00:00", "2026-10-26 01:00"], "25 hours"
    assert axis["ticktext"] == ["00:00", "03:00", "06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00"]
    assert axis["tickvals"][1] - axis["tickvals"][0] == 4 * HOUR_MS
    line = figure["data"][0]
    assert line["text"] == ["01:30", "01:30"], "the hour that comes twice"
    assert line["dx"] == HOUR_MS
    assert "%{text}" in line["hovertemplate"]


def test_a_day_of_23_hours_leaves_no_hole() -> None:
    span = day("2026-03-29", "Europe/London")
    figure = drawn(span, [ms("2026-03-29T00:30+00:00"), ms("2026-03-29T01:30+00:00")], [1.0, 2.0], step_ms=HOUR_MS)
    axis = figure["layout"]["xaxis"]
    assert axis["autorangeoptions"]["include"] == ["2026-03-29 00:00", "2026-03-29 23:00"], "23 hours"
    assert axis["tickvals"][1] - axis["tickvals"][0] == 2 * HOUR_MS
    assert figure["data"][0]["text"] == ["00:30", "02:30"]


def test_a_day_without_values_has_its_axis_too() -> None:
    assert drawn(UTC_DAY, [], [])["layout"]["xaxis"]["range"] == ["2026-11-22 00:00", "2026-11-23 00:00"]


def test_an_ordinary_day_leaves_the_ticks_to_the_zoom() -> None:
    axis = drawn(day("2026-11-22", "Europe/London"), [], [])["layout"]["xaxis"]
    assert "tickvals" not in axis


def test_a_long_range_across_a_change_of_the_clocks_shows_local_days() -> None:
    zone = ZoneInfo("Europe/London")
    span = Span(ms("2026-10-20T00:00+01:00"), ms("2026-11-03T00:00+00:00"), zone)
    midnights = [ms("2026-10-24T00:00+01:00"), ms("2026-10-25T00:00+01:00"), ms("2026-10-26T00:00+00:00")]
    figure = drawn(span, midnights, [1.0, 2.0, 3.0], step_ms=24 * HOUR_MS, is_stepped=True)
    line = figure["data"][0]
    assert [told(figure, line["x0"] + index * line["dx"]) for index in range(4)] == [
        "2026-10-24 00:00", "2026-10-25 00:00", "2026-10-26 00:00", "2026-10-27 00:00",
    ]  # fmt: skip
    assert line["line"]["shape"] == "hv"
    assert "tickvals" not in figure["layout"]["xaxis"]


def test_the_browser_learns_which_instant_a_place_of_the_axis_is() -> None:
    zone = ZoneInfo("Europe/London")
    span = Span(ms("2026-10-20T00:00+01:00"), ms("2026-11-03T00:00+00:00"), zone)
    change = ms("2026-10-25T01:00+00:00")
    assert drawn(span, [], [])["layout"]["meta"]["clocks"] == [
        [span.start_ms + HOUR_MS, HOUR_MS],
        [change, 0],
    ]


def test_a_zoomed_view_has_its_own_range_and_all_of_it_is_a_double_click_away() -> None:
    view = Span(UTC_DAY.start_ms + HOUR_MS, UTC_DAY.start_ms + 2 * HOUR_MS, UTC_DAY.zone)
    axis = drawn(UTC_DAY, [UTC_DAY.start_ms], [1.0], view=view)["layout"]["xaxis"]
    assert axis["range"] == ["2026-11-22 01:00", "2026-11-22 02:00"]
    assert axis["autorange"] is False
    assert axis["autorangeoptions"]["include"] == ["2026-11-22 00:00", "2026-11-23 00:00"]


def test_limits_bound_the_values_and_a_zoom_of_values_goes_before() -> None:
    axis = drawn(UTC_DAY, [], [], limits=(-1.0, None), zoom_y=(0.0, 2.0))["layout"]["yaxis"]
    assert axis["autorangeoptions"] == {"include": [-1.0], "clipmin": -1.0}
    assert (axis["range"], axis["autorange"]) == ([0.0, 2.0], False)
    assert "autorangeoptions" not in drawn(UTC_DAY, [], [])["layout"]["yaxis"]


def test_a_band_lies_behind_its_line_and_goes_with_it_in_the_legend() -> None:
    times = [UTC_DAY.start_ms, UTC_DAY.start_ms + MINUTE_MS]
    figure = drawn(UTC_DAY, times, [1.0, 2.0], low=np.array([-9.0, 2.0]), high=np.array([1.0, 2.5]))
    band, line = figure["data"]
    assert (band["uid"], line["uid"]) == ("port-1-band", "port-1")
    assert band["legendgroup"] == line["legendgroup"]
    assert min(unpacked(band["y"])) == -9.0


def test_recovered_pieces_get_dashes() -> None:
    times = [UTC_DAY.start_ms + minute * MINUTE_MS for minute in range(5)]
    recovered = np.array([False, False, True, False, False])
    line, dashes = drawn(UTC_DAY, times, [1.0, 2.0, 3.0, 4.0, 5.0], recovered=recovered)["data"]
    np.testing.assert_array_equal(unpacked(line["y"]), [1.0, 2.0, 3.0, 4.0, 5.0])
    np.testing.assert_array_equal(unpacked(dashes["y"]), [np.nan, 2.0, 3.0, 4.0, np.nan])
    assert dashes["line"]["dash"] != "solid"


def test_times_that_lines_share_are_told_once() -> None:
    figure = drawn(UTC_DAY, [UTC_DAY.start_ms + 17, UTC_DAY.start_ms + 1020], [1.0, 2.0], step_ms=None)
    line = figure["data"][0]
    shared = shared_times({"data": [line, {**line, "uid": "port-2"}], "layout": {}})
    assert [trace["x"] for trace in shared["data"]] == [0, 0]
    assert shared["times"] == [line["x"]]


def luminance(colour: str) -> float:
    parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lines_stand_out_from_their_background(scheme: Scheme) -> None:
    assert min(contrast(colour, BACKGROUNDS[scheme]) for colour in COLOURS[scheme]) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_are_readable(scheme: Scheme) -> None:
    layout = drawn(UTC_DAY, [], [], scheme=scheme)["layout"]
    assert contrast(layout["font"]["color"], BACKGROUNDS[scheme]) >= 4.5


def test_a_port_has_the_same_colour_everywhere() -> None:
    assert colour_of(1, "light") == COLOURS["light"][0]
    assert colour_of(9, "dark") == colour_of(1, "dark")
    assert all(one != other for one, other in pairwise(COLOURS["light"]))


def test_before_the_first_answer_nothing_is_drawn_on_any_background() -> None:
    figure = blank_figure()
    assert figure["data"] == []
    assert figure["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
