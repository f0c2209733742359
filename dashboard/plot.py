"""One quantity of every port, or of the unit, over time, as lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from dash import ClientsideFunction, Input, Output, State, dcc, html
from django.conf import settings
from django.utils.formats import date_format
from django.utils.translation import get_language, ngettext_lazy, pgettext
from django.utils.translation import gettext as _

from dashboard.app import Element, app, callback
from dashboard.choices import address_of
from dashboard.figures import (
    Drawing,
    Figure,
    Measure,
    Scheme,
    Trace,
    blank_figure,
    line_figure,
    shared_times,
)
from dashboard.live import newest_reading_ms
from dashboard.numbers import numbered
from dashboard.pace import pace_ms
from dashboard.plain import Plain
from dashboard.port_names import labels_of
from dashboard.state import Shown, ports_of, shown_on_page
from dashboard.time_axis import Span
from devices.models import Port
from readings import history, periods
from readings.history import Line, Series
from readings.quantities import Quantity

FEWEST_POINTS, MOST_POINTS, USUAL_POINTS = 400, 4000, 2000
POINTS_PER_PIXEL = 2
# A zoomed drawing goes on a little to both sides, so that lines do not end before the edge.
MARGIN_PART = 20

# How quantities are drawn: what a unit is divided by, the unit then, digits after the point.
_DRAWN: dict[str, tuple[float, str, int]] = {
    "active_power": (1000, "kW", 3),
    "reactive_power": (1000, "kvar", 3),
    "apparent_power": (1000, "kVA", 3),
    "power_factor": (1, "", 3),
    "current_rms": (1, "A", 3),
    "current_peak": (1, "A", 3),
    "voltage": (1, "V", 2),
    "frequency": (1, "Hz", 3),
    "temperature": (1, "°C", 2),
    "rssi": (1, "dBm", 1),
}


def _graph() -> Element:
    return dcc.Graph(
        id="plot",
        figure=blank_figure(),
        responsive=True,
        config={
            "locale": get_language() or "en",
            "displaylogo": False,
            "doubleClick": "autosize",
            "modeBarButtonsToRemove": ["select2d", "lasso2d", "resetScale2d"],
            "toImageButtonOptions": {"filename": "ct6", "scale": 2},
        },
    )


def drawing() -> Element:
    return html.Div(
        [
            html.Div([_graph(), html.Div(id="plot-note")], className="ct6-drawing"),
            Plain("plot-read", "ct6-small ct6-read"),
            dcc.Store(id="plot-drawn"),
            dcc.Store(id="plot-told"),
        ],
        className="ct6-plot",
    )


# By way of the browser, which knows the user's choice of traces and the locale: Dash loses them with every new figure,
# since it draws the old one once more with the zoom written into it.
app.clientside_callback(
    ClientsideFunction("plot", "keepChoices"),
    Output("plot", "figure"),
    Output("plot-read", "content"),
    Input("plot-drawn", "data"),
    State("plot-told", "data"),
    prevent_initial_call=True,
)


# The stamp, but no oftener than the drawing on the page is worth reading anew.
app.clientside_callback(ClientsideFunction("plot", "pace"), Output("plot-stamp", "data"), Input("stamp", "data"))


@dataclass(frozen=True, slots=True)
class Plotted:
    """What was read for a drawing, and how long that took."""

    series: Series
    ports: list[Port]
    took_s: float


@callback(
    Output("plot-drawn", "data"),
    Output("plot-note", "children"),
    Output("plot-told", "data"),
    Input("url", "search"),
    Input("plot-stamp", "data"),
    Input("scheme", "data"),
    State("room", "data"),
)
def draw(search: str | None, plot_stamp: Any, scheme: str | None, room: Any, user: Any) -> Any:
    shown = shown_on_page(user, search, "power")
    newest_ms = newest_reading_ms(shown.device) if shown.is_live else None  # before: what comes meanwhile is told of
    plotted = read(shown, points_for(room))
    figure = shared_times(plot_figure(shown, plotted, "dark" if scheme == "dark" else "light"))
    figure["seen"] = [shown.device.pk, shown.start_ms, shown.end_ms, newest_ms]
    is_empty = not any(np.isfinite(line.values).any() for line in plotted.series.lines)
    return figure, _nothing_to_draw(shown) if is_empty else None, what_was_read(shown, plotted)


def points_for(room_px: Any) -> int:
    """How many points a line may have in a drawing so many pixels wide."""
    if not isinstance(room_px, int | float):
        return USUAL_POINTS
    return int(min(max(POINTS_PER_PIXEL * room_px, FEWEST_POINTS), MOST_POINTS))


def read(shown: Shown, max_points: int) -> Plotted:
    """The lines of what is in view, with a little to both sides of it."""
    ports = ports_of(shown.device)
    start_ms, end_ms = shown.view_ms
    if (start_ms, end_ms) != (shown.start_ms, shown.end_ms):
        margin_ms = (end_ms - start_ms) // MARGIN_PART
        start_ms, end_ms = start_ms - margin_ms, end_ms + margin_ms
        max_points += 2 * max_points // MARGIN_PART
    began = perf_counter()
    series = series_of(shown, ports, (start_ms, end_ms), max_points)
    return Plotted(series, ports, perf_counter() - began)


def series_of(shown: Shown, ports: Sequence[Port], span_ms: tuple[int, int], max_points: int) -> Series:
    """What is shown, of these ports or, where the quantity is the device's, of the device."""
    quantity = shown.state.quantity
    return history.series(
        ports if quantity.of == "port" else [shown.device],
        quantity,
        *span_ms,
        now_ms=shown.now_ms,
        resolution=shown.state.resolution,
        max_points=max_points,
    )


