"""What a unit asks of each part, measured in short on this machine: the inputs of ``scale_model``.

What ``make bench`` has measured at length since the code was last changed is taken from its bench.json instead.
"""

import itertools
import json
import os
import socket
import statistics
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil
import redis
from django.conf import settings
from django.test import Client
from django.utils import timezone

from ct6site.models import User
from ct6site.operations.health import expected_units
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.udp import prepared_answers
from devices.ct6.udp import AnswerSocket
from devices.models import Device
from devices.seen import Seen
from readings.archive_models import ArchiveFile
from readings.collect import ingest as storing
from readings.collect.inbox import Arrival
from readings.collect.spool import Spool
from readings.models import DirtyBucket
from readings.periods import HOUR_MS, MINUTE_MS, to_datetime
from readings.store import rollups
from readings.store.archive import archiving, moving
from readings.store.archive.layout import DAY_MS, READINGS, floor_day
from readings.store.archive.rows import Piece
from readings.store.lines import DEVICE_LINES, PORT_LINES
from tests.bench import archive, ingest, publishing, signal, years
from tests.bench.figures import median_s
from tests.bench.meters import Meter, Usage, busy_s, database_server
from tests.bench.month import bytes_per_row
from tests.bench.scale_model import Costs
from tests.dashboard.asking import DRAW, LOOK, SHOW, Question, ask

FEW, MANY = 250, 1_000
PUBLISHING: Final = 500
ROLLED_UP: Final = 100
WATCHED_S: Final = 10.0
NOW_MS: Final = 1_795_305_600_000  # 2026-11-22 00:00 UTC
TAKEN: Final = frozenset(
    {
        "ingest_answers_per_s_mariadb",
        "rollup_minute_1000_units_s",
        "archive_unit_hour_s",
        "archive_bytes_per_unit_second",
    }
)
"""The figures of bench.json that are not measured again."""
_PORTS: Final = 6
_ANSWERS: Final = 500
_MOST_ANSWERS_HELD: Final = 20_000
_DISK_BYTES: Final = 64 * 1024 * 1024
_REDIS_MESSAGES: Final = 1_000
_PAGE_ROUNDS: Final = 10
_MINUTE_DAYS, _ALL_DAYS = 15, 1_000  # enough rows to tell what one takes

Part = dict[str, float]
"""Some of the fields of ``Costs``."""


def measure(scratch: Path, known: Mapping[str, float]) -> Costs:
    """All of them, in about two minutes; ``known`` are figures of bench.json that need not be measured again."""
    settings.CT6_ARCHIVE = str(scratch / "archive")
    payloads = _payloads()
    found: dict[str, Any] = {"measured_units": MANY, "cores": psutil.cpu_count() or 1}
    found |= collector_costs(known)
    found |= message_costs(scratch, found["collector_cores"]) | socket_costs(payloads) | spool_costs(scratch, payloads)
    found |= {"disk_bytes_per_s": _disk_bytes_per_s(scratch)}
    *measuring, of_years, of_hours = signal.make_devices(ROLLED_UP + 2)
    signal.store_seconds(measuring, NOW_MS - 4 * MINUTE_MS, NOW_MS)
    found |= rollup_costs(measuring, known)
    years.store_years(of_years, NOW_MS - DAY_MS, minute_days=_MINUTE_DAYS, all_days=_ALL_DAYS)
    found |= row_costs() | archive_costs(of_hours, known)
    found |= page_costs(of_years) | {"watch_unit_s": _watch_unit_s(), "redis_s": _redis_s()}
    return Costs(**found)


def fresh_figures(bench: Path, product: Path) -> dict[str, float]:
    """What bench.json tells, if nothing of the product has changed since; else nothing."""
    with suppress(FileNotFoundError):
        written = bench.stat().st_mtime
        folders = ("ct6site", "devices", "readings", "dashboard", "tests/bench")
        modules = (module for folder in folders for module in (product / folder).rglob("*.py"))
        if all(module.stat().st_mtime < written for module in modules):
            return {one["name"]: float(one["value"]) for one in json.loads(bench.read_text())}
    return {}


