"""What the page shows: the words of its address, and what they mean for a user at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from math import isfinite
from typing import Any, Literal, Self, TypeVar, get_args
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from dash.exceptions import PreventUpdate
from django.core.exceptions import PermissionDenied
from django.db.models import Value
from django.db.models.functions import Coalesce, Lower, NullIf

from dashboard.ranges import PRESETS, Preset, instant, local, span_of
from devices.access import devices_for
from devices.models import Device, Port
from devices.querysets import DeviceQuerySet
from readings import periods
from readings.history import PeakOf
from readings.quantities import QUANTITIES, Quantity

FIRST_YEAR, LAST_YEAR = 1990, 2190
ONE_DAY = timedelta(days=1)

View = Literal["power", "energy"]
Asked = Literal["auto", "second", "minute", "hour", "day"]
Sign = Literal["negative", "positive"]
BarBucket = Literal["auto", "hour", "day", "month", "year"]
VIEWS: tuple[View, ...] = get_args(View)
RESOLUTIONS: tuple[Asked, ...] = get_args(Asked)
SIGNS: tuple[Sign, ...] = get_args(Sign)
PEAKS: tuple[PeakOf, ...] = get_args(PeakOf)
BAR_BUCKETS: tuple[BarBucket, ...] = get_args(BarBucket)

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class Zoom:
    """The part of the drawing that is in view: a span of time, a span of values, or both. In the address
    ``START_END_LOW_HIGH``, epoch ms and the unit drawn, each half empty where all of it is in view."""

    start_ms: int | None = None
    end_ms: int | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def read(cls, word: str) -> Self | None:
        parts = [*word.split("_"), "", "", "", ""][:4]
        start, end = (_whole_number(part, digits=14) for part in parts[:2])
        low, high = (_number(part) for part in parts[2:])
        if start is None or end is None or not _EARLIEST_MS <= start < end <= _LATEST_MS:
            start = end = None
        if low is None or high is None or low >= high:
            low = high = None
        return None if start is None and low is None else cls(start, end, low, high)

    def __str__(self) -> str:
        told = ["" if part is None else f"{part:g}" for part in (self.low, self.high)]
        times = ["" if part is None else str(part) for part in (self.start_ms, self.end_ms)]
        return "_".join([*times, *told]) if self.low is not None else "_".join(times)


@dataclass(frozen=True, slots=True)
class State:
    """The words of the address, e.g. ``?device=3&range=week&quantity=voltage``.

    What is left out is what a newcomer gets: the first device, and its power of today, which goes on by itself at
    midnight. ``start`` and ``stop`` are on the clocks of the device's zone; without them ``preset`` holds.
    """

    device_id: int | None = None
    view: View = "power"
    preset: Preset = "today"
    start: datetime | None = None
    stop: datetime | None = None
    resolution: Asked = "auto"
    quantity_name: str = "active_power"
    sign: Sign = "negative"
    hidden: tuple[int, ...] = ()  # the numbers of the ports whose lines are left out of the drawing
    ymin: float | None = None
    ymax: float | None = None
    zoom: Zoom | None = None
    peak_port_id: int | None = None
    peak_of: PeakOf = "import"
    bucket: BarBucket = "auto"
    bars: str = "auto"  # the number of a port, "all", or the grid's port
    heat: str = "auto"  # the number of a port, or the grid's port

    @classmethod
    def read(cls, search: str | None) -> Self:
        """The state of an address; words that are unknown or unreadable count as left out."""
        words = dict(parse_qsl((search or "").removeprefix("?")))
        start, stop = _range_of(words)
        return cls(
            device_id=_whole_number(words.get("device", "")),
            view=_one_of(VIEWS, words.get("view"), "power"),
            preset=_one_of(PRESETS, words.get("range"), "today"),
            start=start,
            stop=stop,
            resolution=_one_of(RESOLUTIONS, words.get("resolution"), "auto"),
            quantity_name=_one_of(tuple(QUANTITIES), words.get("quantity"), "active_power"),
            sign=_one_of(SIGNS, words.get("sign"), "negative"),
            hidden=_whole_numbers(words.get("hidden", "")),
            ymin=_number(words.get("ymin", "")),
            ymax=_number(words.get("ymax", "")),
            zoom=Zoom.read(words.get("zoom", "")),
            peak_port_id=_whole_number(words.get("peak", "")),
            peak_of=_one_of(PEAKS, words.get("peakof"), "import"),
            bucket=_one_of(BAR_BUCKETS, words.get("bucket"), "auto"),
            bars=words.get("bars", "auto"),
            heat=words.get("heat", "auto"),
        )

    @property
    def quantity(self) -> Quantity:
        return QUANTITIES[self.quantity_name]

    def named(self, preset: Preset) -> Self:
        return replace(self, preset=preset, start=None, stop=None, zoom=None)

    def between(self, start: datetime, stop: datetime) -> Self:
        return replace(self, preset="today", start=start, stop=stop, zoom=None)

    def on(self, day: date) -> Self:
        midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001  (on the clocks of the device's zone)
        return self.between(midnight, midnight + ONE_DAY)

    @property
    def search(self) -> str:
        """The words of the address, ready to follow its path."""
        words = {
            "device": self.device_id,
            "view": self.view,
            **self._range,
            "resolution": self.resolution,
            "quantity": self.quantity_name,
            "sign": self.sign,
            "hidden": ",".join(map(str, self.hidden)) or None,
            "ymin": None if self.ymin is None else f"{self.ymin:g}",
            "ymax": None if self.ymax is None else f"{self.ymax:g}",
            "zoom": self.zoom,
            "peak": self.peak_port_id,
            "peakof": self.peak_of,
            "bucket": self.bucket,
            "bars": self.bars,
            "heat": self.heat,
        }
        said = {name: word for name, word in words.items() if word is not None and word != UNSAID.get(name)}
        return "?" + urlencode(said, safe=",")

    @property
    def _range(self) -> dict[str, str]:
        if self.start is None or self.stop is None:
            return {"range": self.preset}
        if self.start == datetime.combine(self.start, datetime.min.time()) and self.stop == self.start + ONE_DAY:
            return {"day": self.start.date().isoformat()}
        return {"start": written(self.start), "stop": written(self.stop)}


# The words that an address may leave out.
UNSAID: Mapping[str, str] = {
    "view": "power",
    "range": "today",
    "resolution": "auto",
    "quantity": "active_power",
    "sign": "negative",
    "peakof": "import",
    "bucket": "auto",
    "bars": "auto",
    "heat": "auto",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as it stands for a user at a moment: the device, and the range that is asked of it.

    Where the start was typed after the stop, ``is_backwards`` is true and the range is empty.
    """

    state: State
    device: Device
    zone: ZoneInfo
    today: date
    start_ms: int
    end_ms: int
    now_ms: int
    is_backwards: bool = False

    @property
    def is_live(self) -> bool:
        """Whether new readings can still fall into what is shown."""
        return self.start_ms <= self.now_ms < self.end_ms

    @property
    def is_ahead(self) -> bool:
        return self.start_ms > self.now_ms

    @property
    def view_ms(self) -> tuple[int, int]:
        """From when to when the drawing reaches: the range, or the part that was zoomed to."""
        zoom = self.state.zoom
        if zoom is None or zoom.start_ms is None or zoom.end_ms is None:
            return self.start_ms, self.end_ms
        return zoom.start_ms, zoom.end_ms

    @property
    def start(self) -> datetime:
        """The start on the clocks of the device's zone."""
        return self.state.start or local(self.start_ms, self.zone)

    @property
    def stop(self) -> datetime:
        return self.state.stop or local(self.end_ms, self.zone)


