import gc
import math
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices.ct6.errors import NoInterface
from devices.ct6.udp import broadcast_targets
from readings.collect.collector import Collector, Plan
from readings.collect.questions import NOBODY, targets_for
from readings.collect.ways import Way

_LEAST_PERIOD_S, _GREATEST_PERIOD_S = 0.25, 300.0


class Command(BaseCommand):
    help = (
        "Ask the CT6 units on the LAN once a period, listen to what they publish where CT6_MQTT_URL names an MQTT "
        "server, and store it, until Ctrl-C or SIGTERM."
    )
    requires_system_checks: list[str] = []  # they load every page of the site: seconds, and memory for good

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add(
            "--address",
            action="append",
            metavar="IP",
            help="ask only this address, unicast or broadcast; may be repeated; the word auto keeps broadcasting "
            "beside them (default: CT6_ADDRESSES, else broadcast on every interface)",
        )
        add(
            "--interface",
            action="append",
            metavar="NAME",
            help="broadcast on this network interface only; may be repeated",
        )
        add("--port", type=int, default=settings.CT6_PORT, help="UDP port of the units (default %(default)s)")
        add("--period", type=float, default=settings.CT6_PERIOD, help="seconds between questions (default %(default)s)")
        add("--duration", type=float, metavar="S", help="end after so many seconds (default: never)")

    def handle(self, *_args: object, **options: Any) -> None:
        collector = Collector(plan_from(options))
        # What is loaded by now is there for good. Not looking at it again saves time at every collection, and half a
        # second when the process has to be gone.
        gc.freeze()
        try:
            collector.run()
        except OSError as error:
            raise CommandError(f"No UDP socket can be used: {error}. See whether the system allows one.") from error


def plan_from(options: dict[str, Any]) -> Plan:
    """What the options ask for. Raises CommandError that names everything that is wrong with them."""
    interfaces = options["interface"] or []
    addresses = options["address"] or ([] if interfaces else settings.CT6_ADDRESSES)
    asks = settings.CT6_ASK or options["address"] or interfaces
    problems = []
    try:
        targets = targets_for(addresses, interfaces, options["port"]) if asks else NOBODY
        if interfaces:
            broadcast_targets(interfaces)
    except (ValueError, NoInterface) as error:
        problems.append(str(error))
    if not 0 < options["port"] < 65_536:
        problems.append(f"--port {options['port']} is no UDP port: give 1 to 65535; units listen on 29340.")
    if not _LEAST_PERIOD_S <= options["period"] <= _GREATEST_PERIOD_S:
        problems.append(
            f"--period {options['period']:g} is outside {_LEAST_PERIOD_S:g} to {_GREATEST_PERIOD_S:g} seconds: "
            "a unit does not answer more often."
        )
    duration_s = options["duration"]
    if duration_s is not None and not (math.isfinite(duration_s) and duration_s > 0):
        problems.append(f"--duration {duration_s:g} is no time to run for: give seconds above 0, or leave it out.")
    if problems:
        raise CommandError(" ".join(problems))
    return Plan(
        targets,
        options["period"],
        duration_s,
        spool=settings.CT6_SPOOL_DIR,
        spool_max_bytes=settings.CT6_SPOOL_MAX_BYTES,
        broker=settings.CT6_BROKER,
        preferred=Way(settings.CT6_PREFER) if asks and settings.CT6_BROKER else Way.AYT if asks else Way.MQTT,
    )
