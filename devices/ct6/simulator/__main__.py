"""Simulated units from the command line, until Ctrl-C: `python -m devices.ct6.simulator --units 2`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from devices.ct6.protocol import AYT_PORT
from devices.ct6.simulator.fleet import FIRST_SERIAL, Fleet, SimulatorError

log = structlog.get_logger(__name__)

_LISTED_SINGLY = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the simulator, for every command line that offers it."""
    parser.add_argument("--units", type=int, default=1, help="how many units (default 1)")
    parser.add_argument("--bind", default="127.0.0.2", help="the first one's loopback address (default 127.0.0.2)")
    parser.add_argument("--http-port", type=int, default=8080, help="their HTTP port, 0 for free ones (default 8080)")
    parser.add_argument("--or-free-port", action="store_true", help="a free HTTP port where the wanted one is taken")
    parser.add_argument("--ayt-port", type=int, default=AYT_PORT, help=f"their UDP port (default {AYT_PORT})")
    parser.add_argument("--prepared", action="store_true", help="generate load: prepared answers, no HTTP")
    parser.add_argument("--first-serial", type=int, default=FIRST_SERIAL, help="serial number of the first one")
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same load (default 1)")
    parser.add_argument("--utc-offset-s", type=int, default=0, help="seconds that the houses' clocks are before UTC")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="find again there what the units were set to")
    parser.add_argument("--duration", type=float, default=None, help="stop after so many seconds (default: never)")


def fleet_from(options: argparse.Namespace) -> Fleet:
    """The units that the options ask for; raises SimulatorError."""
    return Fleet(
        options.units,
        options.bind,
        http_port=options.http_port,
        ayt_port=options.ayt_port,
        seed=options.seed,
        first_serial=options.first_serial,
        prepared=options.prepared,
        utc_offset_s=options.utc_offset_s,
        or_free_port=options.or_free_port,
        kept_in=options.keep,
    )


async def serve(fleet: Fleet, duration_s: float | None = None) -> None:
    """Serve until SIGINT or SIGTERM, or for so many seconds; raises SimulatorError."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if duration_s is not None:
        loop.call_later(duration_s, stop.set)
    await fleet.run_until(stop, lambda: _tell(fleet))
    log.info("simulated units have stopped")


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, serve, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m devices.ct6.simulator", description=__doc__)
    add_arguments(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    try:
        asyncio.run(serve(fleet_from(options), options.duration))
    except SimulatorError as error:
        log.error("simulated units cannot start", why=str(error))  # noqa: TRY400 - the sentence says all
        return 1
    return 0


def _tell(fleet: Fleet) -> None:
    if len(fleet.units) > _LISTED_SINGLY:
        first, last = fleet.units[0], fleet.units[-1]
        log.info(
            "simulated units are answering",
            units=len(fleet.units),
            first=first.address,
            last=last.address,
            port=fleet.ayt_port,
        )
        return
    for unit in fleet.units:
        log.info(
            "simulated unit is answering",
            unit=unit.assy,
            name=unit.settings["YDEV_UNIT_NAME"],
            questions=f"{unit.address}:{fleet.ayt_port}",
            http="none" if fleet.prepared else f"http://{unit.address}:{unit.http_port}/",
        )


if __name__ == "__main__":
    sys.exit(main())
