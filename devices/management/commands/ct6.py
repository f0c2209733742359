import logging
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import BaseCommand, CommandError, no_translations

from devices.ct6.errors import UnitError
from devices.management.ct6 import arguments
from devices.management.ct6.actions import do
from devices.management.ct6.call import FAILED, UNREACHABLE, Call, Failed, console, noted_as, unit_named


class Command(BaseCommand):
    help = (
        "Look at a unit and look after it. Exit codes: 0 done, 1 failed, with the reason on standard error, 2 wrong "
        "use, 3 the unit cannot be reached or is busy, so that the same may succeed later. Jobs are done by a worker, "
        "or by this command if none takes them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        arguments.add_arguments(parser)

    @no_translations
    def handle(self, *_args: object, **options: Any) -> None:
        out, news = console(options.get("stdout") or sys.stdout), console(options.get("stderr") or sys.stderr)
        try:
            with _without_log_lines(), noted_as(options["as_user"]) as who:
                do(Call(unit_named(options["unit"]), who, options, out, news))
        except Failed as failure:
            raise CommandError(str(failure), returncode=failure.code) from failure
        except UnitError as error:
            raise CommandError(str(error), returncode=UNREACHABLE if error.retryable else FAILED) from error


@contextmanager
def _without_log_lines() -> Iterator[None]:
    """What is done is printed anyway; what breaks is still logged."""
    log = logging.getLogger("devices")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)