# --- From the unit to the database ------------------------------------------------------------------------------
def collector_costs(known: Mapping[str, float]) -> Part:
    """Two runs tell apart what an answer takes and what the collector takes without any."""
    few, many = ingest.asked(FEW, WATCHED_S), ingest.asked(MANY, WATCHED_S)
    collector_cores, answer_s = _line(few.answers_per_s, few.collector, many.answers_per_s, many.collector)
    database_cores, database_answer_s = _line(few.answers_per_s, few.database, many.answers_per_s, many.database)
    fastest = known.get("ingest_answers_per_s_mariadb")
    return {
        "collector_cores": collector_cores,
        "answer_s": answer_s,
        "database_cores": database_cores,
        "database_answer_s": database_answer_s,
        "database_answer_bytes": many.database.bytes_written_per_s / many.answers_per_s,
        "written_s": 1 / fastest if fastest else answer_s + database_answer_s,
        "flush_s": _flush_s(),
    }


def _line(few: float, of_few: Usage, many: float, of_many: Usage) -> tuple[float, float]:
    """Cores without any answers, and seconds for each."""
    slope = (of_many.cores - of_few.cores) / (many - few)
    if slope <= 0:  # the difference drowned in what else this machine did
        return 0.0, of_many.cores / many
    return max(0.0, of_few.cores - slope * few), slope


def _flush_s() -> float:
    """What the writer's turn takes that has a single reading."""
    device = Device.objects.order_by("pk")[0]
    moments = itertools.count(NOW_MS, 1_000)

    def store_one() -> None:
        time_ms = next(moments)
        row = (device.pk, time_ms, 1_000, False, 23_000, 50_000, 2_500, -600)
        reading = storing.NewReading(device.assy, device.pk, time_ms, 1_000, time_ms, row, (), ())
        storing.store([reading], [Seen(device.pk, timezone.now(), "{}")])

    return median_s(store_one)


def message_costs(scratch: Path, collector_cores: float) -> Part:
    seen, server = publishing.published(scratch / "mosquitto", PUBLISHING, WATCHED_S)
    return {
        "message_s": (seen.collector.cores - collector_cores) / seen.answers_per_s,
        "broker_s": server.cores / seen.answers_per_s,
    }


