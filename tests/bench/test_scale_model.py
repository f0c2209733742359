"""The model of ``make bench-scale``: queues grow before they are full, and what is told is what was computed."""

import math
import os
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from ct6site.operations import watching
from dashboard import live, pace
from devices import status
from readings import tasks
from readings.collect.questions import phases_s
from tests.bench import scale, scale_model
from tests.bench.scale_model import (
    PARTS,
    Costs,
    Part,
    Way,
    first_to_break,
    most_units,
    parts_of,
    sizes,
    turn_s,
    wait_s,
)
from tests.bench.unit_costs import fresh_figures
from tests.processes import ROOT

COSTS = Costs(
    measured_units=1_000, cores=2,
    collector_cores=0.02, answer_s=0.0004, message_s=0.0005, flush_s=0.01, written_s=0.0003, answer_bytes=1_600,
    buffer_answers=2_000, spool_answer_bytes=800, spool_answer_s=0.000_01, spool_bytes=1e9, broker_s=0.000_02,
    database_cores=0.01, database_answer_s=0.0002, database_answer_bytes=2_000, disk_bytes_per_s=500e6,
    rollup_s=0.001, rollup_database_s=0.0005, archive_s=0.15, archive_database_s=0.05, compact_s=1.0,
    archive_look_s=0.000_1, hot_bytes=600, minute_bytes=1_000, hour_bytes=1_000, archive_bytes=28,
    look_s=0.01, draw_s=0.04, show_s=0.02, show_unit_s=0.000_1, watch_unit_s=0.000_005, redis_s=0.000_02,
)  # fmt: skip


def part(name: str) -> Part:
    return next(one for one in PARTS if one.name == name)


def used(name: str, units: int, way: Way = Way.ASKED, costs: Costs = COSTS) -> float:
    return part(name).load(costs, units, way).used


def lag_s(name: str, units: int, way: Way = Way.ASKED, costs: Costs = COSTS) -> float:
    return part(name).load(costs, units, way).lag_s


# --- Queues -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (0.5, 1.0), (0.95, 2.0), (0.99, 10.0), (1.0, math.inf)])
def test_turns_grow_before_the_writer_is_full(share: float, expected: float) -> None:
    assert turn_s(0.1, share, 1.0) == pytest.approx(expected)


def test_waits_are_those_of_the_textbook() -> None:
    assert wait_s(0.5, 1, 1.0) == pytest.approx(1.0)  # one server: used / (1 - used)
    assert wait_s(0.9, 1, 1.0) == pytest.approx(9.0)
    assert wait_s(0.5, 2, 1.0) == pytest.approx(1 / 3)
    assert wait_s(0.0, 8, 1.0) == 0.0
    assert wait_s(1.0, 8, 1.0) == math.inf


@given(st.floats(0.01, 0.98), st.integers(1, 16))
def test_more_servers_that_are_as_full_wait_less(share: float, servers: int) -> None:
    assert wait_s(share, servers + 1, 1.0) < wait_s(share, servers, 1.0)


# --- Parts ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("one", PARTS, ids=lambda one: one.name)
def test_more_units_never_use_less_of_a_part(one: Part, way: Way) -> None:
    loads = [one.load(COSTS, units, way) for units in (1, 10, 100, 1_000, 10_000, 100_000)]
    assert [load.used for load in loads] == sorted(load.used for load in loads)
    assert [load.lag_s for load in loads] == sorted(load.lag_s for load in loads)


@pytest.mark.parametrize("way", list(Way))
@pytest.mark.parametrize("one", PARTS, ids=lambda one: one.name)
def test_the_most_units_are_the_last_that_do_not_break(one: Part, way: Way) -> None:
    most = most_units(one, COSTS, way)
    assert not one.breaks(COSTS, most, way)
    assert one.breaks(COSTS, most + 1, way)


def test_a_part_that_bears_nobody() -> None:
    assert most_units(part("database's disk"), replace(COSTS, disk_bytes_per_s=1.0), Way.ASKED) == 0


def test_the_collector_is_late_before_its_core_is_full() -> None:
    slow = replace(COSTS, flush_s=0.1)
    most = most_units(part("collector"), slow, Way.ASKED)
    assert 0.9 < used("collector", most, costs=slow) < 0.95  # 0.1 s / (1 - used) is 1.5 s then
    assert lag_s("collector", most, costs=slow) <= 1.5


def test_the_connection_may_be_what_the_collector_waits_for() -> None:
    assert used("collector", 1_000) == pytest.approx(0.42)
    assert used("collector", 1_000, costs=replace(COSTS, written_s=0.0008)) == pytest.approx(0.8)


def test_answers_that_come_faster_than_they_are_taken_wait_in_the_buffer() -> None:
    assert used("receive buffer", 1_000) == 0  # half a second is enough for 1,250
    assert used("receive buffer", 2_250) == pytest.approx(0.5)
    assert used("receive buffer", 10) == 0


def test_the_spool_holds_half_the_outage_for_twice_the_units() -> None:
    assert used("spool for 10 min", 1_000) == pytest.approx(0.48)
    assert used("spool for 10 min", 2_000) == pytest.approx(0.96)


