import getpass
import os
import sys
from argparse import ArgumentParser
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ct6site.operations.moving.errors import NotMoved
from ct6site.operations.moving.moving import Moved, move
from devices.management.ct6.call import console

_TOLD = 20


class Command(BaseCommand):
    help = (
        "Move everything to another database, such as from SQLite to MySQL, and compare it there. Stop the product "
        "first. The database in use is not changed. It may be stopped at any time, and goes on when it is called again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to", metavar="URL", required=True,
            help="an empty database, such as mysql://ct6:password@127.0.0.1:3306/ct6; a password left out is asked for",
        )  # fmt: skip
        parser.add_argument(
            "--again", action="store_true", help="delete what an earlier call has brought there, and begin anew"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        url = _with_password(options["to"])
        self._said = ""
        out = console(self.stdout)  # type: ignore[arg-type]  # it writes as a file does
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        try:
            with Progress(*columns, console=out, transient=True, disable=not out.is_terminal) as shown:
                task = shown.add_task("Preparing", total=None)

                def say(step: str, done: int, of: int) -> None:
                    shown.update(task, description=step, completed=done, total=of)
                    if not out.is_terminal:
                        self._say_line(step, done, of)

                moved = move(url, again=options["again"], progress=say)
        except NotMoved as refusal:
            raise CommandError(str(refusal)) from refusal
        self._tell(moved, url)

    def _say_line(self, step: str, done: int, of: int) -> None:
        """Elsewhere than on a terminal a line every ten per cent."""
        line = f"{step}: {10 * (10 * done // of) if of else 100} %"
        if line != self._said:
            self.stdout.write(line)
            self.stdout.flush()
            self._said = line

    def _tell(self, moved: Moved, url: str) -> None:
        self.stdout.write(f"From {moved.source} to {moved.target}: {moved.rows} rows in {moved.tables} tables")
        if moved.rows_before:
            self.stdout.write(f"  {moved.rows_before} of them were there from an earlier call")
        if moved.problems:
            self._list(moved.problems)
            raise CommandError(
                "Not everything is the same there, so go on using the database that is in use. Has something written "
                "to one of them meanwhile? Stop it, and call this with --again."
            )
        self.stdout.write(
            f"Compared row by row: all the same, and so are the energies of the hours and days of {moved.ports} ports."
        )
        self.stdout.write("Left out: sessions (everybody logs in once more) and the results of finished tasks.")
        if moved.files and not moved.missing_files:
            self.stdout.write(f"The archive's {moved.files} files are all there.")
        for line in _what_next(moved, url):
            self.stdout.write(line)
        if moved.missing_files:
            self._list(moved.missing_files)
            raise CommandError(
                "The database is moved, but its archive is not whole. Bring the files back from a backup."
            )

    def _list(self, problems: list[str]) -> None:
        for problem in problems[:_TOLD]:
            self.stdout.write(problem)
        if len(problems) > _TOLD:
            self.stdout.write(f"and {len(problems) - _TOLD} more")


def _with_password(url: str) -> str:
    """Asked for where the address has none, and there is somebody to ask."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    if parts.scheme != "mysql" or not parts.username or parts.password is not None or not sys.stdin.isatty():
        return url
    password = getpass.getpass(f"Password of {parts.username} on {parts.hostname}: ")
    return url.replace("@", f":{quote(password, safe='')}@", 1)


def _what_next(moved: Moved, url: str) -> list[str]:
    """What goes into .env; the password is not shown."""
    parts = urlsplit(url)
    shown = url if parts.password is None else url.replace(f":{parts.password}@", ":PASSWORD@", 1)
    lines = ["", "Put these lines into .env:", f"DATABASE_URL={shown}"]
    if not os.environ.get("SECRET_KEY") and not os.environ.get("SECRET_KEY_FILE"):
        lines.append(f"SECRET_KEY_FILE={settings.DATA_DIR / 'secret-key'}")
    if settings.CT6_ADOPT == "all" and not os.environ.get("CT6_ADOPT"):
        lines.append("CT6_ADOPT=all")
    if not settings.REDIS_URL:
        lines.append("#REDIS_URL=redis://127.0.0.1:6379/0")
    lines += [
        "",
        "Start as before with: make run   (or each part by itself, with Redis: docker/README.md)",
        "SECRET_KEY has to stay the same: stored passwords and the addresses of alert channels are locked with it.",
    ]
    if moved.files:
        is_folder = settings.CT6_ARCHIVE.startswith("/")  # the address of a store may hold its password
        where = f"at {settings.CT6_ARCHIVE}" if is_folder else "where CT6_ARCHIVE says"
        lines.append(f"The files of the archive stay {where}: with another CT6_DATA_DIR set CT6_ARCHIVE to it.")
    return lines
