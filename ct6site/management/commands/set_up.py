import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from ct6site import env
from ct6site.operations import first_run

WAIT_LIMIT_S = 120.0


class Command(BaseCommand):
    help = "Prepare the database of the server set-up: waits for it, migrates, and creates the user admin."

    def handle(self, *args: Any, **options: Any) -> None:
        self._migrate_when_ready()
        made = first_run.ensure_admin(env.read_secret("CT6_ADMIN_PASSWORD"))
        if made:
            self.stdout.write(f"The user is admin, the password {made} (shown only this once).")
        self.stdout.write("The database is ready.")

    def _migrate_when_ready(self) -> None:
        deadline = time.monotonic() + WAIT_LIMIT_S
        while True:
            try:
                first_run.prepare_database()
            except OperationalError as error:
                if time.monotonic() >= deadline:
                    raise CommandError(f"The database cannot be used: {error}. Check DATABASE_URL.") from error
                self.stdout.write(f"Waiting for the database ({error}) ...")
                time.sleep(2)
            else:
                return
