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
    Span,
    Trace,
    blank_figure,
    colour_of,
    line_figure,
    packed,
)

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
    trace = Trace("port-1", more.pop("name", "Grid"), 1, np.array(times, dtype=np.int64), np.array(values, dtype=float))
    values_of = {"scheme": "light", "zoom": "1 today", "choice": "1", **more}
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
    assert figure["data"][0]["hovertemplate"] == "%{y:.3f} kW"


def test_zoom_and_choice_of_traces_survive_new_data_under_the_same_name() -> None:
    layout = drawn(UTC_DAY, [], [], zoom="3 2026-11-22", choice="3")["layout"]
    assert layout["uirevision"] == "3 2026-11-22"
    assert layout["legend"]["uirevision"] == "3"


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