def plot_figure(shown: Shown, plotted: Plotted, scheme: Scheme) -> Figure:
    state, series = shown.state, plotted.series
    zoom = state.zoom
    drawing = Drawing(
        measure=measure_of(state.quantity, is_positive=state.sign == "positive"),
        span=Span(shown.start_ms, shown.end_ms, shown.zone),
        view=Span(*shown.view_ms, shown.zone),
        scheme=scheme,
        step_ms=series.step_ms,
        zoom=f"{shown.device.pk} {shown.start_ms} {shown.end_ms} {state.quantity_name} {state.sign} {zoom}",
        is_stepped=series.resolution in ("hour", "day"),
        limits=_in_order(state.ymin, state.ymax),
        zoom_y=None if zoom is None or zoom.low is None or zoom.high is None else (zoom.low, zoom.high),
        pace_ms=_pace_of(series) if shown.view_ms[0] <= shown.now_ms < shown.view_ms[1] else None,
    )
    return line_figure(_traces(shown, plotted), drawing)


def _pace_of(series: Series) -> int:
    period_ms = 1000 * settings.CT6_PERIOD
    return pace_ms(
        points=sum(len(line.times) for line in series.lines),
        step_ms=series.step_ms or period_ms,
        source_ms=period_ms if series.resolution == "second" else _STEPS_MS[series.resolution],
    )


def measure_of(quantity: Quantity, *, is_positive: bool) -> Measure:
    unit, digits = _DRAWN[quantity.name][1:]
    name = _(quantity.label)
    title = f"{name}, {unit}" if unit else name
    if quantity.flips:
        above, below = _("%(quantity)s  (import above zero)"), _("%(quantity)s  (import below zero)")
        title = (above if is_positive else below) % {"quantity": title}
    return Measure(unit, digits, title)


def what_was_read(shown: Shown, plotted: Plotted) -> list[Element]:
    """How long the last read took, how many points of what came of it, and how they are to be read."""
    series = plotted.series
    points = max((int(np.isfinite(line.values).sum()) for line in series.lines), default=0)
    sentence, step = _points_of(series, points)
    said = [html.Span(**numbered(sentence, seconds=(plotted.took_s, 2), points=(points, 0), step=(step, 0)))]
    if has_bands(shown, series) and any(_spreads(line) for line in series.lines):
        said.append(html.Span(_("Bands reach from the lowest to the highest reading.")))
    if any(line.recovered.any() for line in series.lines):
        said.append(html.Span(_("Dashed pieces were recovered.")))
    if series.has_bad:
        said.append(html.Span(_("What was marked as bad is left out.")))
    return said


def has_bands(shown: Shown, series: Series) -> bool:
    """Whether points stand for more than was asked for, so that their extremes are worth seeing."""
    asked = shown.state.resolution
    if series.step_ms is None:
        return False
    return asked in ("auto", "second") or series.resolution != asked or series.step_ms > _STEPS_MS[asked]


