from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from readings.management.choice import add_choice, read_choice
from readings.store.archive import restoring
from readings.store.archive.errors import ArchiveError

_HOLD_HOURS = 24
_MOST_HOURS = 87_600


class Command(BaseCommand):
    help = (
        "Bring readings back from the files of the archive into the database. Files that touch the span "
        "come whole. It may be stopped at any time and started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_choice(parser)
        parser.add_argument(
            "--hold-hours",
            type=int,
            default=_HOLD_HOURS,
            metavar="N",
            help="how long the archiver leaves them there (default: %(default)s); 0: until its next turn. To do "
            "without the archive for good, set CT6_HOT_HOURS high first",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        devices, span = read_choice(options)
        hours = options["hold_hours"]
        if not 0 <= hours <= _MOST_HOURS:
            raise CommandError(f"--hold-hours: give 0 to {_MOST_HOURS}")
        until = timezone.now() + timedelta(hours=hours) if hours else None
        done = restoring.Restored()
        for device in devices:
            try:
                of_device = restoring.restore(device.pk, *span, hold_until=until)
            except ArchiveError as error:
                raise CommandError(str(error)) from error
            done.files += of_device.files
            done.rows += of_device.rows
        self.stdout.write(f"Restored: {done.rows} rows from {done.files} files (units: {len(devices)})")
        if done.files:
            self.stdout.write(f"The archiver takes them again {f'in {hours} hours' if hours else 'at its next turn'}.")
