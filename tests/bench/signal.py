"""Believable readings in bulk: noise, switching loads, sun, one unused port; the same seed makes the same."""

from collections.abc import Sequence

from ct6site.operations.demo import simulated_readings
from devices.ct6.simulator.fleet import simulated_curve
from devices.models import Device, Port
from readings.collect import ingest
from readings.periods import MINUTE_MS, SECOND_MS
from readings.store import rollups


def make_devices(count: int) -> list[Device]:
    """Adopted devices with six ports each."""
    devices = [
        Device(assy=f"ASY0398_V003.300_SN7{n:07d}", name=f"Meter {n}", adoption="adopted", timezone="Europe/London")
        for n in range(count)
    ]
    Device.objects.bulk_create(devices)
    made = list(Device.objects.filter(assy__startswith="ASY0398_V003.300_SN7").order_by("pk"))
    Port.objects.bulk_create(
        [Port(device=device, number=number, name=f"Port {number}") for device in made for number in range(1, 7)]
    )
    return made


def store_seconds(devices: Sequence[Device], start_ms: int, end_ms: int) -> None:
    """A reading a second of every device; every eighth device has the same load."""
    for n, device in enumerate(devices):
        ingest.store(simulated_readings(device, simulated_curve(n % 8), start_ms, end_ms, SECOND_MS), [])


def store_minutes(device: Device, start_ms: int, end_ms: int) -> None:
    """Readings of a minute each, rolled up."""
    ingest.store(simulated_readings(device, simulated_curve(1), start_ms, end_ms, MINUTE_MS), [])
    rollups.roll_up_closed(end_ms + 2 * MINUTE_MS)
