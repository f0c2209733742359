"""Many readings at once, and what they amount to by integer arithmetic one at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from devices.models import Device
from readings.models import DeviceReading, DirtyBucket, PortReading
from readings.periods import MINUTE_MS
from readings.store.rollups import roll_up_closed

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A reading of all ports of a device; powers in 0.1 W by port."""

    time: int
    window_ms: int
    powers: tuple[int | None, ...]
    recovered: bool = False


def steady(start_ms: int, end_ms: int, window_ms: int, *powers: int | None) -> list[Answer]:
    """Answers whose windows fill [start_ms, end_ms) with the same powers."""
    return [Answer(time, window_ms, powers) for time in range(start_ms + window_ms, end_ms + 1, window_ms)]


def store(device: Device, answers: Sequence[Answer]) -> None:
    """Store readings and the minutes that they make dirty, as ingest does."""
    ports = list(device.ports.order_by("number").values_list("pk", flat=True))
    _insert(DeviceReading, ("device_id", "voltage", "frequency", "temperature", "rssi"), (
        (answer, (device.pk, 23000, 50000, 2550, -600), answer.window_ms) for answer in answers
    ))  # fmt: skip
    _insert(PortReading, (
        "port_id", "active_power", "reactive_power", "apparent_power", "power_factor", "current_rms", "current_peak",
    ), (
        (answer, (port, power, power, abs(power or 0), -1000, 500, 700), 0 if power is None else answer.window_ms)
        for answer in answers
        for port, power in zip(ports, answer.powers, strict=False)
    ))  # fmt: skip
    minutes = {
        minute
        for answer in answers
        for minute in range(
            min(answer.time - answer.window_ms, answer.time - 1) // MINUTE_MS * MINUTE_MS, answer.time, MINUTE_MS
        )
    }
    DirtyBucket.objects.bulk_create(
        (DirtyBucket(device=device, minute=minute) for minute in sorted(minutes)), ignore_conflicts=True
    )


def _insert(
    table: type[DeviceReading] | type[PortReading],
    columns: Sequence[str],
    rows: Iterable[tuple[Answer, tuple[int | None, ...], int]],
) -> None:
    names = (*columns, "time", "window_ms", "recovered")
    statement = f"INSERT INTO {table._meta.db_table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
    with connection.cursor() as cursor:
        cursor.executemany(statement, [
            (*values, answer.time, window_ms, answer.recovered) for answer, values, window_ms in rows
        ])  # fmt: skip


def roll_up(now_ms: int) -> None:
    """Roll up all closed minutes."""
    assert not roll_up_closed(now_ms, pause=lambda _seconds: None).more


def amounts(answers: Iterable[Answer], port: int, start_ms: int, end_ms: int) -> tuple[int, int, int, int]:
    """Covered and recovered ms, positive and negative energy (0.1 mJ) of one port in [start_ms, end_ms)."""
    covered = recovered = positive = negative = 0
    for answer in answers:
        power = answer.powers[port]
        overlap = min(answer.time, end_ms) - max(answer.time - answer.window_ms, start_ms)
        if power is None or overlap <= 0:
            continue
        if answer.recovered:
            recovered += overlap
        else:
            covered += overlap
        positive += max(power, 0) * overlap
        negative += max(-power, 0) * overlap
    return covered, recovered, positive, negative
