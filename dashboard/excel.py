"""What is plotted, as an Excel file: a sheet of the values, and one of what they are and how much energy that was.

It is for people: its words follow the language of whoever asks.
"""

import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from dashboard.export import Table
from dashboard.table import Row, coverage_of, rows_of
from readings import history, periods
from readings.history import PortEnergy

_PERCENT = '0.0##" %"'  # a short gap is not rounded away
_SECONDS, _MILLISECONDS = "yyyy-mm-dd hh:mm:ss", "yyyy-mm-dd hh:mm:ss.000"


def to_excel(table: Table) -> bytes:
    """Times are real dates on the clocks of the device's zone. Names stay text, whatever they begin with."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        styles = _Styles(book)
        _write_values(book.add_worksheet(_("Values")), table, styles)
        _write_about(book.add_worksheet(_("About")), table, styles)
    return file.getvalue()


class _Styles:
    def __init__(self, book: Any) -> None:
        self.head = book.add_format({"bold": True, "bottom": 1})
        self.bold = book.add_format({"bold": True})
        self.percent = book.add_format({"num_format": _PERCENT})
        self.kwh = book.add_format({"num_format": "#,##0.000"})
        self.seconds = book.add_format({"num_format": _SECONDS})
        self.milliseconds = book.add_format({"num_format": _MILLISECONDS})


def _write_values(sheet: Any, table: Table, styles: _Styles) -> None:
    moments = [periods.to_datetime(ms, table.shown.zone) for ms in table.times.tolist()]
    offsets = _offsets(moments)
    heads = [_("Time"), *([_("UTC offset")] if offsets else []), *[column.head for column in table.columns]]
    for number, head in enumerate(heads):
        sheet.write_string(0, number, head, styles.head)
    style = styles.milliseconds if (table.times % periods.SECOND_MS).any() else styles.seconds
    for row, moment in enumerate(moments, start=1):
        sheet.write_datetime(row, 0, moment.replace(tzinfo=None), style)
    if offsets:
        sheet.write_column(1, 1, offsets)
    for number, column in enumerate(table.columns, start=len(heads) - len(table.columns)):
        for row, value in enumerate(column.cells, start=1):
            if value is not None:
                sheet.write_number(row, number, value)
    sheet.freeze_panes(1, 1)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, max(1, len(heads) - 1), 18)


def _offsets(moments: Sequence[datetime]) -> list[str]:
    """The offset of every time, where they differ: Excel knows none, and an hour that comes twice needs it."""
    offsets = [moment.isoformat()[-6:] for moment in moments]
    return offsets if len(set(offsets)) > 1 else []


def _write_about(sheet: Any, table: Table, styles: _Styles) -> None:
    facts = _facts(table)
    for row, (name, words) in enumerate(facts):
        sheet.write_string(row, 0, name, styles.bold)
        sheet.write_string(row, 1, words)
    energies = _totals(table)
    top = len(facts) + 1
    for number, head in enumerate(
        (_("Energy in kWh"), pgettext("energy", "Net"), pgettext("energy", "Import"), pgettext("energy", "Export"))
    ):
        sheet.write_string(top, number, head, styles.head)
    rows = rows_of(table.ports, energies)
    for row, of_port in enumerate(rows, start=top + 1):
        _write_energy(sheet, row, of_port, styles)
    coverage = coverage_of(energies)
    if coverage is not None:
        shares = (
            (_("Measured"), coverage.measured),
            (_("Recovered"), coverage.recovered),
            (_("Missing"), coverage.missing),
        )
        for row, (name, share) in enumerate(shares, start=top + len(rows) + 2):
            sheet.write_string(row, 0, name, styles.bold)
            sheet.write_number(row, 1, share, styles.percent)
    sheet.set_column(0, 0, 24)
    sheet.set_column(1, 3, 28)


def _write_energy(sheet: Any, row: int, energy: Row, styles: _Styles) -> None:
    sheet.write_string(row, 0, energy.name, styles.bold if energy.colour_number is None else None)
    for number, kwh in enumerate((energy.net_kwh, energy.import_kwh, energy.export_kwh), start=1):
        if kwh is not None:
            sheet.write_number(row, number, kwh, styles.kwh)


def _totals(table: Table) -> list[PortEnergy]:
    """The energies of the whole range, in the order of the ports."""
    shown = table.shown
    if table.energies is None:
        return history.energy(table.ports, shown.start_ms, shown.end_ms, "total", now_ms=shown.now_ms)
    totals: dict[int, PortEnergy] = {}
    for part in table.energies:
        sum_ = totals.get(part.port_id)
        totals[part.port_id] = part if sum_ is None else _added(sum_, part)
    return list(totals.values())


def _added(first: PortEnergy, second: PortEnergy) -> PortEnergy:
    return replace(
        first,
        end_ms=second.end_ms,
        import_energy=first.import_energy + second.import_energy,
        export_energy=first.export_energy + second.export_energy,
        covered_ms=first.covered_ms + second.covered_ms,
        recovered_ms=first.recovered_ms + second.recovered_ms,
        missing_ms=first.missing_ms + second.missing_ms,
    )


def _facts(table: Table) -> list[tuple[str, str]]:
    shown, zone = table.shown, table.shown.zone
    facts = [
        (_("Device"), str(shown.device)),
        (_("Assembly label"), shown.device.assy),
        (_("Values"), table.title),
        (_("Values from"), periods.format_time(table.start_ms, zone)),
        (_("Values until"), periods.format_time(table.end_ms, zone)),
        (_("Time zone"), shown.device.timezone),
        (_("Resolution"), table.resolution),
    ]
    if shown.state.view == "power" and shown.state.quantity.flips:
        facts.append((_("Import is"), _("negative") if shown.state.sign == "negative" else _("positive")))
    if (table.start_ms, table.end_ms) != (shown.start_ms, shown.end_ms):
        facts += [(_("Energy from"), periods.format_time(shown.start_ms, zone))]
        facts += [(_("Energy until"), periods.format_time(shown.end_ms, zone))]
    return facts
