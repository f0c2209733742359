"""CSV and Excel files of what is plotted: the same points, named, at the device's own times."""

import csv
import io
import zipfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from dashboard.excel import to_excel
from dashboard.export import file_name, table_of, to_csv
from dashboard.state import State, current_ms, shown_of
from devices.models import Device
from readings import history
from readings.periods import HOUR_MS, MINUTE_MS, SECOND_MS, parse_time
from readings.quantities import ACTIVE_POWER
from readings.store.rollups import roll_up_closed
from tests.factories import make_device, store_reading
from tests.people import logged_in, make_user
from tests.readings.bulk import steady, store

pytestmark = pytest.mark.django_db

DAY = "day=2026-11-21"
NOONTIME = "start=2026-11-21T12:00&stop=2026-11-21T12:10"
MIDNIGHT = parse_time("2026-11-21T00:00:00+01:00")
NOON = MIDNIGHT + 12 * HOUR_MS
NOW = parse_time("2026-11-22T14:00:00+01:00")
MOST_QUERIES = 12
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@pytest.fixture
def house() -> Device:
    """Three minutes of readings: 6 kW drawn from the grid, 3 kW from the roof."""
    device = make_device("A", name="Haus Süd", ports=["Grid", "Solar", ""], timezone="Europe/Berlin")
    for minute in range(1, 4):
        store_reading(device, NOON + minute * MINUTE_MS, MINUTE_MS, [-6000.0, 3000.0, 7.0])
    return device


def csv_of(device: Device, words: str = DAY) -> list[list[str]]:
    text = to_csv(table_of(shown_of(State.read(words), device, NOW)))
    return list(csv.reader(io.StringIO(text, newline="")))


def excel_of(device: Device, words: str = DAY) -> list[list[list[Any]]]:
    """The cells of every sheet as a spreadsheet reads them; a time is the number of days that it is stored as."""
    file = zipfile.ZipFile(io.BytesIO(to_excel(table_of(shown_of(State.read(words), device, NOW)))))
    texts = ["".join(entry.itertext()) for entry in ElementTree.fromstring(file.read("xl/sharedStrings.xml"))]
    sheets = []
    for number in (1, 2):
        root = ElementTree.fromstring(file.read(f"xl/worksheets/sheet{number}.xml"))
        assert root.find(f".//{SHEET}f") is None, "no formula anywhere"
        sheets.append([[_cell(cell, texts) for cell in row] for row in root.iter(f"{SHEET}row")])
    return sheets


def _cell(cell: ElementTree.Element, texts: Sequence[str]) -> Any:
    value = cell.findtext(f"{SHEET}v") or ""
    return texts[int(value)] if cell.get("t") == "s" else float(value)


def excel_time(local: str) -> float:
    """How Excel stores a local time: days since the end of 1899."""
    return (datetime.fromisoformat(local) - datetime(1899, 12, 30)) / timedelta(days=1)  # noqa: DTZ001