def _payloads() -> list[bytes]:
    fleet = Fleet(_ANSWERS // 10, "127.0.60.1")  # each with a load of its own, which packs less than the same one
    return [answer for unit in fleet.units for answer in prepared_answers(unit, time.time_ns(), 10)]


def socket_costs(payloads: list[bytes]) -> Part:
    """How many answers the collector's socket holds that nobody takes."""
    with AnswerSocket("127.0.0.1") as answers, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unit:
        sent = 0
        while not answers.drops() and sent < _MOST_ANSWERS_HELD:
            unit.sendto(payloads[sent % len(payloads)], answers.bound_to)
            sent += 1
        held = sent - answers.drops()
    return {"buffer_answers": held, "answer_bytes": statistics.mean(map(len, payloads))}


def spool_costs(scratch: Path, payloads: list[bytes]) -> Part:
    spool = Spool(scratch / "spool-of-costs", settings.CT6_SPOOL_MAX_BYTES, "this boot")
    arrivals = [Arrival(payload, "192.168.0.34", NOW_MS, NOW_MS) for payload in payloads]
    spool.open()
    seconds = median_s(lambda: spool.append(arrivals))
    kept_bytes = spool.bytes / spool.waiting
    spool.close()
    return {
        "spool_answer_bytes": kept_bytes,
        "spool_answer_s": seconds / len(arrivals),
        "spool_bytes": settings.CT6_SPOOL_MAX_BYTES,
    }


def _disk_bytes_per_s(scratch: Path) -> float:
    content = os.urandom(_DISK_BYTES)

    def write() -> None:
        with (scratch / "written").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    return _DISK_BYTES / median_s(write, rounds=3)


# --- In the database and in files -------------------------------------------------------------------------------
def _server_s(meter: Meter | None) -> float:
    return 0.0 if meter is None else meter.read().cpu_s


def _meter() -> Meter | None:
    server = database_server()
    return None if server is None else Meter(server)


def rollup_costs(devices: list[Device], known: Mapping[str, float]) -> Part:
    rollups.roll_up_closed(NOW_MS + MINUTE_MS)
    marks = [DirtyBucket(device=device, minute=NOW_MS - 2 * MINUTE_MS) for device in devices]

    def roll_up() -> None:
        DirtyBucket.objects.bulk_create(marks)
        rollups.roll_up_closed(NOW_MS + MINUTE_MS)

    rounds, meter = 5, _meter()
    seconds = busy_s(roll_up, rounds) / len(devices)
    of_thousand = known.get("rollup_minute_1000_units_s")
    return {
        "rollup_s": of_thousand / 1_000 if of_thousand else seconds,
        "rollup_database_s": _server_s(meter) / rounds / len(devices),
    }


def row_costs() -> Part:
    """Of a unit with six ports; the device's own minute is counted as one of a port."""
    hot = _PORTS * bytes_per_row(PORT_LINES.readings._meta.db_table) + bytes_per_row(
        DEVICE_LINES.readings._meta.db_table
    )
    return {
        "hot_bytes": hot,
        "minute_bytes": (_PORTS + 1) * bytes_per_row(PORT_LINES.minutes._meta.db_table),
        "hour_bytes": (_PORTS + 1) * bytes_per_row(PORT_LINES.hours._meta.db_table),
    }


def archive_costs(device: Device, known: Mapping[str, float]) -> Part:
    now_ms = floor_day(NOW_MS)
    archive.store_hours(device, now_ms)
    look_s = busy_s(lambda: archiving.archive_due(now_ms - archive.HOURS * HOUR_MS), rounds=5)
    meter, hours = _meter(), archive.HOURS - 1
    hour_s = busy_s(lambda: archive.archive_hours(device, now_ms), rounds=1) / hours
    of_server = _server_s(meter) / hours
    in_files = sum(ArchiveFile.objects.filter(device=device).values_list("bytes", flat=True))

    def compact() -> None:
        for kind in READINGS:
            moving.move(Piece(kind, device.pk, now_ms - DAY_MS, now_ms))

    return {
        "archive_s": known.get("archive_unit_hour_s", hour_s),
        "archive_database_s": of_server,
        "compact_s": busy_s(compact, rounds=1) * 24 / archive.HOURS,
        "archive_look_s": look_s / Device.objects.count(),
        "archive_bytes": known.get("archive_bytes_per_unit_second", in_files / (3_600 * hours)),
    }


# --- What people and parts look at ------------------------------------------------------------------------------
def page_costs(device: Device) -> Part:
    """Of an open page that shows a day, with many tabs and with few."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser("bench"), backend="django.contrib.auth.backends.ModelBackend")
    start, stop = (
        f"{to_datetime(ms, device.timezone):%Y-%m-%dT%H:%M}" for ms in (NOW_MS - 2 * DAY_MS, NOW_MS - DAY_MS)
    )
    values = {"url.search": f"?device={device.pk}&start={start}&stop={stop}", "scheme.data": "light"}
    look_s, draw_s = (_page_s(client, question, values) for question in (LOOK, DRAW))
    of_many, many = _page_s(client, SHOW, values), Device.objects.count()
    kept = list(Device.objects.order_by("-pk").values_list("pk", flat=True)[:10])
    Device.objects.exclude(pk__in=[*kept, device.pk]).update(adoption="ignored")
    of_few, few = _page_s(client, SHOW, values), len(kept) + 1
    Device.objects.update(adoption="adopted")
    show_unit_s = max(0.0, (of_many - of_few) / (many - few))
    return {"look_s": look_s, "draw_s": draw_s, "show_s": of_few, "show_unit_s": show_unit_s}


def _page_s(client: Client, question: Question, values: dict[str, Any]) -> float:
    def answer() -> None:
        answered = ask(client, question, values)
        if answered.status_code not in (200, 204):
            raise SystemExit(f"the page's question was answered with {answered.status_code}")

    answer()  # the first one loads what the others have
    return busy_s(answer, _PAGE_ROUNDS)


def _watch_unit_s() -> float:
    def look() -> int:
        return len(list(expected_units().values_list("pk", "name", "assy", "last_seen")))

    return busy_s(look, 5) / max(1, look())


def _redis_s() -> float:
    """A call that puts or takes a message, of the server's core."""
    server = redis.Redis.from_url(os.environ["CT6_TEST_REDIS_URL"])
    message = b"m" * 1_000
    before = server.info("cpu")
    for _ in range(_REDIS_MESSAGES):
        server.lpush("bench", message)
        server.rpop("bench")
    after = server.info("cpu")
    used = sum(after[name] - before[name] for name in ("used_cpu_user", "used_cpu_sys"))
    return float(used) / (2 * _REDIS_MESSAGES)
