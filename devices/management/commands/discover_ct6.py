import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from devices import discovery
from devices.ct6.client import DEFAULT_HTTP_PORT
from devices.ct6.errors import UnitError
from devices.ct6.sweep import NotSwept
from devices.discovery import MARKS_IN_WORDS, Added, Found, FoundUnit, Heard, Mark
from devices.management.ct6.call import Failed, noted_as
from devices.models import Device

UNIT_FAILED, WRONG_QUESTION, NOTHING_FOUND = 1, 2, 3
_LATELY_S = 300
_WIDTH = 160


class Command(BaseCommand):
    help = (
        "List the units that are known, and find others: those that answer the collector appear by themselves; those "
        "that are inactive are silent, and are found with --sweep or --add. Exit codes: 0 units are known or found, "
        "1 the unit at the address did not do, 2 wrong networks or address, 3 there is no unit at all."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_argument
        add(
            "--sweep",
            nargs="*",
            metavar="NETWORK",
            help="ask every address of these local networks, such as 192.168.1.0/24 (default: CT6_SWEEP_NETWORKS)",
        )
        add("--add", metavar="ADDRESS", help="register the unit at this address[:port], also if it is inactive")
        add("--http-port", type=int, default=DEFAULT_HTTP_PORT, help="of --sweep and --add (default %(default)s)")
        add("--seconds", type=int, default=_LATELY_S, help="what counts as lately (default %(default)s)")
        text = "who this is, for the audit log (default: the user of the system)"
        add("--as", dest="as_user", metavar="USER", help=text)
        add("--json", action="store_true", help="print JSON instead of tables")

    def handle(self, *_args: object, **options: Any) -> None:
        if not 1 <= options["http_port"] <= 65_535:
            raise CommandError("--http-port has to be from 1 to 65535", returncode=WRONG_QUESTION)
        news = Console(file=options.get("stderr") or sys.stderr)
        try:
            with noted_as(options["as_user"]) as who:
                added, found = _look_further(options, who, news)
        except Failed as failure:
            raise CommandError(str(failure), returncode=failure.code) from failure
        heard = discovery.listen(options["seconds"], now=datetime.now(UTC))
        devices = list(Device.objects.order_by("name", "assy"))
        console = _console(options.get("stdout") or sys.stdout)
        if options["json"]:
            text = json.dumps(_as_json(devices, heard, found, added), cls=DjangoJSONEncoder, indent=2)
            console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            _show(console, devices, heard, found, added)
        if not heard.collector_runs:
            news.print(
                "The collector does not run, so no unit can be heard. Start everything with: make run", soft_wrap=True
            )
        if not devices and not (found and found.units):
            raise CommandError("There is no unit here.", returncode=NOTHING_FOUND)


def _look_further(options: dict[str, Any], who: Any, news: Console) -> tuple[Added | None, Found | None]:
    """The unit that was added, and what a sweep has found; None for what was not asked for."""
    added = _add(options["add"], options["http_port"], who) if options["add"] is not None else None
    if options["sweep"] is None:
        return added, None
    return added, _sweep(options["sweep"] or _configured(), options["http_port"], who, news)


def _console(file: IO[str]) -> Console:
    """A terminal has its own width; what goes into a file or to another program is not folded at 80."""
    return Console(file=file, width=None if file.isatty() else _WIDTH)


def _configured() -> list[str]:
    """What CT6_SWEEP_NETWORKS says; without it the user is shown what to choose from."""
    networks = discovery.configured_networks()
    if not networks:
        offered = ", ".join(discovery.sweep_networks()) or "none that could be swept"
        sentence = f"Name the networks to sweep, or set CT6_SWEEP_NETWORKS. This machine is in: {offered}"
        raise CommandError(sentence, returncode=WRONG_QUESTION)
    return networks


def _add(text: str, http_port: int, who: Any) -> Added:
    """The address may have its port behind it, as this command prints it."""
    address, colon, port = text.partition(":")
    if colon:
        if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65_535):
            sentence = f"{text!r}: the port behind the address has to be from 1 to 65535"
            raise CommandError(sentence, returncode=WRONG_QUESTION)
        http_port = int(port)
    try:
        return discovery.add_by_address(address, http_port, who)
    except NotSwept as refusal:
        raise CommandError(str(refusal), returncode=WRONG_QUESTION) from refusal
    except UnitError as error:
        raise CommandError(str(error), returncode=UNIT_FAILED) from error