class TestTable:
    def test_a_column_per_shown_port_with_its_name_and_unit(self, house: Device) -> None:
        head = csv_of(house, f"{NOONTIME}&resolution=second")[0]
        assert head == ["Time", "Grid (W)", "Solar (W)"]

    def test_a_range_without_anything_in_it_is_a_file_too(self, house: Device) -> None:
        nothing = "start=2026-11-21T12:00&stop=2026-11-21T12:00"
        for words in (nothing, f"{nothing}&view=energy", "start=2026-11-22T00:00&stop=2026-11-21T00:00&view=energy"):
            assert len(csv_of(house, words)) == 1
            assert excel_of(house, words)[0] == [excel_of(house, words)[0][0]]

    def test_a_line_that_was_switched_off_is_left_out(self, house: Device) -> None:
        assert csv_of(house, f"{NOONTIME}&resolution=second&hidden=1")[0] == ["Time", "Solar (W)"]

    def test_readings_as_they_came_have_no_lowest_and_highest(self, house: Device) -> None:
        assert csv_of(house, f"{NOONTIME}&resolution=second")[1] == ["2026-11-21T12:01:00+01:00", "-6000.0", "3000.0"]

    def test_a_point_of_several_readings_tells_the_lowest_and_the_highest_too(self, house: Device) -> None:
        store_reading(house, NOON + 3 * MINUTE_MS + 30 * SECOND_MS, 30 * SECOND_MS, [-9000.0, 0.0, 0.0])
        head, first, *others = csv_of(house, f"{DAY}&resolution=hour")
        assert head[:4] == ["Time", "Grid (W)", "Grid minimum (W)", "Grid maximum (W)"]
        assert first[0] == "2026-11-21T12:00:00+01:00"
        assert [float(cell) for cell in first[1:4]] == [pytest.approx(-6428.5714), -9000.0, -6000.0]
        assert others == []

    def test_it_holds_what_is_drawn(self, house: Device) -> None:
        ports = list(house.ports.all())[:2]
        series = history.series(ports, ACTIVE_POWER, MIDNIGHT, MIDNIGHT + 24 * HOUR_MS, now_ms=NOW, resolution="minute")
        rows = csv_of(house, f"{DAY}&resolution=minute")[1:]
        drawn = series.lines[0].values
        assert [float(row[1]) for row in rows] == drawn[np.isfinite(drawn)].tolist()

    def test_the_zoom_is_what_is_plotted(self, house: Device) -> None:
        zoom = f"zoom={NOON + MINUTE_MS}_{NOON + 2 * MINUTE_MS}"
        rows = csv_of(house, f"{NOONTIME}&resolution=second&{zoom}")[1:]
        assert [row[0] for row in rows] == ["2026-11-21T12:01:00+01:00"]

    def test_import_is_drawn_above_zero_where_that_is_chosen(self, house: Device) -> None:
        row = csv_of(house, f"{DAY}&resolution=hour&sign=positive")[1]
        assert [float(cell) for cell in row[1:]] == [6000.0, 6000.0, 6000.0, -3000.0, -3000.0, -3000.0]

    def test_the_sign_turns_nothing_that_has_no_direction(self, house: Device) -> None:
        row = csv_of(house, f"{NOONTIME}&resolution=second&sign=positive&quantity=apparent_power")[1]
        assert row[1:] == ["6000.0", "3000.0"]

    def test_what_is_measured_once_per_device_is_one_column(self, house: Device) -> None:
        head, first, *_ = csv_of(house, f"{NOONTIME}&resolution=second&quantity=voltage")
        assert head == ["Time", "AC voltage (V)"]
        assert first[1:] == ["230.0"]

    def test_a_missing_value_is_an_empty_field_and_a_gap_has_no_row(self, house: Device) -> None:
        store_reading(house, NOON + 9 * MINUTE_MS, SECOND_MS, [None, 1.0, None])
        rows = csv_of(house, f"{NOONTIME}&resolution=second")[1:]
        assert rows[-1] == ["2026-11-21T12:09:00+01:00", "", "1.0"]
        assert len(rows) == 4

    def test_a_day_without_readings_is_a_head_alone(self, house: Device) -> None:
        assert len(csv_of(house, "day=2026-11-01")) == 1

    def test_an_hour_that_comes_twice_is_told_apart(self, house: Device) -> None:
        before = parse_time("2026-10-25T02:30:00+02:00")
        for time in (before, before + HOUR_MS):
            store_reading(house, time, SECOND_MS, [1.0, 1.0, 1.0])
        rows = csv_of(house, "start=2026-10-25T02:00&stop=2026-10-25T04:00&resolution=second")[1:]
        assert [row[0] for row in rows] == ["2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"]

    def test_at_a_chosen_resolution_every_bucket_has_its_row(self, house: Device) -> None:
        """A drawing of a year has no room for each of its hours."""
        store_reading(house, parse_time("2026-01-05T08:30:00+01:00"), SECOND_MS, [1.0, 1.0, 1.0])
        store_reading(house, NOON + HOUR_MS + MINUTE_MS, MINUTE_MS, [1.0, 1.0, 1.0])
        rows = csv_of(house, "range=year&resolution=hour")[1:]
        assert [row[0] for row in rows] == [
            "2026-01-05T08:00:00+01:00",
            "2026-11-21T12:00:00+01:00",
            "2026-11-21T13:00:00+01:00",
        ]


