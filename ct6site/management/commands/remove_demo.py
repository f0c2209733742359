from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ct6site.operations import demo, first_run


class Command(BaseCommand):
    help = "Remove the simulated units of the demonstration and all their readings."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with first_run.take_data_folder(settings.DATA_DIR):
                removed = demo.remove()
        except first_run.CannotStart as error:
            problem = "The demonstration cannot be removed while it runs: its units would be stored anew"
            raise CommandError(f"{problem}. Stop it first (Ctrl-C).") from error
        self.stdout.write(f"Removed {removed} simulated units." if removed else "There are no simulated units.")