def _sweep(networks: list[str], http_port: int, who: Any, news: Console) -> Found:
    bar = (TextColumn("Asking every address"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    units = TextColumn("{task.fields[units]} units")
    try:
        with Progress(*bar, units, console=news, transient=True, disable=not news.is_terminal) as shown:
            task = shown.add_task("", total=None, units=0)

            def progress(found: Found) -> None:
                done = found.asked + found.not_asked
                shown.update(task, total=found.total, completed=done, units=len(found.units))

            return discovery.sweep(networks, who, http_port=http_port, progress=progress)
    except NotSwept as refusal:
        raise CommandError(str(refusal), returncode=WRONG_QUESTION) from refusal


# --- What is shown ----------------------------------------------------------------------------------------------
def _show(console: Console, devices: list[Device], heard: Heard, found: Found | None, added: Added | None) -> None:
    if added is not None:
        words = MARKS_IN_WORDS[added.standing]
        console.print(f"{added.device.assy} at {added.device.address} is registered ({words}).", highlight=False)
    if devices:
        console.print(_known(devices, heard))
    if found is None:
        return
    if found.units:
        console.print(_found(found.units))
    parts = [f"{found.asked} of {found.total} addresses asked", f"{len(found.units)} units"]
    parts.append(f"{found.others} other web servers")
    parts += [f"not asked, in use: {', '.join(found.busy)}"] if found.busy else []
    parts += [f"cut-off answers: {', '.join(found.unreadable)}"] if found.unreadable else []
    console.print("; ".join(parts) + ".", highlight=False)


def _known(devices: Iterable[Device], heard: Heard) -> Table:
    marks = {device.pk: found for device, found in heard.devices}
    table = _table("Known units", "Name", "Label", "Address", "Firmware", "Adoption", "Active", "Last seen", "Lately")
    for device in devices:
        lately = _words(marks[device.pk]) if device.pk in marks else "silent"
        cells = (device.name, device.assy, device.address or "", device.firmware_version, str(device.adoption))
        _add_row(table, *cells, _active(device.active), _seen(device), lately)
    return table


def _found(units: Iterable[FoundUnit]) -> Table:
    table = _table("Found by asking every address", "Name", "Label", "Address", "Firmware", "Active", "")
    for unit in units:
        where = f"{unit.address}:{unit.http_port}" if unit.http_port != DEFAULT_HTTP_PORT else unit.address
        _add_row(table, unit.name, unit.assy, where, unit.firmware_version, _active(unit.active), _words(unit.marks))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _add_row(table: Table, *cells: str) -> None:
    table.add_row(*(Text(cell) for cell in cells))  # a bracket in a name is no mark-up


def _words(marks: Iterable[Mark]) -> str:
    return ", ".join(str(MARKS_IN_WORDS[mark]) for mark in marks)


def _seen(device: Device) -> str:
    if device.last_seen:
        return f"{device.last_seen:%Y-%m-%d %H:%M:%S} UTC"
    return f"never; asked over HTTP {device.last_asked:%Y-%m-%d %H:%M:%S} UTC" if device.last_asked else "never"


def _active(active: bool | None) -> str:
    return "?" if active is None else "yes" if active else "no"


def _as_json(devices: Iterable[Device], heard: Heard, found: Found | None, added: Added | None) -> dict[str, Any]:
    marks = {device.pk: found for device, found in heard.devices}
    units = [
        {
            **{name: getattr(device, name) for name in ("assy", "name", "address", "http_port", "firmware_version")},
            **{name: getattr(device, name) for name in ("adoption", "active", "last_seen")},
            "device": device.pk,
            "lately": marks.get(device.pk),
        }
        for device in devices
    ]
    return {
        "collector": {"runs": heard.collector_runs, "at": heard.collector_at},
        "units": units,
        "added": {"assy": added.device.assy, "standing": added.standing} if added else None,
        "sweep": found.as_json() if found else None,
    }
