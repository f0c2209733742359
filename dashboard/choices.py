"""What can be chosen: the view, the range, and what is plotted how.

A control has the id ``{"control": NAME}`` and its value is the word NAME of the address. A step is a link to the
address with the next value, so that it can be opened, kept and gone back from as any other. All of them stand on the
page from its beginning, and are only told what they say (``told``): a new element would take the focus away.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from django.utils.functional import Promise
from django.utils.translation import gettext, pgettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from dashboard import energy_choices
from dashboard.app import Element, aria
from dashboard.date_field import DateField
from dashboard.ranges import PRESETS, Preset, beside, local, period_of
from dashboard.state import ONE_DAY, UNSAID, Shown, State
from dashboard.typed_field import NumberField, TimeField
from devices.models import Port
from readings.quantities import (
    ACTIVE_POWER,
    APPARENT_POWER,
    DEVICE_QUANTITIES,
    PORT_QUANTITIES,
    REACTIVE_POWER,
)

Told = tuple[Any, dict[str, Any]]

_PRESET_WORDS: dict[Preset, Promise] = {
    "today": pgettext_lazy("range", "Today"),
    "yesterday": pgettext_lazy("range", "Yesterday"),
    "week": pgettext_lazy("range", "This week"),
    "last-week": pgettext_lazy("range", "Last week"),
    "month": pgettext_lazy("range", "This month"),
    "last-month": pgettext_lazy("range", "Last month"),
    "year": pgettext_lazy("range", "This year"),
    "last-year": pgettext_lazy("range", "Last year"),
}
_BESIDE_WORDS = {
    "day": (_("Previous day"), _("Next day")),
    "week": (_("Previous week"), _("Next week")),
    "month": (_("Previous month"), _("Next month")),
    "year": (_("Previous year"), _("Next year")),
    None: (_("Earlier"), _("Later")),
}
_STEPS = {
    ("start", -1): _("Start a day earlier"),
    ("start", 1): _("Start a day later"),
    ("stop", -1): _("Stop a day earlier"),
    ("stop", 1): _("Stop a day later"),
}
_POWERS = (ACTIVE_POWER, REACTIVE_POWER, APPARENT_POWER)
_ENDS = {
    "start": (_("Start"), _("Date of the start"), _("Time of the start")),
    "stop": (pgettext_lazy("end of a range", "Stop"), _("Date of the stop"), _("Time of the stop")),
}


def range_choices() -> list[Element]:
    """The view, the named ranges, and the fields of start and stop with their steps."""
    return [
        one_of(
            "view", "power", {"power": gettext("Plot"), "energy": gettext("Energy")}, pgettext("of the page", "View")
        ),
        html.Nav([_preset(preset) for preset in PRESETS], className="ct6-presets", **aria(label=gettext("Ranges"))),
        html.Div(
            [_beside("earlier", "«"), _field("start"), _field("stop"), _beside("later", "»")],
            className="ct6-range",
        ),
        html.P(
            [html.Span(id="backwards"), " ", dcc.Link(gettext("Exchange them"), href="?", id={"go": "exchange"})],
            id="backwards-line",
            hidden=True,
            className="ct6-ill ct6-backwards",
            role="alert",
        ),
    ]


def plot_choices() -> list[Element]:
    """What is plotted, how fine, which way round, and between which values."""
    resolutions = {
        "auto": gettext("Auto"),
        "second": gettext("Sec"),
        "minute": gettext("Min"),
        "hour": gettext("Hour"),
        "day": gettext("Day"),
    }
    return [
        dmc.Select(
            id={"control": "quantity"},
            value=UNSAID["quantity"],
            data=_quantities(),
            allowDeselect=False,
            maxDropdownHeight=420,
            className="ct6-quantity",
            **aria(label=gettext("Quantity")),
        ),
        one_of("resolution", UNSAID["resolution"], resolutions, gettext("Resolution")),
        one_of(
            "sign",
            UNSAID["sign"],
            {"negative": gettext("Import is negative"), "positive": gettext("Import is positive")},
            gettext("Direction"),
        ),
        html.Div(
            [
                _limit("ymin", gettext("Lowest value on the axis"), gettext("lowest")),
                html.Span(pgettext("between two limits", "to"), **aria(hidden="true")),
                _limit("ymax", gettext("Highest value on the axis"), gettext("highest")),
            ],
            className="ct6-limits",
        ),
    ]


def one_of(name: str, value: str, words: Mapping[str, str | Promise], label: str) -> Element:
    """Buttons of which one is pressed."""
    return dmc.SegmentedControl(
        id={"control": name},
        value=value,
        data=[{"value": word, "label": str(text)} for word, text in words.items()],
        className="ct6-one-of",
        **aria(label=label),
    )


def defaults_of(shown: Shown, ports: list[Port], first_device_id: int) -> dict[str, Any]:
    """What the browser needs to write the address: the values of words that are left out, and which of them to leave
    out again; and what the choices say now.
    """
    values = {
        **UNSAID,
        "device": str(first_device_id),
        **_field_values(shown),
        "ymin": "",
        "ymax": "",
        "peak": "",
    }
    return {"values": values, "moving": [name for name in UNSAID if name != "range"], "told": list(told(shown, ports))}


def told(shown: Shown, ports: list[Port]) -> Iterator[Told]:
    """The properties of the choices by their id, as they stand for what is shown."""
    yield from _range_told(shown)
    yield from _steps_told(shown)
    state = shown.state
    values = {
        "device": str(shown.device.pk),
        "view": state.view,
        "quantity": state.quantity_name,
        "resolution": state.resolution,
        "ymin": "" if state.ymin is None else state.ymin,
        "ymax": "" if state.ymax is None else state.ymax,
        "peakof": state.peak_of,
    }
    for name, value in values.items():
        yield {"control": name}, {"value": value}
    yield {"control": "sign"}, {"value": state.sign, "disabled": not state.quantity.flips}
    yield (
        {"control": "peak"},
        {
            "value": None if state.peak_port_id is None else str(state.peak_port_id),
            "data": [{"value": str(port.pk), "label": port.label} for port in ports],
        },
    )
    if state.view == "energy":
        yield from energy_choices.told(shown)


def address_of(state: State) -> str:
    """Of the page that one is on: a wall display's has another path."""
    return state.search


