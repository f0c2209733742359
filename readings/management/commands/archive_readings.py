import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devices.models import Device
from readings.management.choice import add_devices, read_devices
from readings.periods import UnreadableTime, parse_time
from readings.store.archive import archiving, checking
from readings.store.archive.errors import ArchiveError


class Command(BaseCommand):
    help = (
        "Move what is due from the database into files of the archive (CT6_ARCHIVE), as the rollups' worker does by "
        "itself. It may be stopped at any time. --check reads every file and ends with 1 if any is missing or damaged."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_devices(parser)
        what = parser.add_mutually_exclusive_group()
        what.add_argument(
            "--until",
            metavar="TIME",
            help="ISO 8601 with offset: readings from before it go, if they are an hour old (default: those that "
            "CT6_HOT_HOURS lets go)",
        )
        what.add_argument("--compact", action="store_true", help="only put the hours of each past day into one file")
        what.add_argument("--check", action="store_true", help="only look whether every file is there and as written")

    def handle(self, *args: Any, **options: Any) -> None:
        devices = read_devices(options)
        try:
            if options["check"]:
                self._check(devices)
            else:
                self._archive(devices, _until_ms(options["until"]), compact_only=options["compact"])
        except ArchiveError as error:
            raise CommandError(str(error)) from error

    def _archive(self, devices: list[Device], until_ms: int | None, *, compact_only: bool) -> None:
        now_ms, ids, unmoved = time.time_ns() // 1_000_000, [device.pk for device in devices], ""
        if not compact_only:
            done = archiving.archive_due(now_ms, device_ids=ids, until_ms=until_ms)
            done = done.and_then(archiving.archive_minutes_due(now_ms, device_ids=ids))
            unmoved = done.unmoved
            self.stdout.write(f"Archived: {done.rows} rows, of {done.pieces} hours and days (units: {len(devices)})")
        days = archiving.compact_due(now_ms, device_ids=ids)
        self.stdout.write(f"Put into one file each: {days.pieces} days")
        if unmoved := unmoved or days.unmoved:
            raise CommandError(f"Some stay in the database, and nothing of them is lost: {unmoved}")

    def _check(self, devices: list[Device]) -> None:
        found = checking.check([device.pk for device in devices])
        self.stdout.write(f"Looked at {found.files} files: {len(found.problems)} are missing or damaged")
        for problem in found.problems:
            self.stdout.write(problem)
        if found.problems:
            raise CommandError("Files of the archive are not as they were written. Bring them back from a backup.")


def _until_ms(text: str | None) -> int | None:
    try:
        return None if text is None else parse_time(text)
    except UnreadableTime as error:
        raise CommandError(f"--until: {error}") from error