def shown_to(user: Any, search: str | None, now_ms: int) -> Shown | None:
    """What an address shows to a user; None where there is no adopted device for them yet.

    Raises PermissionDenied for a device that they may not see, or that does not exist: the two look alike.
    """
    state = State.read(search)
    devices = in_order(devices_for(user).adopted())
    if state.device_id is None:
        device = devices.first()
        return None if device is None else shown_of(state, device, now_ms)
    device = devices.filter(pk=state.device_id).first()
    if device is None:
        raise PermissionDenied
    return shown_of(state, device, now_ms)


def shown_on_page(user: Any, search: str | None, view: View | None = None) -> Shown:
    """What the page shows to a user now, for its callbacks.

    Raises PreventUpdate where a callback has nothing to say: the page shows another view, or no device. Why it
    shows none is said by the frame alone (``controls.show``): to the browser each refusal would be an error.
    """
    try:
        shown = shown_to(user, search, current_ms())
    except PermissionDenied as error:
        raise PreventUpdate from error
    if shown is None or view not in (None, shown.state.view):
        raise PreventUpdate
    return shown


def in_order(devices: DeviceQuerySet) -> DeviceQuerySet:
    """In the order of their tabs: by what these say, a device's name or else its label."""
    return devices.order_by(Lower(Coalesce(NullIf("name", Value("")), "assy")), "assy")


def shown_of(state: State, device: Device, now_ms: int) -> Shown:
    zone = ZoneInfo(device.timezone)
    today = periods.local_date(now_ms, zone)
    if state.start is None or state.stop is None:
        return Shown(state, device, zone, today, *span_of(state.preset, now_ms, zone), now_ms)
    start_ms, end_ms = instant(state.start, zone), instant(state.stop, zone)
    return Shown(state, device, zone, today, start_ms, max(start_ms, end_ms), now_ms, is_backwards=end_ms <= start_ms)


def ports_of(device: Device) -> list[Port]:
    """The ports to show: the named ones, all of them where none has a name yet, and never a hidden one."""
    ports = list(device.ports.shown())
    return [port for port in ports if port.name] or ports


def current_ms() -> int:
    """The clock, for callbacks to read once and hand on."""
    return periods.to_ms(datetime.now(UTC))


def written(when: datetime) -> str:
    """A time on some clock as the address has it, to the second only where that is needed."""
    return when.isoformat(timespec="seconds" if when.second else "minutes")


_EARLIEST_MS = periods.to_ms(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
_LATEST_MS = periods.to_ms(datetime(LAST_YEAR, 12, 31, tzinfo=UTC))


def _range_of(words: Mapping[str, str]) -> tuple[datetime | None, datetime | None]:
    """Start and stop of an address. One of them alone means the day that it begins or ends in; ``day`` is older."""
    start, stop = _time(words.get("start", "")), _time(words.get("stop", ""))
    if start is None and stop is None:
        start = _time(words.get("day", "")[:10])
    if start is not None and stop is None:
        stop = _midnight(start) + ONE_DAY
    if stop is not None and start is None:
        start = _midnight(stop - timedelta(microseconds=1))
    return start, stop


def _midnight(when: datetime) -> datetime:
    return when.replace(hour=0, minute=0, second=0, microsecond=0)


def _one_of(known: tuple[Word, ...], word: str | None, standard: Word) -> Word:
    return next((name for name in known if name == word), standard)


def _whole_number(text: str, *, digits: int = 9) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def _whole_numbers(text: str) -> tuple[int, ...]:
    found = {_whole_number(part, digits=3) for part in text.split(",")}
    return tuple(sorted(number for number in found if number is not None))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(text).replace(tzinfo=None, microsecond=0)
    except ValueError:
        return None
    return when if FIRST_YEAR <= when.year <= LAST_YEAR else None
