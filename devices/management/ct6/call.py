"""One call of the command: for which unit, by whom, with which options, and where to print."""

from __future__ import annotations

import json
import os
import pwd
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.contrib.auth import get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from devices import audit
from devices.models import Device

DONE, FAILED, WRONG_USE, UNREACHABLE = 0, 1, 2, 3
_WIDTH = 160


class Failed(Exception):
    """It was not done; the sentence says why, and the exit code whether the same may succeed later."""

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class Call:
    """`out` is for what was asked for, `news` for all that is said on the way."""

    device: Device
    who: Any
    options: dict[str, Any]
    out: Console
    news: Console

    def show(self, data: object, *shown: RenderableType) -> None:
        """Print the data as JSON where that was asked for, else what is made for people."""
        if self.options["json"]:
            text = json.dumps(data, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
            self.out.print(text, markup=False, highlight=False, soft_wrap=True)
            return
        for one in shown:
            # A bracket in a name is no mark-up, and a long path is not broken.
            plain = isinstance(one, str)
            self.out.print(one, markup=False, highlight=False, soft_wrap=plain)


def console(file: IO[str]) -> Console:
    """A terminal has its own width; what goes into a file or to another program is not folded at 80."""
    return Console(file=file, width=None if file.isatty() else _WIDTH)


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def add_row(to: Table, *cells: object, style: str = "") -> None:
    to.add_row(*(Text("" if cell is None else str(cell)) for cell in cells), style=style)


def when(moment: Any) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S} UTC"


# --- Who and which ----------------------------------------------------------------------------------------------


def unit_named(text: str) -> Device:
    """The device with this label, id, address or name. Raises Failed if there is none, or more than one."""
    by_label = Device.objects.filter(assy=text).first()
    if by_label is not None:
        return by_label
    found = Device.objects.filter(name=text) | Device.objects.filter(address=text)
    if text.isascii() and text.isdigit():
        found |= Device.objects.filter(pk=int(text))
    devices = list(found.order_by("pk").distinct()[:20]) if text else []
    if len(devices) == 1:
        return devices[0]
    if not devices:
        sentence = (
            f"There is no unit with the name, label, id or address '{text}' here. discover_ct6 lists those that there "
            "are, and adds others."
        )
        raise Failed(sentence, WRONG_USE)
    several = "; ".join(f"{one.assy} ({one.name or 'no name'}, id {one.pk}, {one.address})" for one in devices)
    raise Failed(f"'{text}' is more than one unit. Say which by its label: {several}", WRONG_USE)


@contextmanager
def noted_as(name: str | None) -> Iterator[Any]:
    """The user in whose name something is done; None: the operator at the terminal, whom the audit log then names.

    Raises Failed.
    """
    who = user_named(name)
    with audit.in_the_name_of(f"{_operating_system_user()}{audit.COMMAND_LINE}" if who is None else ""):
        yield who


def _operating_system_user() -> str:
    """By the process, not by the environment, which anybody may set."""
    user_id = os.getuid()
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:  # as in many a container
        return f"uid {user_id}"


def user_named(name: str | None) -> Any:
    """The user with this name; None for none. Raises Failed."""
    if name is None:
        return None
    user = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise Failed(f"There is no user '{name}'.", WRONG_USE)
    return user


# --- Files on this machine --------------------------------------------------------------------------------------


def read_local(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}", WRONG_USE) from error


def keep(call: Call, content: bytes, path: str) -> None:
    """Write a file that is not there yet, and say so; "-" is the standard output."""
    if path == "-":
        call.out.file.write(content.decode(errors="replace"))
        return
    try:
        with Path(path).open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise Failed(f"{path} is there already; name another file, or remove it.") from error
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}") from error
    call.show({"file": path, "bytes": len(content)}, f"{path}: {len(content)} bytes.")


# --- Questions --------------------------------------------------------------------------------------------------


def answered(call: Call, question: str, instead: str, *, hidden: bool = False) -> str:
    """What somebody types at the terminal; where there is none, Failed says which option to give instead."""
    if not sys.stdin.isatty():
        raise Failed(f"There is nobody to ask here: give {instead}.", WRONG_USE)
    return call.news.input(f"{question} ", markup=False, password=hidden)
