"""The peak day of a port, in words and with the way to it."""

import pytest
from django.test import Client

from devices.models import Device
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from tests.dashboard.asking import PEAK, answer, find, texts
from tests.factories import make_device
from tests.people import logged_in, make_user
from tests.readings.bulk import roll_up, steady, store

pytestmark = pytest.mark.django_db

MIDNIGHT = parse_time("2026-10-05T00:00:00Z")
DAY_MS = 24 * HOUR_MS
RANGE = "start=2026-10-05T00:00&stop=2026-10-08T00:00"


@pytest.fixture
def device() -> Device:
    """1 kW, then 2 kW from the grid for a day each, and half a day of 9 kW."""
    device = make_device(ports=["Grid", "Solar"])
    answers = steady(MIDNIGHT, MIDNIGHT + DAY_MS, MINUTE_MS, -10_000, 0)
    answers += steady(MIDNIGHT + DAY_MS, MIDNIGHT + 2 * DAY_MS, MINUTE_MS, -20_000, 0)
    answers += steady(MIDNIGHT + 2 * DAY_MS, MIDNIGHT + 2 * DAY_MS + 12 * HOUR_MS, MINUTE_MS, -90_000, 0)
    store(device, answers)
    roll_up(MIDNIGHT + 4 * DAY_MS)
    return device


@pytest.fixture
def client() -> Client:
    return logged_in(make_user(staff=True))


def peak(client: Client, device: Device, more: str, number: int = 1) -> list[object]:
    port = device.ports.get(number=number)
    told: list[object] = answer(client, PEAK, f"?device={device.pk}&{RANGE}&peak={port.pk}{more}")["peak-told.data"]
    return told


def test_it_is_the_complete_day_with_the_most(client: Client, device: Device) -> None:
    told = peak(client, device, "")
    assert texts(told).startswith("Most was imported, 48.00 kWh, on")
    assert texts(told).endswith("Of 2 complete days; 1 left out as incomplete.")
    (link,) = find(told, children="Tuesday 6 October 2026")
    assert "day=2026-10-06" in link["href"]


def test_it_speaks_german_to_those_who_ask_for_it(client: Client, device: Device) -> None:
    search = f"?device={device.pk}&{RANGE}&peak={device.ports.get(number=1).pk}"
    told = answer(client, PEAK, search, language="de")["peak-told.data"]
    assert texts(told).startswith("Am meisten bezogen, 48.00 kWh, am  Dienstag, 6. Oktober 2026")


def test_a_port_that_exported_nothing_has_no_peak_day_of_export(client: Client, device: Device) -> None:
    assert texts(peak(client, device, "&peakof=export")) == "Nothing was exported on any complete day of this range."


def test_of_the_net_too(client: Client, device: Device) -> None:
    assert texts(peak(client, device, "&peakof=net")).startswith("The net was highest, 48.00 kWh, on")


def test_a_range_without_a_complete_day_says_so(client: Client, device: Device) -> None:
    port = device.ports.get(number=1)
    told = answer(client, PEAK, f"?device={device.pk}&day=2026-10-07&peak={port.pk}")["peak-told.data"]
    assert texts(told) == "No day of this range is over and was measured completely."


def test_nothing_is_read_before_a_port_is_chosen(client: Client, device: Device) -> None:
    assert answer(client, PEAK, f"?device={device.pk}&{RANGE}")["peak-told.data"] == []


def test_a_port_of_another_device_is_none(client: Client, device: Device) -> None:
    other = make_device("B", name="Annex", ports=["Feed"])
    assert answer(client, PEAK, f"?device={other.pk}&peak={device.ports.get(number=1).pk}")["peak-told.data"] == []
