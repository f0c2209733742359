"""What each part has to do for so many units, and which one can no more first. Pure: ``unit_costs`` measures.

A part is modelled as it works. The collector's writer takes all that came during its last turn, so that its turns grow
as it fills up; rollups and archive get a batch each minute and hour that has to be done before the next one; requests
come at random and wait for a free server. So a part may be of no use before it is full: that is its patience.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from devices.ct6.protocol import AYT_QUESTION


class Way(StrEnum):
    ASKED = "asked once a second"
    MQTT = "publishing by MQTT once a second"


SIZES: Final = (100, 1_000, 5_000, 10_000, 50_000, 100_000)

YEAR_S: Final = 365 * 86_400
FLUSH_S: Final = 1.0
"""Units are asked, or publish, once a second, and the collector writes as often."""

# What is assumed, since no measurement of ours tells.
LINK_BITS_PER_S: Final = 1e9
OUTAGE_S: Final = 600.0
"""So long the database may be away without a lost answer."""
UNIT_STATUS_S: Final = 2.0
"""What a real unit takes for the five requests of its status."""
UNITS_PER_PAGE: Final = 100
"""One open page of the dashboard for so many units, showing as many; and one of somebody who sees them all."""

# How the product is set up; a test compares these with it.
JOB_PROCESSES: Final = 8
WEB_PROCESSES: Final = 2
STATUS_EVERY_S: Final = 600.0
LOOK_EVERY_S: Final = 2.0
ROLL_CALL_EVERY_S: Final = 4.0
ROLLUPS_EVERY_S: Final = 10.0
ARCHIVE_EVERY_S: Final = 30.0
ARCHIVE_TURN_S: Final = 15.0
"""As long as a turn leaves something for the next one."""
WATCH_EVERY_S: Final = 2.0
HOT_HOURS: Final = 6
MINUTE_DAYS: Final = 92
_TO_DISK_AFTER_FLUSHES: Final = 1.5
ASKED_WITHIN_S: Final = 0.5
LEAST_APART_S: Final = 0.005
_HEADERS: Final = {Way.ASKED: 76 + 42 + len(AYT_QUESTION), Way.MQTT: 66 + 66 + 8}
"""Bytes beside an answer: those of its two fragments, and the question; those of TCP and its acknowledgement."""
_REDIS_CALLS_A_TASK: Final = 4


@dataclass(frozen=True, slots=True)
class Costs:
    """What one unit asks of each part of the product. Seconds are of a core; where a part waits for the database,
    those of the database too."""

    measured_units: int
    """With so many the collector was measured. What is said of more is extrapolated."""
    cores: int

    collector_cores: float  # without any units
    answer_s: float
    message_s: float  # of an answer that comes by MQTT
    flush_s: float  # a turn of the writer with a single reading
    written_s: float  # a reading on its way into the database, one after the other
    answer_bytes: float
    buffer_answers: float  # so many the socket's buffer holds
    spool_answer_bytes: float
    spool_answer_s: float  # fsync included
    spool_bytes: float
    broker_s: float  # of the MQTT server, a message

    database_cores: float  # without any units
    database_answer_s: float
    database_answer_bytes: float  # written to disk, logs included
    disk_bytes_per_s: float

    rollup_s: float  # a unit-minute, waiting for the database included
    rollup_database_s: float
    archive_s: float  # a unit-hour, likewise
    archive_database_s: float
    compact_s: float  # a unit-day, likewise
    archive_look_s: float  # to find what is due, a unit

    hot_bytes: float  # in the database, a unit-second
    minute_bytes: float  # a unit-minute
    hour_bytes: float
    archive_bytes: float  # in files, a unit-second

    look_s: float  # a page looks whether there is something new
    draw_s: float
    show_s: float  # the page's tabs, without units
    show_unit_s: float
    watch_unit_s: float
    redis_s: float  # a call

    def storing_s(self, way: Way) -> float:
        return self.answer_s if way is Way.ASKED else self.message_s


@dataclass(frozen=True, slots=True)
class Load:
    """``used`` of what a part can do, 1 is all of it; ``lag_s`` is how late it does it, infinite where it falls behind
    for ever."""

    used: float
    lag_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    load: Callable[[Costs, int, Way], Load]
    patience_s: float
    """More lag than this breaks what the product promises."""
    advice: str
    ways: tuple[Way, ...] = tuple(Way)

    def breaks(self, costs: Costs, units: int, way: Way) -> bool:
        load = self.load(costs, units, way)
        return load.used >= 1 or load.lag_s > self.patience_s


# --- Queues -----------------------------------------------------------------------------------------------------
def turn_s(idle_s: float, used: float, least_s: float) -> float:
    """How long the turns of a server get that takes at each whatever came during the last one."""
    return math.inf if used >= 1 else max(least_s, idle_s / (1 - used))


def wait_s(used: float, servers: int, service_s: float) -> float:
    """The mean wait for one of some servers where requests come at random (Erlang's C)."""
    if used >= 1:
        return math.inf
    offered = used * servers
    blocked = 1.0
    for n in range(1, servers + 1):
        blocked = offered * blocked / (n + offered * blocked)
    waits = blocked / (1 - used + used * blocked)
    return waits * service_s / (servers * (1 - used))


# --- Parts ------------------------------------------------------------------------------------------------------
def _link(costs: Costs, units: int, way: Way) -> Load:
    return Load(8 * units * (costs.answer_bytes + _HEADERS[way]) / LINK_BITS_PER_S)


def _buffer(costs: Costs, units: int, way: Way) -> Load:
    """What comes faster than the process takes it waits in the socket: all are asked in half a second at most."""
    asked_in_s = min(ASKED_WITHIN_S, units * LEAST_APART_S)
    return Load(max(0.0, units - asked_in_s / costs.answer_s) / costs.buffer_answers)


def _collector(costs: Costs, units: int, way: Way) -> Load:
    """One process, of which Python runs one thread at a time, and one connection that writes."""
    passing = units * (costs.written_s + max(0.0, costs.storing_s(way) - costs.answer_s))
    used = max(costs.collector_cores + units * costs.storing_s(way), passing)
    return Load(used, turn_s(costs.flush_s, used, FLUSH_S))


def _spool(costs: Costs, units: int, way: Way) -> Load:
    held_s = costs.spool_bytes / (units * costs.spool_answer_bytes)
    return Load(max(units * costs.spool_answer_s, OUTAGE_S / held_s))


def _broker(costs: Costs, units: int, way: Way) -> Load:
    used = units * costs.broker_s
    return Load(used, wait_s(used, 1, costs.broker_s))


def database_cores(costs: Costs, units: int) -> float:
    per_unit = costs.database_answer_s + costs.rollup_database_s / 60 + costs.archive_database_s / 3600
    return costs.database_cores + units * per_unit


def _database(costs: Costs, units: int, way: Way) -> Load:
    used = database_cores(costs, units) / costs.cores
    return Load(used, wait_s(used, costs.cores, costs.flush_s))


def _database_disk(costs: Costs, units: int, way: Way) -> Load:
    return Load(units * costs.database_answer_bytes / costs.disk_bytes_per_s)


def _rollups(costs: Costs, units: int, way: Way) -> Load:
    """The same worker archives."""
    used = units * costs.rollup_s / 60 + _archiving(costs, units)
    return Load(used, math.inf if used >= 1 else ROLLUPS_EVERY_S + 60 * used)


def _archive(costs: Costs, units: int, way: Way) -> Load:
    """At each full hour one more hour of every unit is due; a turn first looks what is, then moves some."""
    left_s = ARCHIVE_TURN_S - units * costs.archive_look_s
    if left_s <= 0:
        return Load(math.inf, math.inf)
    used = _archiving(costs, units) * ARCHIVE_EVERY_S / left_s
    return Load(used, math.inf if used >= 1 else 3600 * used)


def _archiving(costs: Costs, units: int) -> float:
    """Seconds a second."""
    return units * (costs.archive_s / 3600 + costs.compact_s / 86_400)


def _jobs(costs: Costs, units: int, way: Way) -> Load:
    used = units / STATUS_EVERY_S * UNIT_STATUS_S / JOB_PROCESSES
    return Load(used, wait_s(used, JOB_PROCESSES, UNIT_STATUS_S))


def web_cores(costs: Costs, units: int) -> float:
    a_page = (costs.look_s + costs.draw_s) / LOOK_EVERY_S
    of_some = a_page + (costs.show_s + UNITS_PER_PAGE * costs.show_unit_s) / ROLL_CALL_EVERY_S
    of_all = a_page + (costs.show_s + units * costs.show_unit_s) / ROLL_CALL_EVERY_S
    return units / UNITS_PER_PAGE * of_some + of_all


def _web(costs: Costs, units: int, way: Way) -> Load:
    used = web_cores(costs, units) / WEB_PROCESSES
    longest_s = max(costs.draw_s, costs.show_s + units * costs.show_unit_s)
    return Load(used, longest_s + wait_s(used, WEB_PROCESSES, costs.draw_s))


def _redis(costs: Costs, units: int, way: Way) -> Load:
    tasks_per_s = units / STATUS_EVERY_S + 1  # and those of the schedule
    return Load(tasks_per_s * _REDIS_CALLS_A_TASK * costs.redis_s)


def _watch(costs: Costs, units: int, way: Way) -> Load:
    used = units * costs.watch_unit_s / WATCH_EVERY_S
    return Load(used, units * costs.watch_unit_s)


def _machine(costs: Costs, units: int, way: Way) -> Load:
    """All parts but the units on one machine."""
    workers = units * (costs.rollup_s / 60 + costs.archive_s / 3600 + costs.compact_s / 86_400)
    workers -= units * (costs.rollup_database_s / 60 + costs.archive_database_s / 3600)
    collector = costs.collector_cores + units * costs.storing_s(way)
    broker = units * costs.broker_s if way is Way.MQTT else 0.0
    others = web_cores(costs, units) + units * costs.watch_unit_s / WATCH_EVERY_S
    used = (collector + broker + max(0.0, workers) + database_cores(costs, units) + others) / costs.cores
    return Load(used, wait_s(used, costs.cores, costs.flush_s))


_SECOND_INSTALLATION: Final = "a second installation: one collector at a time asks, or listens, for a database"

PARTS: Final = (
    Part("everything on one machine", _machine, 1.0, "the database on a machine of its own, then workers and web"),
    Part("collector", _collector, _TO_DISK_AFTER_FLUSHES * FLUSH_S, _SECOND_INSTALLATION),
    Part("receive buffer", _buffer, 0.0, "net.core.rmem_max of 8 MB; then a longer CT6_PERIOD", (Way.ASKED,)),
    Part("MQTT server", _broker, 0.1, "a cluster of servers, one topic for each", (Way.MQTT,)),
    Part("units' link at 1 Gbit/s", _link, 0.0, "a 10 Gbit/s link"),
    Part("spool for 10 min", _spool, 0.0, "raise CT6_SPOOL_MAX"),
    Part("database's cores", _database, 1.0, "more cores; reads from a replica"),
    Part("database's disk", _database_disk, 0.0, "NVMe"),
    Part(
        "rollups worker", _rollups, 60.0, "a second installation: two workers take the same minutes one after the other"
    ),
    Part("archive's turns", _archive, 3600.0, "a second installation"),
    Part("jobs worker", _jobs, 29.0, "more processes: -c 16, or more workers", (Way.ASKED,)),
    Part("web server", _web, 1.0, "more processes, on more machines; grants, so that nobody's page has all units"),
    Part("Redis", _redis, 0.0, "nothing: it never comes first"),
    Part("watch", _watch, WATCH_EVERY_S, "a second installation"),
)


def parts_of(way: Way) -> list[Part]:
    return [part for part in PARTS if way in part.ways]


def most_units(part: Part, costs: Costs, way: Way) -> int:
    """With how many units the part just does what it promises."""
    if part.breaks(costs, 1, way):
        return 0
    fine, broken = 1, 2
    while not part.breaks(costs, broken, way):
        fine, broken = broken, 2 * broken
    while broken - fine > 1:
        middle = (fine + broken) // 2
        fine, broken = (fine, middle) if part.breaks(costs, middle, way) else (middle, broken)
    return fine


def first_to_break(costs: Costs, way: Way, parts: Sequence[Part] | None = None) -> list[tuple[Part, int]]:
    """All parts, the one that breaks with the fewest units first, with the most that it bears."""
    found = [(part, most_units(part, costs, way)) for part in (parts_of(way) if parts is None else parts)]
    return sorted(found, key=lambda one: one[1])


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes that some units take: of the database after a year, what it grows by each year, and of the archive's files
    each year."""

    database: float
    database_a_year: float
    files_a_year: float


def sizes(costs: Costs, units: int) -> Size:
    hot = HOT_HOURS * 3600 * costs.hot_bytes
    minutes = MINUTE_DAYS * 1440 * costs.minute_bytes
    a_year = 365 * 24 * costs.hour_bytes * (1 + 1 / 24)
    return Size(units * (hot + minutes + a_year), units * a_year, units * YEAR_S * costs.archive_bytes)