def _quantities() -> list[dict[str, Any]]:
    others = [quantity for quantity in PORT_QUANTITIES if quantity not in _POWERS]
    groups = (
        (gettext("Power"), _POWERS),
        (gettext("Of each port"), others),
        (gettext("Of the unit"), DEVICE_QUANTITIES),
    )
    return [
        {
            "group": group,
            "items": [{"value": quantity.name, "label": gettext(quantity.label)} for quantity in quantities],
        }
        for group, quantities in groups
    ]


def _limit(name: str, label: str, placeholder: str) -> Element:
    return NumberField(
        id={"control": name},
        value="",
        placeholder=placeholder,
        hideControls=True,
        className="ct6-limit",
        **aria(label=label),
    )


def _preset(preset: Preset) -> Element:
    chosen = html.Span(id={"says": preset}, className="ct6-for-readers")
    words = str(_PRESET_WORDS[preset])
    return dcc.Link([words, " ", chosen], href="?", id={"go": preset}, className="ct6-step ct6-preset")


def _beside(name: str, sign: str) -> Element:
    return dcc.Link(
        [html.Span(sign, **aria(hidden="true")), html.Span(id={"says": name}, className="ct6-for-readers")],
        href="?",
        id={"go": name},
        className="ct6-step",
    )


def _field(name: str) -> Element:
    """The date and the time of one end, between the steps of a day."""
    words, date_label, time_label = map(str, _ENDS[name])
    return html.Div(
        [
            html.Span(words, className="ct6-field-name", **aria(hidden="true")),
            _step(name, -1, "‹"),
            DateField(
                id={"control": f"{name}-date"},
                valueFormat=pgettext("dayjs date format", "D MMM YYYY"),
                highlightToday=True,
                firstDayOfWeek=1,
                weekendDays=[],
                className="ct6-date",
                **aria(label=date_label),
            ),
            TimeField(
                id={"control": f"{name}-time"},
                className="ct6-time",
                **aria(label=time_label),
            ),
            _step(name, 1, "›"),
        ],
        className="ct6-field",
        role="group",
        **aria(label=words),
    )