_STEPS_MS = {"minute": periods.MINUTE_MS, "hour": periods.HOUR_MS, "day": 24 * periods.HOUR_MS}
# Whole sentences, as other languages put them together in other ways.
_READINGS = ngettext_lazy("Read in {seconds} s, {points} reading.", "Read in {seconds} s, {points} readings.")
_ONE_STEP = {
    periods.SECOND_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of a second.", "Read in {seconds} s, {points} points of a second."
    ),
    periods.MINUTE_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of a minute.", "Read in {seconds} s, {points} points of a minute."
    ),
    periods.HOUR_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of an hour.", "Read in {seconds} s, {points} points of an hour."
    ),
    24 * periods.HOUR_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of a day.", "Read in {seconds} s, {points} points of a day."
    ),
}
_STEPS = {
    24 * periods.HOUR_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of {step} days.",
        "Read in {seconds} s, {points} points of {step} days each.",
    ),
    periods.HOUR_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of {step} hours.",
        "Read in {seconds} s, {points} points of {step} hours each.",
    ),
    periods.MINUTE_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of {step} minutes.",
        "Read in {seconds} s, {points} points of {step} minutes each.",
    ),
    periods.SECOND_MS: ngettext_lazy(
        "Read in {seconds} s, {points} point of {step} seconds.",
        "Read in {seconds} s, {points} points of {step} seconds each.",
    ),
}


def _points_of(series: Series, points: int) -> tuple[str, int]:
    """The sentence on so many points, and how many units of time its ``{step}`` is."""
    step_ms, sentence, step = series.step_ms, _READINGS, 0
    if step_ms in _ONE_STEP:
        sentence, step = _ONE_STEP[step_ms], 1
    elif step_ms is not None:
        unit_ms = next(unit_ms for unit_ms in _STEPS if step_ms % unit_ms == 0)
        sentence, step = _STEPS[unit_ms], step_ms // unit_ms
    return str(sentence % points), step


def _traces(shown: Shown, plotted: Plotted) -> list[Trace]:
    quantity = shown.state.quantity
    by_port = {port.pk: port for port in plotted.ports}
    labels = labels_of(plotted.ports, plotted.series.end_ms)
    factor = (-1 if quantity.flips and shown.state.sign == "positive" else 1) / _DRAWN[quantity.name][0]
    banded = has_bands(shown, plotted.series)
    traces = []
    for line in plotted.series.lines:
        port = by_port.get(line.port_id or 0)
        key, name, number = (
            ("unit", str(shown.device), None) if port is None else (f"port-{port.pk}", labels[port.pk], port.number)
        )
        low, high = _extremes(line, factor) if banded and _spreads(line) else (None, None)
        traces.append(Trace(key, name, number, line.times, line.values * factor + 0.0, low, high, line.recovered))
    return traces


def _spreads(line: Line) -> bool:
    return bool(((line.minimum < line.values) | (line.values < line.maximum)).any())


def _extremes(line: Line, factor: float) -> tuple[Any, Any]:
    """The lowest and the highest, and the mean too: it lies outside where a long reading ended in the next bucket."""
    drawn = np.stack((line.minimum, line.values, line.maximum)) * factor
    return drawn.min(axis=0), drawn.max(axis=0)


def _in_order(low: float | None, high: float | None) -> tuple[float | None, float | None]:
    if low is not None and high is not None and low > high:
        return high, low
    return low, high


def _nothing_to_draw(shown: Shown) -> Element:
    if shown.is_backwards:
        return _note(_("The start is not before the stop."), None)
    if shown.is_ahead:
        return _note(_("This time is still to come."), None)
    newest_ms = newest_reading_ms(shown.device)
    if newest_ms is None:
        return _note(_("This device has no readings yet."), None)
    if shown.start_ms <= newest_ms < shown.end_ms:
        return _note(_("There are no readings of this here yet."), None)
    day = periods.local_date(newest_ms, shown.zone)
    target = shown.state.named("today") if day == shown.today else shown.state.on(day)
    words = _("Go to the newest, of %(date)s") % {"date": date_format(day, pgettext("date format of Django", "j F Y"))}
    return _note(_("There are no readings in this range."), dcc.Link(words, href=address_of(target)))


def _note(words: str, link: Element | None) -> Element:
    return html.Div([html.P(words), link], className="ct6-card ct6-empty", role="status")