class TestEnergyView:
    """Its bars: import and export of every port by hour, day, month or year."""

    def test_a_row_per_bucket_with_any_measurement(self, house: Device) -> None:
        store_reading(house, MIDNIGHT - 2 * HOUR_MS, HOUR_MS, [-1000.0, 0.0, 0.0])
        assert csv_of(house, "view=energy&range=month&bucket=day") == [
            ["Time", "Grid import (kWh)", "Grid export (kWh)", "Solar import (kWh)", "Solar export (kWh)"],
            ["2026-11-20T00:00:00+01:00", "1.0", "0.0", "0.0", "0.0"],
            ["2026-11-21T00:00:00+01:00", "0.3", "0.0", "0.0", "0.15"],
        ]

    def test_years_are_sums_of_months(self, house: Device) -> None:
        store_reading(house, MIDNIGHT - 60 * 24 * HOUR_MS, HOUR_MS, [-1000.0, 0.0, 0.0])
        rows = csv_of(house, "view=energy&range=year&bucket=year")[1:]
        assert rows == [["2026-01-01T00:00:00+01:00", "1.3", "0.0", "0.0", "0.15"]]

    def test_its_excel_file_has_the_totals_that_the_table_has(self, house: Device) -> None:
        store_reading(house, MIDNIGHT - 2 * HOUR_MS, HOUR_MS, [-1000.0, 0.0, 0.0])
        values, about = excel_of(house, "view=energy&range=month&bucket=day")
        assert [row[1] for row in values[1:]] == [1.0, 0.3]
        assert ["Resolution", "a row per day"] in about
        of_plot = excel_of(house, "range=month&resolution=day")[1]
        top = about.index(["Energy in kWh", "Net", "Import", "Export"])
        assert about[top:] == of_plot[of_plot.index(about[top]) :]

    def test_its_files_are_named_after_it(self, house: Device) -> None:
        table = table_of(shown_of(State.read(f"view=energy&{DAY}"), house, NOW))
        assert file_name(table, "xlsx") == "haus-süd_energy_2026-11-21.xlsx"


class TestFormulas:
    """A name that a unit reported must not run in somebody's spreadsheet."""

    @pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
    def test_names_never_begin_like_one_in_csv(self, start: str) -> None:
        device = make_device(ports=[f"{start}HYPERLINK(1)"], timezone="Europe/Berlin")
        assert csv_of(device)[0][1].startswith(f"'{start}HYPERLINK(1)")

    def test_commas_and_quotes_stay_in_their_field(self) -> None:
        device = make_device(ports=['Kitchen, "left"'], timezone="Europe/Berlin")
        store_reading(device, NOON, SECOND_MS, [1.0])
        assert csv_of(device, f"{NOONTIME}&resolution=second") == [
            ["Time", 'Kitchen, "left" (W)'],
            ["2026-11-21T12:00:00+01:00", "1.0"],
        ]

    def test_in_excel_they_are_text_as_they_are(self) -> None:
        device = make_device(name="=1+1", ports=["=HYPERLINK(1)", "https://example.com"], timezone="Europe/Berlin")
        store_reading(device, NOON, SECOND_MS, [1.0, 1.0])
        values, about = excel_of(device, f"{NOONTIME}&resolution=second")
        assert values[0] == ["Time", "=HYPERLINK(1) (W)", "https://example.com (W)"]
        assert about[0] == ["Device", "=1+1"]


