import re
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from devices.management.ct6.call import Failed, noted_as, unit_named
from devices.models import Device, Port
from readings import bad_spans
from readings.models import BadSpan
from readings.periods import UnreadableTime, format_time, parse_time

_PORT = re.compile(r"(?:CT)?(\d{1,4})", re.IGNORECASE)


class Command(BaseCommand):
    help = (
        "Mark a span of a port as bad: what it measured is kept, and left out of every plot and sum until that is "
        "lifted. Without a span, the bad spans of the unit are listed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("unit", metavar="UNIT", help="its label, name, address or id")
        parser.add_argument("port", metavar="PORT", nargs="?", help="its number, as 3 or CT3")
        parser.add_argument(
            "--start", metavar="TIME", help="ISO 8601 with offset; taken as the whole minute it lies in"
        )
        parser.add_argument("--end", metavar="TIME", help="ISO 8601 with offset (default: now)")
        parser.add_argument("--reason", metavar="TEXT", help="why it is bad; kept with the span")
        parser.add_argument("--lift", metavar="ID", type=int, help="let a span count again, by its id in the list")
        parser.add_argument("--list", action="store_true", help="list the spans, those that count again too")
        parser.add_argument("--as", dest="as_user", metavar="USER", help="in whose name (default: the operator)")

    @no_translations
    def handle(self, *_args: object, **options: Any) -> None:
        try:
            device = unit_named(options["unit"])
            port = None if options["port"] is None else _port(device, options["port"])
            with noted_as(options["as_user"]) as who:
                if options["lift"] is not None:
                    self._lift(device, options, who)
                elif options["start"] is not None:
                    self._mark(port, options, who)
                elif options["end"] is not None or options["reason"] is not None:
                    raise CommandError(
                        "--start is missing: from when on the port is bad, as 2026-03-29T00:00:00+01:00."
                    )
        except (Failed, UnreadableTime, bad_spans.NotMarked) as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["list"] or (options["lift"] is None and options["start"] is None):
            self._list(device, port)

    def _mark(self, port: Port | None, options: dict[str, Any], who: Any) -> None:
        if port is None:
            raise CommandError("Say which port, as 3 or CT3.")
        end_ms = time.time_ns() // 1_000_000 if options["end"] is None else parse_time(options["end"])
        start_ms, reason = parse_time(options["start"]), options["reason"] or ""
        left_out = bad_spans.foresee(port, start_ms, end_ms, reason=reason)
        span = bad_spans.mark(port, start_ms, end_ms, reason=reason, who=who)
        self.stdout.write(
            f"{span.pk}: CT{port.number} is bad from {format_time(span.start_ms)} to {format_time(span.end_ms)} "
            f"(whole minutes): {left_out.import_kwh:.3f} kWh of import and {left_out.export_kwh:.3f} kWh of export "
            "are left out."
        )

    def _lift(self, device: Device, options: dict[str, Any], who: Any) -> None:
        if options["start"] is not None or options["end"] is not None or options["reason"] is not None:
            raise CommandError("--lift takes the id alone.")
        span = BadSpan.objects.filter(port__device=device, pk=options["lift"]).first()
        if span is None:
            raise CommandError(f"{options['lift']} is no bad span of {device}; --list lists them.")
        bad_spans.lift(span, who=who)
        self.stdout.write(f"{span.pk}: what was measured in it counts again.")

    def _list(self, device: Device, port: Port | None) -> None:
        spans = BadSpan.objects.filter(port__device=device).select_related("port", "marked_by", "lifted_by")
        for span in spans if port is None else spans.filter(port=port):
            who = f" by {span.marked_by}" if span.marked_by else ""
            lifted = "" if span.lifted_at is None else f"; lifted {span.lifted_at:%Y-%m-%d %H:%M} UTC"
            self.stdout.write(
                f"{span.pk}: CT{span.port.number} from {format_time(span.start_ms)} to {format_time(span.end_ms)}: "
                f"{span.reason} (marked {span.marked_at:%Y-%m-%d %H:%M} UTC{who}{lifted})"
            )


def _port(device: Device, text: str) -> Port:
    number = _PORT.fullmatch(text)
    found = device.ports.select_related("device").filter(number=int(number[1])).first() if number else None
    if found is None:
        raise Failed(f"{device} has no port '{text}'; write it as 3 or CT3.")
    return found
