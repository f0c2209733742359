"""Rows for tests, made with as few words as possible."""

from collections.abc import Sequence

from devices.models import Device, Port
from readings.models import DeviceReading, DirtyBucket, PortReading
from readings.periods import to_datetime
from readings.quantities import ACTIVE_POWER

ASSY = "ASY0398_V003.300_SN00001801"
MINUTE_MS = 60_000


def make_device(
    assy: str = ASSY, *, ports: Sequence[str] = ("",) * 6, timezone: str = "UTC", **fields: object
) -> Device:
    """An adopted device with a port per name."""
    values: dict[str, object] = {
        "name": "Meter",
        "adoption": "adopted",
        "active": True,
        "address": "127.0.0.2",
        **fields,
    }
    device = Device.objects.create(assy=assy, timezone=timezone, **values)
    for number, name in enumerate(ports, start=1):
        Port.objects.create(device=device, number=number, name=name)
    return device


def store_reading(
    device: Device, time_ms: int, window_ms: int, powers_w: Sequence[float | None], *, recovered: bool = False
) -> None:
    """A reading of the device with these active powers in W by port, and the minutes that it makes dirty."""
    DeviceReading.objects.create(
        device=device, time=time_ms, window_ms=window_ms, recovered=recovered,
        voltage=230.0, frequency=50.0, temperature=25.5, rssi=-60.0,
    )  # fmt: skip
    for port, power_w in zip(device.ports.order_by("number"), powers_w, strict=False):
        PortReading.objects.create(
            port=port, time=time_ms, window_ms=0 if power_w is None else window_ms, recovered=recovered,
            active_power=power_w, reactive_power=power_w, apparent_power=None if power_w is None else abs(power_w),
            power_factor=1.0, current_rms=0.5, current_peak=0.7,
        )  # fmt: skip
    first = (time_ms - max(window_ms, 1)) // MINUTE_MS * MINUTE_MS
    for minute in range(first, time_ms, MINUTE_MS):
        DirtyBucket.objects.get_or_create(device=device, minute=minute)


def store_answer(device: Device, time_ms: int, window_ms: int, powers_w: Sequence[float | None]) -> None:
    """The reading of an answer, and what the device keeps of its newest one."""
    store_reading(device, time_ms, window_ms, powers_w)
    numbers = device.ports.order_by("number").values_list("number", flat=True)
    device.last_seen = to_datetime(time_ms)
    device.last_answer = {
        "time": time_ms, "address": device.address, "window_ms": window_ms,
        "voltage": 230.0, "frequency": 50.0, "temperature": 25.5, "rssi": -60.0,
        "ports": {str(number): {"active_power": power_w} for number, power_w in zip(numbers, powers_w, strict=False)},
    }  # fmt: skip
    device.save(update_fields=["last_seen", "last_answer"])


def fixed_power(power_w: float) -> int:
    """The stored integer of an active power in W."""
    value = ACTIVE_POWER.fixed(power_w)
    assert value is not None
    return value
