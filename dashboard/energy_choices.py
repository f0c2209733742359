"""What can be chosen in the energy view: a bar per what, bars of which port, the heat map of which port."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import dash_mantine_components as dmc
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.app import Element, aria
from dashboard.compare import StoredBucket
from dashboard.energy_lines import heat_port, once_of_role
from dashboard.state import Shown
from devices.models import Port
from readings.periods import HOUR_MS

BarBucket = Literal["hour", "day", "month", "year"]

DAY_MS: Final = 24 * HOUR_MS
HOURS_UP_TO_MS: Final = 62 * DAY_MS + HOUR_MS  # two long months, with the hour that a clock goes back
DAYS_UP_TO_MS: Final = 3 * 366 * DAY_MS
HOURS_BY_THEMSELVES_MS: Final = 3 * DAY_MS + HOUR_MS
BALANCED: Final = ("grid", "solar", "battery")
_BUCKETS: Final = {
    "auto": gettext_lazy("Auto"),
    "hour": gettext_lazy("Hour"),
    "day": gettext_lazy("Day"),
    "month": gettext_lazy("Month"),
    "year": gettext_lazy("Year"),
}


def bar_choices() -> list[Element]:
    bucket = dmc.SegmentedControl(
        id={"control": "bucket"},
        value="auto",
        data=_buckets(0),
        className="ct6-one-of",
        **aria(label=_("A bar per")),
    )
    return [bucket, _select("bars", _("Bars of"))]


def heat_choices() -> list[Element]:
    return [_select("heat", _("Heat map of"))]


def told(shown: Shown) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The properties of these choices by their id, as they stand for what is shown."""
    state, ports = shown.state, ports_of(shown)
    yield {"control": "bucket"}, {"value": state.bucket, "data": _buckets(shown.end_ms - shown.start_ms)}
    numbered = [_option(port, str(port.number)) for port in ports]
    all_ports = {"value": "all", "label": _("All ports")}
    if once_of_role(ports, "grid"):
        bars = [{"value": "auto", "label": _("Grid (by role)")}, all_ports, *numbered]
    else:
        bars = [{**all_ports, "value": "auto"}, *numbered]
    yield {"control": "bars"}, _chosen(state.bars, bars)
    standard = heat_port(ports, "auto")
    heat = [_option(port, "auto" if port is standard else str(port.number)) for port in ports]
    yield {"control": "heat"}, _chosen(state.heat, heat)


def bar_bucket(shown: Shown) -> BarBucket:
    """The bucket that was chosen, or the one that fits the range; hours and days only while they can be told apart."""
    length_ms = shown.end_ms - shown.start_ms
    chosen = shown.state.bucket
    if chosen == "auto":
        limits: dict[BarBucket, int] = {"hour": HOURS_BY_THEMSELVES_MS, "day": HOURS_UP_TO_MS, "month": DAYS_UP_TO_MS}
        return next((bucket for bucket, limit in limits.items() if length_ms <= limit), "year")
    if chosen == "hour" and length_ms > HOURS_UP_TO_MS:
        chosen = "day"
    if chosen == "day" and length_ms > DAYS_UP_TO_MS:
        chosen = "month"
    return chosen


def balance_bucket(shown: Shown) -> StoredBucket:
    """As fine as is cheap: the flows are worked out bucket by bucket."""
    length_ms = shown.end_ms - shown.start_ms
    if length_ms <= HOURS_UP_TO_MS:
        return "hour"
    return "day" if length_ms <= DAYS_UP_TO_MS else "month"


def ports_of(shown: Shown) -> list[Port]:
    """The ports of the page, and those without a name that have a part in the balance."""
    ports = list(shown.device.ports.shown())
    return [port for port in ports if port.name or port.role in BALANCED] or ports


def _buckets(length_ms: int) -> list[dict[str, Any]]:
    too_fine = {"hour": length_ms > HOURS_UP_TO_MS, "day": length_ms > DAYS_UP_TO_MS}
    return [
        {"value": bucket, "label": str(words), "disabled": too_fine.get(bucket, False)}
        for bucket, words in _BUCKETS.items()
    ]


def _option(port: Port, value: str) -> dict[str, str]:
    return {"value": value, "label": port.label}


def _chosen(word: str, options: Sequence[dict[str, str]]) -> dict[str, Any]:
    """A word that names none of the options stands for the first choice, as in what is drawn."""
    is_known = word in {option["value"] for option in options}
    return {"value": word if is_known else "auto", "data": options}


def _select(name: str, label: str) -> Element:
    return dmc.Select(
        id={"control": name},
        value="auto",
        data=[],
        allowDeselect=False,
        className="ct6-energy-select",
        **aria(label=label),
    )
