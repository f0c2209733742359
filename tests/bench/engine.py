"""The figures of one database engine: ``python -m tests.bench.engine NAME RESULT.json``."""

import json
import statistics
import sys
import time
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402  (after django.setup)
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from ct6site.models import User  # noqa: E402
from devices.models import Device  # noqa: E402
from readings import history  # noqa: E402
from readings.models import DirtyBucket  # noqa: E402
from readings.periods import HOUR_MS, MINUTE_MS, format_time  # noqa: E402
from readings.quantities import ACTIVE_POWER  # noqa: E402
from readings.store import rollups  # noqa: E402
from tests.bench import full_day, ingest, signal  # noqa: E402
from tests.bench.archive import archive_figures  # noqa: E402
from tests.bench.figures import Figure, figure, median_s  # noqa: E402
from tests.bench.month import month_figures  # noqa: E402
from tests.bench.plots import plot_figures  # noqa: E402

UNITS = 1000
NEW_MINUTES = 5
# Tried from the highest on; each takes half a minute.
RATES = {"mariadb": (4000.0, 3500.0, 3000.0, 2500.0, 2000.0), "sqlite": (4000.0, 3000.0, 2000.0, 1000.0)}
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_795_305_600_000  # 2026-11-22 00:00 UTC


def ingest_figures(engine: str) -> list[Figure]:
    """As fast as it will go, then a thousand units once a second; both with the rollups beside."""
    asked, fast = ingest.fastest(UNITS, RATES[engine], duration_s=15.0)
    steady = ingest.measure(units=UNITS, period_s=1.0, duration_s=120.0)
    return [
        figure(f"ingest_answers_per_s_{engine}", fast.answers_per_s, "1/s"),
        figure(f"ingest_asked_per_s_{engine}", asked, "1/s"),
        figure(f"ingest_lost_at_that_rate_{engine}", fast.lost, "answers"),
        figure(f"ingest_copies_{engine}", fast.copies, "answers"),
        figure(named("ingest_lost", engine), steady.lost, "answers"),
        figure(named("collector_cpu_cores_1000_units", engine), steady.cpu_cores, "cores"),
        figure(named("collector_rss_mb_1000_units", engine), steady.rss_mb, "MB"),
        figure(named("receive_buffer_limit", engine), _rmem_max() / 1e6, "MB"),
    ]


def named(name: str, engine: str) -> str:
    """The aims are those of MariaDB: its figures have the plain names."""
    return name if engine == "mariadb" else f"{name}_{engine}"


def _rmem_max() -> int:
    return int(Path("/proc/sys/net/core/rmem_max").read_text())


def rollup_figures(engine: str) -> list[Figure]:
    """A new minute of all units, at the end of an hour and of a day that are full; and one that is computed again."""
    devices = signal.make_devices(UNITS)
    first = NOW_MS - (NEW_MINUTES + 3) * MINUTE_MS
    signal.store_seconds(devices, first, NOW_MS)
    _roll_up_until(first + MINUTE_MS)
    full_day.fill(first)
    # The hour and the day are not yet the sums of what was copied.
    DirtyBucket.objects.bulk_create([DirtyBucket(device=device, minute=first) for device in devices])
    again_s = _roll_up_until(first + MINUTE_MS)
    seconds = [_roll_up_until(first + nth * MINUTE_MS) for nth in range(2, NEW_MINUTES + 3)]
    return [
        figure(named(f"rollup_minute_{UNITS}_units_s", engine), statistics.median(seconds[1:]), "s"),
        figure(named(f"rollup_minute_again_{UNITS}_units_s", engine), again_s, "s"),
    ]


def _roll_up_until(end_ms: int) -> float:
    """The seconds that the minute of all units that is due by then takes."""
    started = time.perf_counter()
    rolled = rollups.roll_up_closed(end_ms + rollups.late_ms() + 1)
    seconds = time.perf_counter() - started
    if rolled.minutes != UNITS:
        raise SystemExit(f"rolled up {rolled.minutes} minutes instead of {UNITS}")
    return seconds


def series_figures(engine: str, client: Client) -> list[Figure]:
    """A day of minutes of six ports: in the verb, and through the API's whole request."""
    device = Device.objects.order_by("pk")[0]
    signal.store_minutes(device, NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS)
    start, end = NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS
    ports = list(device.ports.all())
    verb_s = median_s(
        lambda: history.series(ports, ACTIVE_POWER, start, end, now_ms=NOW_MS, resolution="minute"), rounds=15
    )
    parameters: dict[str, str | int] = {
        "device": device.pk,
        "start": format_time(start),
        "end": format_time(end),
        "resolution": "minute",
    }
    answer = client.get("/api/v1/series/", parameters)
    points = sum(len(line["times"]) for line in answer.json()["series"])
    if points != 6 * 1440:
        raise SystemExit(f"series/ answered {points} points instead of {6 * 1440}")
    request_s = median_s(lambda: client.get("/api/v1/series/", parameters), rounds=15)
    return [
        figure(f"series_day_minutes_ms_{engine}", 1000 * verb_s, "ms"),
        figure(f"series_day_minutes_request_ms_{engine}", 1000 * request_s, "ms"),
        figure(f"series_day_minutes_kb_{engine}", len(answer.content) / 1000, "kB"),
    ]


def main(engine: str, result: Path) -> None:
    call_command("migrate", verbosity=0)
    figures = ingest_figures(engine) + rollup_figures(engine)
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"), backend="django.contrib.auth.backends.ModelBackend")
    figures += series_figures(engine, client)
    figures += plot_figures(engine, client, Device.objects.order_by("pk")[1], NOW_MS - DAY_MS)
    figures += archive_figures(engine, Device.objects.order_by("pk")[2], NOW_MS, Path(settings.DATA_DIR))
    figures += month_figures(engine, Device.objects.order_by("pk")[3], NOW_MS - 30 * DAY_MS, Path(settings.DATA_DIR))
    result.write_text(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
