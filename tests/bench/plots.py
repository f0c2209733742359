"""The plot of a device with six ports over a day up to ten years, as the dashboard's callback answers it."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.test import Client

from devices.models import Device
from readings import history
from readings.periods import HOUR_MS, to_datetime
from readings.quantities import ACTIVE_POWER
from tests.bench import years
from tests.bench.figures import Figure, figure, median_s
from tests.dashboard.asking import DRAW, ask

DAY_MS = 24 * HOUR_MS
SPANS = {
    "day": DAY_MS,
    "month": 30 * DAY_MS,
    "year": 365 * DAY_MS,
    "5_years": (5 * 365 + 1) * DAY_MS,
    "10_years": years.YEARS_DAYS * DAY_MS,
}


def plot_figures(engine: str, client: Client, device: Device, end_ms: int) -> list[Figure]:
    """The time of each request and the bytes of its answer, at auto and at second. Every one has to show the spike."""
    years.store_years(device, end_ms)
    found = []
    for span, length_ms in SPANS.items():
        for resolution in ("auto", "second"):
            _check_spike(device, end_ms - length_ms, end_ms, resolution)
            values = {"url.search": _address(device, end_ms - length_ms, end_ms, resolution), "scheme.data": "light"}
            size = len(_draw(client, values).content)
            seconds = median_s(partial(_draw, client, values), rounds=15)
            name = f"series_{span}_{resolution}"
            if (span, resolution, engine) == ("10_years", "auto", "mariadb"):
                found.append(figure("series_10_years_ms", 1000 * seconds, "ms"))
            found += [
                figure(f"{name}_ms_{engine}", 1000 * seconds, "ms"),
                figure(f"{name}_kb_{engine}", size / 1000, "kB"),
            ]
    return found


def _address(device: Device, start_ms: int, end_ms: int, resolution: str) -> str:
    start, stop = (f"{to_datetime(ms, device.timezone):%Y-%m-%dT%H:%M}" for ms in (start_ms, end_ms))
    return "?" + urlencode({"device": device.pk, "start": start, "stop": stop, "resolution": resolution})


def _draw(client: Client, values: dict[str, str]) -> Any:
    answer = ask(client, DRAW, values)
    if answer.status_code != 200:
        raise SystemExit(f"the plot of {values} was answered with {answer.status_code}")
    return answer


def _check_spike(device: Device, start_ms: int, end_ms: int, resolution: Any) -> None:
    ports = list(device.ports.all())
    found = history.series(ports, ACTIVE_POWER, start_ms, end_ms, now_ms=end_ms, resolution=resolution)
    highest = [np.nanmax(line.maximum) for line in found.lines]
    if highest != [years.SPIKE / ACTIVE_POWER.scale] * len(ports):
        raise SystemExit(f"{found.resolution}s from {start_ms} to {end_ms} have lost the spike: {highest}")
