import asyncio
from argparse import ArgumentParser, Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devices.ct6.simulator.__main__ import add_arguments, fleet_from, serve
from devices.ct6.simulator.fleet import SimulatorError


class Command(BaseCommand):
    help = "Run simulated CT6 units on loopback addresses, until Ctrl-C or SIGTERM."
    requires_system_checks: list[str] = []  # they concern the site, which this command has nothing to do with

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_arguments(parser)

    def handle(self, *_args: object, **options: Any) -> None:
        chosen = Namespace(**options)
        try:
            asyncio.run(serve(fleet_from(chosen), chosen.duration))
        except SimulatorError as error:
            raise CommandError(str(error)) from error
