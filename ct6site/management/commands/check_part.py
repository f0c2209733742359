import urllib.error
import urllib.request
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from ct6site import env
from ct6site.operations import health

WEB = "web"
LIMIT_S = 5.0


class Command(BaseCommand):
    help = "Tell by the exit code whether a part of the installation is well; for health checks of containers."
    requires_system_checks: list[str] = []  # they load every page of the site

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("part", choices=[WEB, *health.PARTS])

    def handle(self, *args: Any, part: str, **options: Any) -> None:
        if part == WEB:
            _check_web(env.read_integer("PORT", default=8000, lowest=1, highest=65535))
            return
        found = next(one for one in health.examine(timezone.now()) if one.name == part)
        if not found.well:
            raise CommandError(f"{part}: {found.sentence}")


def _check_web(port: int) -> None:
    """The web server is well when it answers at all, if only that another part is not."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/health/", timeout=LIMIT_S).close()
    except urllib.error.HTTPError as answer:
        answer.close()
    except OSError as error:
        raise CommandError(f"web: nothing answers on port {port} ({error})") from error
