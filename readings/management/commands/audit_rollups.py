import random
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from devices.models import Device
from readings.management.choice import add_choice, read_choice
from readings.periods import HOUR_MS, format_time
from readings.store import audit_findings, auditing, rollups

_SAMPLE = 200
_TOLD = 20


class Command(BaseCommand):
    help = "Compute some rollups anew from the stored readings and say which differ. Ends with 1 if any does."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_choice(parser)
        how_many = parser.add_mutually_exclusive_group()
        how_many.add_argument(
            "--hours", type=int, default=_SAMPLE, help="how many hours to draw at random (default: %(default)s)"
        )
        how_many.add_argument("--all", action="store_true", help="look at every hour")
        parser.add_argument("--repair", action="store_true", help="make those that differ anew")

    def handle(self, *args: Any, **options: Any) -> None:
        devices, span = read_choice(options)
        if options["hours"] < 1:
            raise CommandError("--hours: give 1 or more, or --all")
        sample = None if options["all"] else options["hours"]
        found = auditing.audit(devices, *span, sample=sample, chance=random.SystemRandom())
        self.stdout.write(
            f"Looked at {found.hours} hours of units, {found.left_out} left out as they wait for a rollup or a file: "
            f"{len(found.mismatches)} rollups differ"
        )
        for mismatch in found.mismatches[:_TOLD]:
            self.stdout.write(_told(mismatch))
        if len(found.mismatches) > _TOLD:
            self.stdout.write(f"... and {len(found.mismatches) - _TOLD} more")
        if found.mismatches and options["repair"]:
            self._repair(devices, found.mismatches)
            found.mismatches, found.wrong = [], {}
        if options["all"] and not any(options[name] for name in ("device", "start", "end")):
            audit_findings.note([found], timezone.now())  # it has seen more than the audit of any night
        if found.mismatches:
            raise CommandError("Rollups differ from what they are made of. Add --repair to make them anew.")

    def _repair(self, devices: list[Device], mismatches: list[auditing.Mismatch]) -> None:
        by_id = {device.pk: device for device in devices}
        wrong = sorted({(mismatch.device_id, mismatch.start_ms // HOUR_MS * HOUR_MS) for mismatch in mismatches})
        for device_id, hour_ms in wrong:
            rollups.rebuild([by_id[device_id]], hour_ms, hour_ms + HOUR_MS)
        self.stdout.write(f"Made anew: {len(wrong)} hours of units, and the days above them")


def _told(mismatch: auditing.Mismatch) -> str:
    where = f"{mismatch.table} {mismatch.line} {format_time(mismatch.start_ms)}"
    return f"{where}: stored {mismatch.stored}, computed {mismatch.computed}"