class TestExcel:
    def test_times_are_dates_on_the_device_s_clocks_and_values_numbers(self, house: Device) -> None:
        values, _ = excel_of(house, f"{NOONTIME}&resolution=second")
        assert values[0] == ["Time", "Grid (W)", "Solar (W)"]
        assert values[1] == [pytest.approx(excel_time("2026-11-21T12:01:00"), abs=1e-8), -6000.0, 3000.0]
        assert len(values) == 4

    def test_the_offset_stands_beside_times_of_a_day_on_which_it_changes(self, house: Device) -> None:
        before = parse_time("2026-10-25T02:30:00+02:00")
        for time in (before, before + HOUR_MS):
            store_reading(house, time, SECOND_MS, [1.0, 1.0, 1.0])
        values, _ = excel_of(house, "start=2026-10-25T02:00&stop=2026-10-25T04:00&resolution=second")
        assert values[0][:2] == ["Time", "UTC offset"]
        assert [row[:2] for row in values[1:]] == [
            [pytest.approx(excel_time("2026-10-25T02:30:00")), "+02:00"],
            [pytest.approx(excel_time("2026-10-25T02:30:00")), "+01:00"],
        ]

    def test_a_sheet_says_what_it_is(self, house: Device) -> None:
        _, about = excel_of(house, f"{DAY}&resolution=minute")
        assert about[:8] == [
            ["Device", "Haus Süd"],
            ["Assembly label", "A"],
            ["Values", "Active power (W)"],
            ["Values from", "2026-11-21T00:00:00+01:00"],
            ["Values until", "2026-11-22T00:00:00+01:00"],
            ["Time zone", "Europe/Berlin"],
            ["Resolution", "minute, a row for every 60 s"],
            ["Import is", "negative"],
        ]

    def test_the_energy_is_that_of_the_whole_range_with_its_coverage(self, house: Device) -> None:
        zoom = f"zoom={NOON + MINUTE_MS}_{NOON + 2 * MINUTE_MS}"
        _, about = excel_of(house, f"{DAY}&{zoom}")
        assert ["Energy from", "2026-11-21T00:00:00+01:00"] in about
        top = about.index(["Energy in kWh", "Net", "Import", "Export"])
        assert about[top + 1 : top + 4] == [
            ["Grid", pytest.approx(0.3), pytest.approx(0.3), 0.0],
            ["Solar", pytest.approx(-0.15), 0.0, pytest.approx(0.15)],
            ["Total", pytest.approx(0.15), pytest.approx(0.3), pytest.approx(0.15)],
        ]
        assert about[top + 4 :] == [
            ["Measured", pytest.approx(100 * 6 / 1440)],
            ["Recovered", 0.0],
            ["Missing", pytest.approx(100 * 1434 / 1440)],
        ]

    def test_a_device_without_readings_has_a_file_too(self) -> None:
        values, about = excel_of(make_device(timezone="Europe/Berlin"))
        assert len(values) == 1
        assert about[-1][0] == "Total"


class TestLanguage:
    def test_an_excel_file_is_in_the_language_of_whoever_asks(self, house: Device) -> None:
        with translation.override("de"):
            values, about = excel_of(house, f"{DAY}&resolution=hour")
        assert values[0][:3] == ["Zeit", "Grid (W)", "Grid Minimum (W)"]
        assert ["Auflösung", "Stunde, eine Zeile je 3600 s"] in about
        assert ["Energie in kWh", "Saldo", "Bezug", "Einspeisung"] in about

    def test_a_port_s_name_is_nobody_s_word(self) -> None:
        device = make_device(ports=["Import"], timezone="Europe/Berlin")
        with translation.override("de"):
            values, _ = excel_of(device, f"{NOONTIME}&resolution=second")
        assert values[0] == ["Zeit", "Import (W)"]

    @pytest.mark.parametrize("words", [f"{DAY}&resolution=hour", "view=energy&range=month", "quantity=voltage"])
    def test_a_csv_file_is_the_same_for_everybody(self, words: str, house: Device) -> None:
        """Programs read it."""
        english = csv_of(house, words)
        with translation.override("de"):
            assert csv_of(house, words) == english


class TestFileName:
    def name(self, device: Device, words: str) -> str:
        return file_name(table_of(shown_of(State.read(words), device, NOW)), "csv")

    def test_of_a_day(self, house: Device) -> None:
        assert self.name(house, DAY) == "haus-süd_active-power_2026-11-21.csv"

    def test_of_a_longer_range_its_first_and_last_day(self, house: Device) -> None:
        words = "range=last-month&quantity=voltage"
        assert self.name(house, words) == "haus-süd_ac-voltage_2026-10-01_2026-10-31.csv"

    def test_a_name_of_signs_alone_gives_way_to_the_label(self) -> None:
        assert self.name(make_device("ASY1", name="../.."), DAY) == "asy1_active-power_2026-11-21.csv"


