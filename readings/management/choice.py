"""Which units and times a command is about."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from devices.models import Device
from readings.periods import UnreadableTime, format_time, parse_time

Span = tuple[int, int]


def add_choice(parser: ArgumentParser) -> None:
    add_devices(parser)
    parser.add_argument("--start", metavar="TIME", help="ISO 8601 with offset (default: the first stored reading)")
    parser.add_argument("--end", metavar="TIME", help="ISO 8601 with offset (default: now)")


def add_devices(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        action="append",
        default=[],
        metavar="LABEL",
        help="a unit's assembly label, or its name; may be repeated (default: all units)",
    )


def read_choice(options: dict[str, Any]) -> tuple[list[Device], Span]:
    """The units and the span that were chosen. Raises CommandError with a sentence for each word that is wrong."""
    devices, device_problems = _find_devices(options["device"])
    span, time_problems = _read_span(options["start"], options["end"])
    if problems := device_problems + time_problems:
        raise CommandError("\n".join(problems))
    return devices, span


def read_devices(options: dict[str, Any]) -> list[Device]:
    """The units that were chosen. Raises CommandError as ``read_choice``."""
    devices, problems = _find_devices(options["device"])
    if problems:
        raise CommandError("\n".join(problems))
    return devices


def _find_devices(wanted: list[str]) -> tuple[list[Device], list[str]]:
    """The devices meant by labels or names, and a sentence for each word that does not mean exactly one."""
    known = list(Device.objects.order_by("assy"))
    if not wanted:
        return known, []
    found: dict[int, Device] = {}
    problems = []
    for word in wanted:
        meant = [device for device in known if device.assy == word] or [d for d in known if d.name == word]
        if len(meant) == 1:
            found[meant[0].pk] = meant[0]
        elif meant:
            problems.append(f"--device {word}: {_labels(meant)} have this name; give the label")
        else:
            problems.append(f"--device {word}: no unit has this label or name; known are {_labels(known) or 'none'}")
    return list(found.values()), problems


def _labels(devices: list[Device]) -> str:
    return ", ".join(f"{device.assy} ({device.name})" if device.name else device.assy for device in devices)


def _read_span(start: str | None, end: str | None) -> tuple[Span, list[str]]:
    now_ms = time.time_ns() // 1_000_000
    times, problems = [], []
    for option, text, default in (("--start", start, 0), ("--end", end, now_ms)):
        try:
            times.append(default if text is None else parse_time(text))
        except UnreadableTime as error:
            problems.append(f"{option}: {error}")
    if not problems and times[0] >= times[1]:
        problems.append(f"--start: {format_time(times[0])} is not before the end, {format_time(times[1])}")
    return (0, 0) if problems else (times[0], times[1]), problems
