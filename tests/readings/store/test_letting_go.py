"""What is older than its unit's retention says goes for good; hours, days and what is not rolled up yet stay."""

import random
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from devices.models import AuditEntry, Device, Replacement
from readings import bad_spans, history
from readings.archive_models import ArchiveFile
from readings.bad_spans import NotMarked
from readings.models import BadSpan, DeviceHour, DeviceMinute, DeviceReading, DirtyBucket, PortHour, PortMinute
from readings.periods import HOUR_MS, MINUTE_MS, parse_time, to_datetime
from readings.retention_models import Retention
from readings.store import due_to_go, letting_go, retention, rollups
from readings.store.archive import archiving
from readings.store.archive.restoring import restore
from readings.store.archive.together import measured_span
from readings.store.auditing import audit
from readings.store.due_to_go import Going
from readings.store.lines import DEVICE_LINES, PORT_LINES, RollupRow
from readings.turn import Turn
from tests.factories import make_device
from tests.readings import bulk
from tests.readings.store.archive.stored import on_disk
from tests.readings.store.stored import no_pause, roll_up, rows

pytestmark = [pytest.mark.engines, pytest.mark.django_db]

DAY_MS = 24 * HOUR_MS
T0 = parse_time("2026-05-01T00:00:00Z")
NOW = T0 + 10 * DAY_MS + 7 * HOUR_MS
YEARS_LATER = parse_time("2028-05-11T07:00:00Z")
STEP_MS = 1_200_000
FIRST = T0 + STEP_MS
HOURS = (0, 17, 18, 19)
"""In which a device measures, by UTC: few transactions roll them up."""


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.CT6_ARCHIVE = str(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def device() -> Device:
    """Ten days and an hour, rolled up."""
    return measured(make_device(ports=["Grid", "Solar"], timezone="Europe/Berlin"))


def measured(device: Device, start_ms: int = T0, end_ms: int = NOW) -> Device:
    answers = [
        bulk.Answer(time, STEP_MS, (time // 1000 % 7919 - 4000, 5))
        for time in range(start_ms + STEP_MS, end_ms, STEP_MS)
        if (time - 1) % DAY_MS // HOUR_MS in HOURS
    ]
    bulk.store(device, answers)
    roll_up(YEARS_LATER)
    return device


def rule(device: Device, days: int | None = 3, years: int | None = None) -> Retention:
    return Retention.objects.create(device=device, seconds_days=days, minutes_years=years, changed_at=timezone.now())


def let_go(now_ms: int = NOW, **options: Any) -> list[Going]:
    done = letting_go.let_go(now_ms, turn=Turn(pause=no_pause), **options)
    assert not done.more
    assert done.problems == []
    return done.going


def put_into_files() -> None:
    turn = Turn(pause=no_pause)
    archiving.archive_due(NOW, turn=turn)
    archiving.compact_due(NOW, turn=turn)


def day_of(moment: int) -> int:
    return (moment - T0) // DAY_MS


def all_rollups() -> list[Any]:
    return [
        rows(lines, table) for lines in (PORT_LINES, DEVICE_LINES) for table in (lines.minutes, lines.hours, lines.days)
    ]


def hours_and_days() -> list[Any]:
    return [rows(lines, table) for lines in (PORT_LINES, DEVICE_LINES) for table in (lines.hours, lines.days)]


def all_energy(of_ports: list[RollupRow]) -> int:
    columns = [PORT_LINES.rollup_columns.index(name) for name in ("positive_energy", "negative_energy")]
    return sum(row[column] or 0 for row in of_ports for column in columns)


def first_reading(device: Device) -> int:
    span = measured_span(device.pk)
    assert span is not None
    return span[0]


def first_minute(device: Device) -> int:
    row = DeviceMinute.objects.filter(device=device).order_by("start").first()
    files = ArchiveFile.objects.filter(device=device, kind="device_minutes").order_by("start_ms")
    return min([*([row.start] if row else []), *files.values_list("first_ms", flat=True)])


def kwh(device: Device, bucket: history.EnergyBucket = "total", end_ms: int = NOW - 7 * HOUR_MS) -> list[Any]:
    return history.energy(list(device.ports.all()), T0, end_ms, bucket, now_ms=NOW)


class TestSeconds:
    def test_without_a_rule_nothing_goes(self, device: Device) -> None:
        assert let_go() == []
        assert first_reading(device) == FIRST

    def test_a_rule_for_ever_lets_nothing_go(self, device: Device) -> None:
        rule(device, days=None)
        assert let_go() == []
        assert first_reading(device) == FIRST

    @pytest.mark.parametrize("in_files", [False, True])
    def test_whole_utc_days_before_so_many_go(self, device: Device, root: Path, *, in_files: bool) -> None:
        if in_files:
            put_into_files()
        before = all_rollups()
        rule(device)
        (going,) = let_go()
        assert first_reading(device) == FIRST + 7 * DAY_MS
        assert going.readings is not None
        assert going.readings.count == 7 * 12
        assert (going.readings.files > 0) is in_files
        assert (going.readings.first_ms, going.readings.until_ms) == (FIRST, T0 + 7 * DAY_MS)
        assert all_rollups() == before
        assert on_disk(root) == set(ArchiveFile.objects.values_list("path", flat=True))

    def test_other_units_keep_theirs(self, device: Device) -> None:
        other = measured(make_device("ASY0398_V003.300_SN00001802", ports=["Grid"]))
        rule(device)
        let_go()
        assert first_reading(other) == FIRST

    def test_chosen_units_alone(self, device: Device) -> None:
        rule(device)
        assert let_go(device_ids=[device.pk + 1]) == []
        assert len(let_go(device_ids=[device.pk])) == 1

    def test_a_second_time_nothing_is_left_to_do(self, device: Device) -> None:
        put_into_files()
        rule(device)
        assert let_go()
        assert let_go() == []

    @pytest.mark.parametrize("in_files", [False, True])
    def test_a_look_tells_what_then_goes(self, device: Device, root: Path, *, in_files: bool) -> None:
        if in_files:
            put_into_files()
        rule(device, 400, 2)
        later = parse_time("2029-05-20T00:00:00Z")
        bulk.store(device, [bulk.Answer(later, 0, (1, 1))])
        roll_up(later + HOUR_MS)
        stored, files, on = all_rollups(), ArchiveFile.objects.count(), on_disk(root)
        told = letting_go.foresee_all(later)
        assert (all_rollups(), ArchiveFile.objects.count(), on_disk(root)) == (stored, files, on)
        assert not AuditEntry.objects.exists()
        readings, minutes = told[0].readings, told[0].minutes
        assert readings is not None
        assert minutes is not None
        counted = DeviceReading.objects.count(), DeviceMinute.objects.count()
        assert let_go(later) == told
        assert counted[0] - DeviceReading.objects.count() == readings.rows
        assert counted[1] - DeviceMinute.objects.count() == minutes.rows
        assert readings.files == files - ArchiveFile.objects.count()
        assert letting_go.foresee_all(later) == []

    def test_it_is_in_the_audit_log_once_a_run(self, device: Device) -> None:
        rule(device)
        let_go()
        let_go()
        entry = AuditEntry.objects.get()
        assert (entry.action, entry.device, entry.who_name) == ("let_go", device, "")
        assert entry.before["readings"]["to"] == "2026-05-08T00:00:00+00:00"

    def test_forgetting_all_of_a_unit_forgets_its_marks(self, device: Device) -> None:
        rule(device)
        let_go()
        retention.forget(device, pause=no_pause)
        assert Retention.objects.get().readings_gone_ms == 0


class TestWhatStays:
    def test_a_day_with_a_minute_that_waits_and_all_after_it(self, device: Device) -> None:
        DirtyBucket.objects.create(device=device, minute=T0 + 2 * DAY_MS + 5 * MINUTE_MS)
        rule(device)
        let_go()
        assert day_of(first_reading(device)) == 2
        roll_up()
        let_go()
        assert day_of(first_reading(device)) == 7

    def test_a_day_without_one_of_its_hours(self, device: Device) -> None:
        DeviceHour.objects.get(start=T0 + 3 * DAY_MS + 18 * HOUR_MS).delete()
        rule(device)
        let_go()
        assert day_of(first_reading(device)) == 3

    def test_a_file_without_its_hours(self, device: Device) -> None:
        put_into_files()
        DeviceHour.objects.filter(start__gte=T0 + 3 * DAY_MS, start__lt=T0 + 4 * DAY_MS).delete()
        rule(device)
        let_go()
        assert day_of(first_reading(device)) == 3

    def test_what_a_bad_span_is_still_on_its_way_through(self, device: Device) -> None:
        span = BadSpan.objects.create(
            port=device.ports.get(number=1),
            start_ms=T0 + DAY_MS + HOUR_MS,
            end_ms=T0 + 3 * DAY_MS,
            until_ms=T0 + 2 * DAY_MS,
            reason="open",
            marked_at=to_datetime(NOW),
        )
        rule(device)
        let_go()
        assert day_of(first_reading(device)) == 1
        bad_spans.go_on(span, now=to_datetime(NOW), pause=no_pause)
        roll_up(YEARS_LATER)
        let_go()
        assert day_of(first_reading(device)) == 7

    def test_the_day_of_the_newest_reading(self, device: Device) -> None:
        put_into_files()
        rule(device)
        let_go(YEARS_LATER)
        assert first_reading(device) == FIRST + 10 * DAY_MS

    def test_a_unit_that_is_being_replaced(self, device: Device) -> None:
        new = make_device("ASY0398_V003.300_SN00001802")
        Replacement.objects.create(device=device, former_assy="a", new_assy="b", at_ms=NOW, moving_from=new)
        rule(device)
        assert let_go() == []

    def test_files_while_the_archive_is_off(self, device: Device, settings: Settings) -> None:
        put_into_files()
        other = measured(make_device("ASY0398_V003.300_SN00001802", ports=["Grid"]))
        rule(device)
        rule(other)
        settings.CT6_ARCHIVE = ""
        done = letting_go.let_go(NOW, turn=Turn(pause=no_pause))
        assert len(done.problems) == 1
        assert "switched off" in done.problems[0]
        assert first_reading(device) == FIRST
        assert day_of(first_reading(other)) == 7
        assert not AuditEntry.objects.filter(device=device).exists()

    def test_what_was_restored_to_stay(self, device: Device) -> None:
        put_into_files()
        restore(device.pk, T0 + 4 * DAY_MS, T0 + 5 * DAY_MS, hold_until=to_datetime(NOW + DAY_MS), pause=no_pause)
        rule(device)
        let_go()
        assert day_of(first_reading(device)) == 4
        let_go(NOW + 2 * DAY_MS)
        assert day_of(first_reading(device)) == 9

    def test_a_reading_that_comes_while_its_day_goes(self, device: Device) -> None:
        """It is stored after the look at what waits, into a gap, and deleted with the rest of the day: brought back."""
        measured(device, T0 + 20 * DAY_MS, T0 + 25 * DAY_MS)
        rule(device)

        def come(step: str) -> None:
            if step == "marked":
                bulk.store(device, [bulk.Answer(T0 + 15 * DAY_MS + 30_000, 30_000, (36_000, 36_000))])

        done = letting_go.let_go(T0 + 25 * DAY_MS, turn=Turn(pause=no_pause, step=come))
        assert [going.device for going in done.going] == [device]
        assert DeviceReading.objects.filter(time=T0 + 15 * DAY_MS + 30_000).exists()
        roll_up(YEARS_LATER)
        assert DeviceMinute.objects.filter(start=T0 + 15 * DAY_MS).exists()
        let_go(T0 + 25 * DAY_MS)
        assert day_of(first_reading(device)) == 22


class TestTurns:
    def test_a_turn_ends_in_time_and_the_next_goes_on(self, device: Device) -> None:
        put_into_files()
        expected = hours_and_days()
        rule(device)
        turns, seconds = 0, iter(range(1_000_000))
        more = True
        while more:
            turn = Turn(limit_s=1, pause=no_pause, clock=lambda: float(next(seconds)))
            more = letting_go.let_go_tonight(NOW, turn=turn).more
            turns += 1
        assert turns > 2
        assert day_of(first_reading(device)) == 7
        assert hours_and_days() == expected
        assert AuditEntry.objects.count() == 1

    def test_once_a_night_is_enough(self, device: Device) -> None:
        rule(device)
        turn = Turn(pause=no_pause)
        assert len(letting_go.let_go_tonight(NOW, turn=turn).going) == 1
        with CaptureQueriesContext(connection) as queries:
            assert letting_go.let_go_tonight(NOW + HOUR_MS, turn=turn).going == []
        assert len(queries) == 1
        assert len(letting_go.let_go_tonight(NOW + DAY_MS, turn=turn).going) == 1

    def test_a_rule_that_changes_meanwhile_is_looked_at_again(self, device: Device) -> None:
        """What was foreseen by the old rule does not go."""
        kept = rule(device)
        kept.seconds_days = 5
        going = due_to_go.foresee(Retention.objects.select_related("device").get(), NOW)
        kept.save()
        old = Retention(pk=kept.pk, device=device, seconds_days=3)
        assert not letting_go._mark(old, going, NOW, None)
        assert Retention.objects.get().readings_gone_ms == 0


class TestAfterwards:
    @pytest.mark.parametrize("in_files", [False, True])
    def test_kwh_stay_bit_for_bit(self, device: Device, *, in_files: bool) -> None:
        if in_files:
            put_into_files()
        asked: list[history.EnergyBucket] = ["total", "hour", "day", "month"]
        before = [kwh(device, bucket) for bucket in asked]
        rule(device)
        let_go()
        after = [kwh(device, bucket) for bucket in asked]
        assert after == before

    def test_a_rebuild_leaves_old_rollups_alone(self, device: Device) -> None:
        before = all_rollups()
        rule(device)
        let_go()
        rollups.rebuild([device], 0, NOW, pause=no_pause)
        assert all_rollups() == before

    def test_so_does_a_late_reading_which_adds_minutes_where_there_are_none(self, device: Device) -> None:
        gap = T0 + 20 * DAY_MS
        measured(device, gap + HOUR_MS, gap + 5 * DAY_MS)
        rule(device)
        let_go(gap + 5 * DAY_MS)
        before = all_rollups()
        bulk.store(device, [bulk.Answer(T0 + DAY_MS + 30_000, 30_000, (36_000, 36_000))])  # a minute that is gone
        bulk.store(device, [bulk.Answer(T0 + 15 * DAY_MS + 30_000, 30_000, (36_000, 36_000))])  # and one in the gap
        roll_up(YEARS_LATER)
        after = all_rollups()
        assert all(set(old) <= set(table) for table, old in zip(after, before, strict=True))
        assert [len(table) - len(old) for table, old in zip(after, before, strict=True)] == [2, 2, 2, 1, 1, 1]
        let_go(gap + 5 * DAY_MS)
        assert day_of(first_reading(device)) == 22
        assert all_rollups() == after

    def test_the_nightly_audit_finds_nothing_wrong(self, device: Device) -> None:
        rule(device)
        let_go()
        found = audit([device], 0, NOW, sample=None, chance=random.Random(1))
        assert found.hours == 73
        assert found.mismatches == []

    def test_nothing_of_it_can_be_marked_as_bad_or_lifted_any_more(self, device: Device) -> None:
        port = device.ports.get(number=1)
        span = bad_spans.mark(
            port, T0 + DAY_MS, T0 + DAY_MS + HOUR_MS, reason="r", who=None, now=to_datetime(NOW), pause=no_pause
        )
        roll_up(YEARS_LATER)
        rule(device)
        let_go()
        with pytest.raises(NotMarked, match="not stored any more"):
            bad_spans.lift(span, who=None)
        with pytest.raises(NotMarked, match=r"until 2026-05-08T00:00:00\+00:00 only sums are stored"):
            bad_spans.mark(port, T0 + 2 * DAY_MS, T0 + 3 * DAY_MS, reason="r", who=None, now=to_datetime(NOW))


class TestMinutes:
    @pytest.fixture(params=["rows", "files"])
    def years_later(self, device: Device, request: pytest.FixtureRequest) -> Device:
        """It measures two years later as well."""
        measured(device, YEARS_LATER - 5 * DAY_MS, YEARS_LATER)
        if request.param == "files":
            archiving.archive_minutes_due(YEARS_LATER, turn=Turn(pause=no_pause))
            assert ArchiveFile.objects.filter(kind="port_minutes").exists()
        return device

    def test_they_go_after_years_and_hours_and_days_stay(self, years_later: Device, root: Path) -> None:
        before, sums = hours_and_days(), kwh(years_later, "day")
        in_files = ArchiveFile.objects.exists()
        rule(years_later, 3, 1)
        (going,) = let_go(YEARS_LATER)
        assert going.minutes is not None
        assert going.minutes.count == 10 * 240 + 60
        assert (going.minutes.files > 10) is in_files
        first = PortMinute.objects.order_by("start").first()
        assert first is not None
        assert first.start >= parse_time("2028-05-06T07:00:00Z") - MINUTE_MS
        assert not ArchiveFile.objects.exists()
        assert on_disk(root) == set()
        assert hours_and_days() == before
        assert kwh(years_later, "day") == sums
        assert let_go(YEARS_LATER) == []

    def test_none_whose_readings_are_there(self, years_later: Device) -> None:
        DirtyBucket.objects.create(device=years_later, minute=T0 + 2 * DAY_MS)
        rule(years_later, 3, 1)
        (going,) = let_go(YEARS_LATER)
        assert day_of(first_reading(years_later)) == 2
        assert going.minutes is None
        assert first_minute(years_later) == T0

    def test_none_without_its_hours(self, years_later: Device) -> None:
        of_a_day = {"start__gte": T0 + 4 * DAY_MS, "start__lt": T0 + 5 * DAY_MS}
        DeviceHour.objects.filter(**of_a_day).delete()
        rule(years_later, 3, 1)
        let_go(YEARS_LATER)
        assert day_of(first_reading(years_later)) == 4
        assert day_of(first_minute(years_later)) == 2  # a day before that may still be computed anew

    def test_none_of_a_port_without_its_hour(self, device: Device) -> None:
        measured(device, YEARS_LATER - 5 * DAY_MS, YEARS_LATER)
        port = device.ports.get(number=2)
        PortHour.objects.filter(port=port, start=T0 + 4 * DAY_MS + 18 * HOUR_MS).delete()
        rule(device, 3, 1)
        let_go(YEARS_LATER)
        assert day_of(first_minute(device)) == 4

    def test_not_while_its_days_are_moved_to_another_zone(self, years_later: Device) -> None:
        Device.objects.update(timezone="Asia/Kathmandu")
        rule(years_later, 3, 1)
        (going,) = let_go(YEARS_LATER)
        assert going.minutes is None

    def test_a_rebuild_and_a_late_reading_leave_hours_alone(self, years_later: Device) -> None:
        rule(years_later, 3, 1)
        let_go(YEARS_LATER)
        before = hours_and_days()
        rollups.rebuild([years_later], 0, YEARS_LATER, pause=no_pause)
        bulk.store(years_later, [bulk.Answer(T0 + DAY_MS + 30_000, 30_000, (36_000, 36_000))])
        roll_up(YEARS_LATER + HOUR_MS)
        assert hours_and_days() == before

    def test_another_zone_keeps_every_kwh(self, years_later: Device) -> None:
        """An hour that midnight cuts is counted whole, in the day that it begins in."""
        rule(years_later, 3, 1)
        let_go(YEARS_LATER)
        total = all_energy(rows(PORT_LINES, PORT_LINES.days))
        Device.objects.update(timezone="Asia/Kathmandu")
        rollups.rebuild_days(Device.objects.get(pk=years_later.pk), pause=no_pause)
        days = rows(PORT_LINES, PORT_LINES.days)
        assert all_energy(days) == total
        assert to_datetime(int(days[0][1] or 0), "Asia/Kathmandu").hour == 0

    @pytest.mark.parametrize("in_files", [False, True])
    def test_where_days_begin_off_the_hour_the_hours_that_they_cut_keep_their_minutes(
        self, root: Path, *, in_files: bool
    ) -> None:
        device = measured(make_device(ports=["Grid"], timezone="Asia/Kathmandu"))
        measured(device, YEARS_LATER - 5 * DAY_MS, YEARS_LATER)
        turn = Turn(pause=no_pause)
        if in_files:
            archiving.archive_minutes_due(YEARS_LATER, turn=turn)
        rule(device, 3, 1)
        let_go(YEARS_LATER)
        kept = DeviceMinute.objects.filter(start__lt=T0 + 5 * DAY_MS).values_list("start", flat=True)
        assert {(start - T0) % DAY_MS // HOUR_MS for start in kept} == {18}
        if in_files:
            archiving.archive_minutes_due(YEARS_LATER, turn=turn)
            assert ArchiveFile.objects.exists()
        before = hours_and_days()
        rollups.rebuild_days(device, pause=no_pause)
        assert hours_and_days() == before
        assert let_go(YEARS_LATER) == []
        assert on_disk(root) == set(ArchiveFile.objects.values_list("path", flat=True))

    def test_it_ends_at_the_same_day_next_year(self) -> None:
        assert due_to_go._years_before(parse_time("2028-02-29T12:00:00Z"), 1) == parse_time("2027-02-28T00:00:00Z")
