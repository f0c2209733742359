import time
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from devices.management.ct6.call import Failed, noted_as
from readings.management.choice import add_devices, read_devices
from readings.periods import format_time
from readings.store import letting_go
from readings.store.due_to_go import Going


class Command(BaseCommand):
    help = (
        "Delete what is older than each unit's retention says (set in the admin, page Storage), as the rollups' worker "
        "does every night. Hours and days stay for ever. Without a retention nothing goes. It may be stopped at any "
        "time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_devices(parser)
        parser.add_argument("--dry-run", action="store_true", help="only tell what would go, and how much that frees")
        parser.add_argument("--as", dest="as_user", metavar="USER", help="in whose name (default: the operator)")

    @no_translations
    def handle(self, *_args: object, **options: Any) -> None:
        ids, now_ms = [device.pk for device in read_devices(options)], time.time_ns() // 1_000_000
        problems: list[str] = []
        if options["dry_run"]:
            found = letting_go.foresee_all(now_ms, device_ids=ids)
        else:
            try:
                with noted_as(options["as_user"]) as who:
                    done = letting_go.let_go(now_ms, device_ids=ids, who=who)
            except Failed as refusal:
                raise CommandError(str(refusal)) from refusal
            found, problems = done.going, done.problems
        for going in found:
            for line in _lines(going):
                self.stdout.write(f"{going.device.assy}: {line}")
        if not found:
            self.stdout.write("Nothing is older than it is to be kept.")
        elif options["dry_run"]:
            self.stdout.write("Nothing was deleted (--dry-run).")
        if problems:
            raise CommandError("\n".join(problems))


def _lines(going: Going) -> Iterator[str]:
    for part in going.parts:
        rows = f"{part.rows} in rows of about {_mb(part.row_bytes)} MB"
        files = f"{part.file_rows} in {part.files} files of {_mb(part.file_bytes)} MB"
        span = f"from {format_time(part.first_ms)} to {format_time(part.until_ms)}"
        yield f"{part.count} {part.sort.name} {span}: {rows}, {files}"


def _mb(count: int) -> str:
    return f"{count / 1_000_000:.1f}"
