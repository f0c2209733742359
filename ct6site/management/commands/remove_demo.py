from typing import Any

from django.core.management.base import BaseCommand

from ct6site.operations import demo


class Command(BaseCommand):
    help = "Remove the simulated units of the demonstration and all their readings."

    def handle(self, *args: Any, **options: Any) -> None:
        removed = demo.remove()
        self.stdout.write(f"Removed {removed} simulated units." if removed else "There are no simulated units.")