def test_rollups_that_take_nearly_a_minute_are_too_late_for_the_next() -> None:
    alone = replace(COSTS, archive_s=0.0, compact_s=0.0)
    most = most_units(part("rollups worker"), alone, Way.ASKED)
    assert most == 50_000  # ten seconds until somebody looks, and fifty of work
    assert used("rollups worker", most, costs=alone) == pytest.approx(5 / 6)


def test_the_archive_takes_its_time_from_the_rollups() -> None:
    light = replace(COSTS, compact_s=0.0)
    assert used("rollups worker", 6_000, costs=light) == pytest.approx(0.1 + 0.25)


def test_the_archive_has_half_of_its_worker() -> None:
    light = replace(COSTS, archive_look_s=0.0, compact_s=0.0)
    assert used("archive's turns", 12_000, costs=light) == pytest.approx(1.0)


def test_looking_what_is_due_leaves_the_archive_no_time() -> None:
    assert used("archive's turns", 149_999) > 1
    assert used("archive's turns", 150_000) == math.inf


def test_who_publishes_is_not_asked_how_it_does() -> None:
    assert {one.name for one in parts_of(Way.ASKED)} - {one.name for one in parts_of(Way.MQTT)} == {
        "receive buffer", "jobs worker"
    }  # fmt: skip
    assert "MQTT server" not in {one.name for one in parts_of(Way.ASKED)}


def test_one_machine_breaks_before_a_database_of_its_own() -> None:
    assert used("everything on one machine", 1_000) > used("database's cores", 1_000)


def test_bytes() -> None:
    one = sizes(COSTS, 1)
    assert one.files_a_year == 365 * 86_400 * 28
    assert one.database_a_year == pytest.approx(365 * 25 * 1_000)
    assert one.database == pytest.approx(6 * 3_600 * 600 + 92 * 1_440 * 1_000 + one.database_a_year)
    assert sizes(COSTS, 1_000).database == pytest.approx(1_000 * one.database)


# --- What is told -----------------------------------------------------------------------------------------------
def test_the_first_to_break_is_told_first() -> None:
    most = [units for _, units in first_to_break(COSTS, Way.ASKED)]
    assert most == sorted(most)
    text = "\n".join(scale.told(COSTS, []))
    first, units = first_to_break(COSTS, Way.ASKED)[0]
    size = next(size for size in scale_model.SIZES if size > units)
    assert f"With {size:,} units first: {first.name}" in text
    assert f"  {first.name}: {first.advice}." in text


def test_what_is_extrapolated_and_what_breaks_is_marked() -> None:
    lines = list(scale.told(COSTS, ["archive_unit_hour_s"]))
    assert "Taken from bench.json: archive_unit_hour_s" in lines
    heads = [line for line in lines if "5,000*" in line]
    assert len(heads) == 3
    assert all(" 1,000 " in head for head in heads)
    collector = next(line for line in lines if line.startswith("collector "))
    assert collector.split()[1:5] == ["6%", "42%", "202%!", "402%!"]


def test_every_cost_is_told() -> None:
    text = "\n".join(scale.told(COSTS, []))
    assert [field.name for field in fields(Costs) if f"  {field.name} " not in text] == []


def test_figures_of_an_earlier_version_are_not_taken(tmp_path: Path) -> None:
    module, bench = tmp_path / "readings/tasks.py", tmp_path / "bench.json"
    module.parent.mkdir()
    module.write_text("")
    assert fresh_figures(bench, tmp_path) == {}
    bench.write_text('[{"name": "archive_unit_hour_s", "value": 0.2, "unit": "s"}]')
    changed = bench.stat().st_mtime_ns
    for moved, expected in ((-1_000_000_000, {"archive_unit_hour_s": 0.2}), (1_000_000_000, {})):
        os.utime(module, ns=(changed + moved, changed + moved))
        assert fresh_figures(bench, tmp_path) == expected


def test_what_is_said_of_the_product_is_so() -> None:
    schedule = settings.CELERY_BEAT_SCHEDULE
    assert schedule["roll up closed minutes"]["schedule"] == scale_model.ROLLUPS_EVERY_S
    assert schedule["put readings into files"]["schedule"] == scale_model.ARCHIVE_EVERY_S
    assert tasks._ARCHIVE_WHILE_MORE_S == scale_model.ARCHIVE_TURN_S
    assert timedelta(seconds=scale_model.STATUS_EVERY_S) == status.READ_EVERY
    assert pace.LOOK_EVERY_MS == 1_000 * scale_model.LOOK_EVERY_S
    assert live.ROLL_CALL_EVERY_MS == 1_000 * scale_model.ROLL_CALL_EVERY_S
    assert watching.LOOK_EVERY_S == scale_model.WATCH_EVERY_S
    assert settings.CT6_HOT_HOURS == scale_model.HOT_HOURS
    for units in (10, 1_000):
        room_s = min(scale_model.ASKED_WITHIN_S, units * scale_model.LEAST_APART_S)
        assert phases_s(units, 1.0, broadcast=False)[-1] == pytest.approx(room_s * (1 - 1 / units))
    services = ROOT / "docker/systemd"
    assert f"-c {scale_model.JOB_PROCESSES} " in (services / "ct6-worker-jobs.service").read_text()
    assert f"--workers {scale_model.WEB_PROCESSES} " in (services / "ct6-web.service").read_text()