class TestAsking:
    @pytest.mark.parametrize(
        ("ending", "content_type"),
        [
            ("csv", "text/csv; charset=utf-8"),
            ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ],
    )
    def test_it_is_a_file_that_no_cache_keeps(self, ending: str, content_type: str, house: Device) -> None:
        response = logged_in(make_user(sees=[house])).get(f"/export.{ending}?device={house.pk}&{DAY}")
        assert response.status_code == 200
        assert response.headers["Content-Type"] == content_type
        name = f"haus-s%C3%BCd_active-power_2026-11-21.{ending}"
        assert response.headers["Content-Disposition"] == f"attachment; filename*=utf-8''{name}"
        assert "no-store" in response.headers["Cache-Control"]

    def test_words_mean_what_they_mean_on_the_page(self, house: Device) -> None:
        client = logged_in(make_user(sees=[house]))
        response = client.get(f"/export.csv?device={house.pk}&{NOONTIME}&resolution=second&quantity=frequency")
        assert response.content.decode().splitlines()[:2] == [
            "Time,AC frequency (Hz)",
            "2026-11-21T12:01:00+01:00,50.0",
        ]

    @pytest.mark.parametrize("words", ["day=never", "device=x", "quantity=love", "zoom=9_1", "start=1&stop=2"])
    def test_words_that_mean_nothing_count_as_left_out(self, words: str, house: Device) -> None:
        assert logged_in(make_user(sees=[house])).get(f"/export.csv?{words}").status_code == 200

    def test_only_reading_is_possible(self, house: Device) -> None:
        assert logged_in(make_user(sees=[house])).post("/export.csv").status_code == 405

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    @pytest.mark.parametrize("words", [DAY, "range=today", "view=energy", f"view=energy&{DAY}"])
    def test_few_queries_and_no_write(self, ending: str, words: str, house: Device) -> None:
        roll_up_closed(current_ms())
        store_reading(house, current_ms(), SECOND_MS, [1.0, 1.0, 1.0])
        client = logged_in(make_user(sees=[house]))
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/export.{ending}?device={house.pk}&{words}")
        statements = [query["sql"] for query in queries]
        assert 0 < len(statements) <= MOST_QUERIES, "\n".join(statements)
        assert [text for text in statements if text.split()[0] in ("INSERT", "UPDATE", "DELETE", "BEGIN")] == []

    @pytest.mark.parametrize("ending", ["csv", "xlsx"])
    @pytest.mark.parametrize(
        "words",
        [
            "range=week",
            "range=month",
            "range=year",
            "start=2026-11-20T10:20:30&stop=2026-11-22T23:50:30",
            "start=2026-11-20T10:20:30&stop=2099-01-01",
            "view=energy",
            "view=energy&start=2026-11-20T10:20:30&stop=2099-01-01",
        ],
    )
    def test_no_more_while_minutes_wait_for_their_rollup(self, ending: str, words: str, house: Device) -> None:
        now_ms = current_ms()
        store_reading(house, now_ms - 6 * 24 * HOUR_MS, MINUTE_MS, [10.0, 10.0, 10.0])
        roll_up_closed(now_ms)
        store(house, steady(now_ms - 2 * HOUR_MS, now_ms, MINUTE_MS, 10, 10, 10))
        client = logged_in(make_user(sees=[house]))
        with CaptureQueriesContext(connection) as queries:
            client.get(f"/export.{ending}?device={house.pk}&{words}")
        assert 0 < len(queries) <= MOST_QUERIES, "\n".join(query["sql"] for query in queries)

    def test_a_guest_is_led_to_the_login_and_back(self) -> None:
        response = Client().get("/export.csv?device=3")
        assert response.headers["Location"] == "/login/?next=/export.csv%3Fdevice%3D3"
