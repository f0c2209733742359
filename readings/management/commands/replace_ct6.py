from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from devices.management.ct6.call import Failed, noted_as, unit_named
from readings import replacing
from readings.periods import UnreadableTime, floor_minute, format_time, parse_time


class Command(BaseCommand):
    help = (
        "Let a new unit take the place of a broken one: its name, ports, grants and history. It may be stopped while "
        "it moves what the new unit has measured: the rollups' worker goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("old", metavar="OLD", help="the broken unit: its label, name, address or id")
        parser.add_argument("new", metavar="NEW", help="the unit that takes its place")
        parser.add_argument(
            "--from",
            dest="since",
            metavar="TIME",
            help="ISO 8601 with offset, taken as its whole minute: what the new unit measured from then on belongs to "
            "the old one's place (default: since the old one measured last)",
        )
        parser.add_argument(
            "--forget-earlier", action="store_true", help="delete what the new unit measured before that"
        )
        parser.add_argument("--as", dest="as_user", metavar="USER", help="in whose name (default: the operator)")

    @no_translations
    def handle(self, *_args: object, **options: Any) -> None:
        try:
            old, new = unit_named(options["old"]), unit_named(options["new"])
            since = options["since"]
            at_ms = replacing.first_possible(old) if since is None else floor_minute(parse_time(since))
            forget_earlier = options["forget_earlier"]
            with noted_as(options["as_user"]) as who:
                replacement = replacing.replace(old, new, at_ms=at_ms, who=who, forget_earlier=forget_earlier)
        except (Failed, UnreadableTime, replacing.NotReplaced) as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(
            f"{replacement.new_assy} has the place of {replacement.former_assy} from {format_time(at_ms)} on."
        )
        moved = replacing.move_on(replacement)
        self.stdout.write(f"Moved what it had measured since: {moved} rows of readings.")
        if replacement.moving_from is not None:
            self.stdout.write("The device that it had before goes in some minutes; the rollups' worker does that.")