def _step(name: str, days: int, sign: str) -> Element:
    words = str(_STEPS[name, days])
    return dcc.Link(
        [html.Span(sign, **aria(hidden="true")), html.Span(words, className="ct6-for-readers")],
        href="?",
        id={"go": f"{name}{days:+d}"},
        className="ct6-step",
        title=words,
    )


def _range_told(shown: Shown) -> Iterator[Told]:
    for name, value in _field_values(shown).items():
        props: dict[str, Any] = {"value": value, "error": shown.is_backwards}
        if name.endswith("-time"):
            props["withSeconds"] = len(value) > len("00:00")
        yield {"control": name}, props
    backwards = gettext("The start is not before the stop, so there is nothing to show. Change one of them.")
    yield "backwards", {"children": backwards if shown.is_backwards else ""}
    yield "backwards-line", {"hidden": not shown.is_backwards}
    is_swapped = shown.stop < shown.start  # and not just nothing between them
    yield (
        {"go": "exchange"},
        {
            "href": address_of(shown.state.between(shown.stop, shown.start)),
            "className": "" if is_swapped else "ct6-nowhere",
        },
    )


def _steps_told(shown: Shown) -> Iterator[Told]:
    state = shown.state
    for preset in PRESETS:
        is_chosen = state.start is None and state.preset == preset
        look = "ct6-step ct6-preset" + (" ct6-current" if is_chosen else "")
        yield {"go": preset}, {"href": address_of(state.named(preset)), "className": look}
        yield {"says": preset}, {"children": gettext("(chosen)") if is_chosen else ""}
    for end, days in _STEPS:
        start, stop = shown.start, shown.stop
        if end == "start":
            start += days * ONE_DAY
        else:
            stop += days * ONE_DAY
        yield {"go": f"{end}{days:+d}"}, {"href": address_of(state.between(start, stop))}
    yield from _beside_told(shown, "earlier", is_later=False)
    yield from _beside_told(shown, "later", is_later=True)


def _beside_told(shown: Shown, name: str, *, is_later: bool) -> Iterator[Told]:
    if shown.is_backwards or (is_later and shown.end_ms > shown.now_ms):
        yield {"go": name}, {"className": "ct6-step ct6-nowhere"}
        return
    words = str(_BESIDE_WORDS[period_of(shown.start_ms, shown.end_ms, shown.zone)][is_later])
    start_ms, end_ms = beside(shown.start_ms, shown.end_ms, shown.zone, later=is_later)
    state = shown.state.between(local(start_ms, shown.zone), local(end_ms, shown.zone))
    if start_ms <= shown.now_ms < end_ms and period_of(start_ms, end_ms, shown.zone) == "day":
        state = shown.state.named("today")  # which goes on at midnight
    yield {"go": name}, {"href": address_of(state), "title": words, "className": "ct6-step"}
    yield {"says": name}, {"children": words}


def _field_values(shown: Shown) -> dict[str, str]:
    values = {}
    for name, when in (("start", shown.start), ("stop", shown.stop)):
        values[f"{name}-date"] = when.date().isoformat()
        values[f"{name}-time"] = _clock(when)
    return values


def _clock(when: datetime) -> str:
    return when.strftime("%H:%M:%S" if when.second else "%H:%M")
