from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from readings.management.choice import add_choice, read_choice
from readings.periods import format_time
from readings.store import rollups
from readings.store.archive.errors import ArchiveError
from readings.store.gone import readings_gone


class Command(BaseCommand):
    help = "Compute rollups anew from the stored readings. It may be stopped at any time: the rollups' worker goes on."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_choice(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        devices, span = read_choice(options)
        self._percent = -1
        try:
            done = rollups.rebuild(devices, *span, progress=self._say)
        except ArchiveError as error:
            raise CommandError(f"{error} What needs it waits; everything else is new.") from error
        if options["start"] is None and options["end"] is None:
            for device in devices:
                rollups.rebuild_days(device)
        self.stdout.write(f"New: {done.minutes} minutes (units: {len(devices)}), and the hours and days above them")
        for device in devices:
            gone_ms = readings_gone(device.pk)
            if span[0] < gone_ms:
                before = format_time(gone_ms)
                self.stdout.write(f"{device.assy}: readings from before {before} were let go of: their rollups stay")

    def _say(self, done: int, of: int) -> None:
        percent = 100 * done // of
        if percent // 5 > self._percent // 5:
            self.stdout.write(f"{percent} %: {done} of {of} minutes")
            self._percent = percent
