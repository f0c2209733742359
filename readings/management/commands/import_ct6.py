import getpass
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, no_translations
from django.db import DatabaseError
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from devices.management.ct6.call import Failed, add_row, console, noted_as, table
from readings.importing import bringing
from readings.importing.bringing import Found
from readings.importing.errors import NotImported
from readings.importing.mysql_server import EXAMPLE, Server, server_from
from readings.importing.report import Report, counted, report_of, write_csv
from readings.models import DirtyBucket
from readings.store import rollups
from readings.store.archive.errors import ArchiveError

_DAYS_SHOWN = 40
_MINUTES_AT_ONCE = 2_000


class Command(BaseCommand):
    help = (
        "Bring the history that ct6_db_store or ct6_app has stored here. Only their table of seconds is read; minutes, "
        "hours and days are computed anew. Their databases are not changed. It may be stopped at any time, and goes on "
        "where it was; what is measured here already stays as it is."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add(
            "--mysql",
            metavar="URL",
            help=f"the server of ct6_db_store, such as {EXAMPLE}; the password may be left out",
        )
        add(
            "--sqlite", metavar="FILE", action="append", default=[], type=Path,
            help="a file of ct6_app, or a folder of them; may be repeated",
        )  # fmt: skip
        add(
            "--timezone", metavar="Z", default=settings.CT6_TIMEZONE,
            help="the zone of the machine that stored them (default: %(default)s)",
        )  # fmt: skip
        add("--unit", metavar="LABEL", default="", help="whose they are, for a single database that does not tell")
        add("--dry-run", action="store_true", help="say what there is, and write nothing")
        add("--again", action="store_true", help="read everything once more; what is stored stays, once")
        add("--no-rollups", action="store_true", help="leave the rollups to the worker; then nothing is compared")
        add("--report", metavar="FILE", type=Path, help="write every day and port into this CSV file")
        add("--as", dest="as_user", metavar="USER", help="in whose name (default: the operator)")

    @no_translations
    def handle(self, *_args: object, **options: Any) -> None:
        if not options["mysql"] and not options["sqlite"]:
            raise CommandError(f"Say what to import: --mysql {EXAMPLE}, or --sqlite FILE.")
        self._out = console(self.stdout)  # type: ignore[arg-type]  # it writes as a file does
        try:
            server = _with_password(server_from(options["mysql"])) if options["mysql"] else None
            bringing.known_zone(options["timezone"])
            openers = bringing.openers(server, options["sqlite"])
            if options["unit"] and len(openers) > 1:
                raise CommandError(
                    "--unit names the unit of a single database: " + ", ".join(openers) + " are several."
                )
            with noted_as(options["as_user"]) as who:
                reports, problems = self._all(openers, who, options)
        except (Failed, NotImported, ArchiveError) as refusal:
            raise CommandError(str(refusal)) from refusal
        except DatabaseError as error:
            sentence = f"Our own database takes no readings: {error}. What was stored stays; the same command goes on."
            raise CommandError(sentence) from error
        except KeyboardInterrupt as interrupt:
            raise CommandError("Stopped. The same command goes on from there.", returncode=130) from interrupt
        if reports and not options["dry_run"]:
            self._tell(reports, options)
        if problems:
            raise CommandError("Not imported:\n" + "\n".join(problems))

    def _all(
        self, openers: dict[str, bringing.Opener], who: Any, options: dict[str, Any]
    ) -> tuple[list[Report], list[str]]:
        """One database that cannot be imported does not keep the others back."""
        reports: list[Report] = []
        problems: list[str] = []
        for opener in openers.values():
            try:
                with closing(opener()) as database:
                    found = bringing.look(database, options["timezone"], options["unit"])
                    self._say_found(found, options["timezone"])
                    if not options["dry_run"]:
                        reports.append(self._import(found, who, options))
            except NotImported as refusal:
                problems.append(str(refusal))
        return reports, problems

    def _import(self, found: Found, who: Any, options: dict[str, Any]) -> Report:
        with self._bar(f"{found.database.name}: rows", found.extent.rows) as advance:
            source = bringing.import_readings(
                found, options["timezone"], who=who, again=options["again"], progress=advance
            )
        now_ms = time.time_ns() // 1_000_000
        if not options["no_rollups"]:
            self._roll_up(source.device_id, now_ms)
        return report_of(found.database, source, now_ms=now_ms, with_ours=not options["no_rollups"])

    def _roll_up(self, device_id: int, now_ms: int) -> None:
        waiting = DirtyBucket.objects.filter(device=device_id, minute__lt=rollups.closed_before(now_ms))
        count = waiting.count()
        if not count:
            return
        with self._bar("Minutes to roll up", count) as advance:
            more = True
            while more:
                done = rollups.roll_up_closed(now_ms, limit_minutes=_MINUTES_AT_ONCE)
                advance(done.minutes)
                more = done.more

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[bringing.Progress]:
        """A bar on a terminal; elsewhere a line every ten per cent."""
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._out, transient=True, disable=not self._out.is_terminal) as shown:
            task = shown.add_task(title, total=total)
            done = said = 0

            def advance(more: int) -> None:
                nonlocal done, said
                done += more
                shown.update(task, completed=min(done, total))
                if not self._out.is_terminal and 10 * done // total > said and done <= total:
                    said = 10 * done // total
                    self.stdout.write(f"{title}: {10 * said} %")

            yield advance

    def _say_found(self, found: Found, zone: str) -> None:
        unit, extent = found.database.unit, found.extent
        device = found.belonging.device
        whose = f"{found.belonging.assy}, " + (f"here {device}" if device else f"new here, called {unit.name}")
        names = ", ".join(unit.port_names.get(number) or f"CT{number}" for number in found.database.columns.ports)
        self.stdout.write(f"{found.database}: {whose}; ports {names}")
        self.stdout.write(f"  {extent.rows} rows from {extent.first} to {extent.last}, times of {zone}")
        for remark in found.belonging.remarks:
            self.stdout.write(f"  {remark}")
        if found.source is not None and found.source.position:
            begun = "was imported before; what has come since follows" if found.source.finished_at else "goes on"
            self.stdout.write(f"  {begun}")

    def _tell(self, reports: list[Report], options: dict[str, Any]) -> None:
        for report in reports:
            self.stdout.write(f"{report.device}, {report.database}: read {report.read} rows, stored {report.stored}")
            for heading, counts in (("Left out", report.skipped), ("Stored, but odd", report.notes)):
                if counts:
                    self.stdout.write(f"  {heading}: {counted(counts)}")
            self._compare(report, options)
        if options["report"] is not None:
            try:
                with options["report"].open("w", encoding="utf-8", newline="") as file:
                    write_csv(reports, file)
            except OSError as error:
                raise CommandError(f"The report {options['report']} cannot be written: {error.strerror}.") from error
            self.stdout.write(f"Every day and port: {options['report']}")

    def _compare(self, report: Report, options: dict[str, Any]) -> None:
        found = report.differences()
        if not found:
            why = "the rollups are not made yet" if options["no_rollups"] else "their database has no day or hour table"
            self.stdout.write(f"  Days are not compared: {why}.")
            return
        shown = table(
            "Net kWh of a day, positive for export: theirs (mean power x 24 h) against ours (exact)",
            "Day", "Port", "Theirs", "Ours", "Difference", "%", "Measured h", "Rows", "Left out",
        )  # fmt: skip
        for day, total in sorted(found[:_DAYS_SHOWN], key=lambda one: (str(one[0].day), one[1].port)):
            percent = total.difference_percent
            add_row(
                shown, day.day, f"CT{total.port} {total.port_name}".strip(), f"{total.their_kwh:.3f}",
                f"{total.our_kwh:.3f}", f"{total.difference_kwh:+.3f}", "" if percent is None else f"{percent:+.1f}",
                f"{total.measured_h:.2f}", day.read, counted(day.skipped),
            )  # fmt: skip
        self._out.print(shown)
        if len(found) > _DAYS_SHOWN:
            self.stdout.write(
                f"  Those are the {_DAYS_SHOWN} greatest differences of {len(found)}; --report FILE writes all."
            )


def _with_password(server: Server) -> Server:
    """Asked for where the address has none, and there is somebody to ask."""
    if server.password is not None or not sys.stdin.isatty():
        return server
    return replace(server, password=getpass.getpass(f"Password of {server.user} on {server}: "))
