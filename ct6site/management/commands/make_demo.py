import time
from typing import Any

from django.core.management.base import BaseCommand

from ct6site.operations import demo


class Command(BaseCommand):
    help = "Make the simulated units of the demonstration and their thirty days of history, unless they are there."
    requires_system_checks: list[str] = []  # `up` made them just before

    def handle(self, *args: Any, **options: Any) -> None:
        if not demo.is_there():
            demo.make_history(now_ms=time.time_ns() // 1_000_000)
