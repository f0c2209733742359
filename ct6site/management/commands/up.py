import os
import socket
import sys
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections

from ct6site import env
from ct6site.operations import demo, first_run
from ct6site.operations.supervisor import Part, Supervisor, outcome_of
from devices.jobs import queue

WEB_START_LIMIT_S = 60.0
# How to reach a server that listens on all addresses.
_OF_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)

# The demonstration shows its own units and no others.
_ONLY_ASKED = {"CT6_ASK": "1", "CT6_MQTT_URL": "", "CT6_MQTT_URL_FILE": ""}


class Command(BaseCommand):
    help = "Set up the database and run web server, collector, workers, schedule and watch until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=env.read_text("HOST") or "0.0.0.0")  # noqa: S104  (phones on the LAN)
        parser.add_argument("--port", type=int, default=env.read_integer("PORT", default=8000, lowest=1, highest=65535))
        parser.add_argument(
            "--demo", dest="with_demo", action="store_true", default=env.read_flag("DEMO", default=False)
        )

    def handle(self, *args: Any, host: str, port: int, with_demo: bool, **options: Any) -> None:
        os.umask(0o077)  # what it makes is for its own user alone
        parts = _parts(host, port, with_demo=with_demo)
        try:
            first_run.check_port(host, port)
            with first_run.take_data_folder(settings.DATA_DIR):
                self._set_up(with_demo=with_demo)
                self._announce_when_ready(host, port)
                Supervisor(parts).run()
        except first_run.CannotStart as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(f"The database cannot be used: {error}. Check DATABASE_URL and try again.") from error
        self.stdout.write("Stopped.")

    def _set_up(self, *, with_demo: bool) -> None:
        self.stdout.write("Preparing the database and the pages ...")
        first_run.prepare_database()
        first_run.collect_static_files(settings.BASE_DIR / "requirements" / "lock" / "base.txt")
        made = first_run.ensure_admin(env.read_secret("CT6_ADMIN_PASSWORD"))
        if made:
            self.stdout.write(self.style.WARNING(f"The user is admin, the password {made} (shown only this once)."))
        if with_demo and not demo.is_there():
            self._make_demo()
        connections.close_all()

    def _make_demo(self) -> None:
        """In a process of its own: what it takes of memory is given back, and Ctrl-C reaches this process alone."""
        self.stdout.write("Making thirty days of history for two simulated units, some 20 s ...")
        if outcome_of((sys.executable, "manage.py", "make_demo")):
            raise CommandError("The demonstration could not be made; what went wrong is told above.")
        self.stdout.write("They can be removed by: make remove-demo")

    def _announce_when_ready(self, host: str, port: int) -> None:
        def announce() -> None:
            deadline = time.monotonic() + WEB_START_LIMIT_S
            while time.monotonic() < deadline:
                try:
                    socket.create_connection((_OF_ALL.get(host, host), port), timeout=1).close()
                except OSError:
                    time.sleep(0.2)
                else:
                    self.stdout.write(self.style.SUCCESS("Ready: " + "  ".join(first_run.page_addresses(host, port))))
                    self.stdout.write("Stop it with Ctrl-C.")
                    return

        threading.Thread(target=announce, daemon=True).start()


def _parts(host: str, port: int, *, with_demo: bool) -> list[Part]:
    manage = (sys.executable, "manage.py")
    celery = (sys.executable, "-m", "celery", "--quiet", "-A", "ct6site")
    worker = ("worker", "--loglevel", "WARNING", "--without-gossip", "--without-mingle")
    # More than jobs run at once, so that the small tasks among them never wait for an upgrade.
    jobs = ("--concurrency", str(queue.MOST_RUNNING + 2))
    asked = _ONLY_ASKED | {"CT6_ADDRESSES": ",".join(demo.ADDRESSES)} if with_demo else {}
    parts = [
        Part("collector", (*manage, "collect_ct6"), asked),
        Part("web", _web_command(host, port)),
        Part("worker-rollups", (*celery, *worker, "-Q", "rollups", "-n", "rollups@%h"), quiet=True),
        Part("worker-jobs", (*celery, *worker, "-Q", "jobs", "-n", "jobs@%h", *jobs), quiet=True),
        Part("beat", (*celery, "beat", "--loglevel", "WARNING", "--pidfile", "")),
        Part("watch", (*manage, "watch_ct6")),
    ]
    if with_demo:
        parts.insert(0, Part("simulator", (*manage, *demo.simulator_arguments())))
    return parts


def _web_command(host: str, port: int) -> tuple[str, ...]:
    bind = f"{first_run.in_url(host)}:{port}"
    arguments = f"--bind {bind} --workers 1 --graceful-timeout 2 --log-level warning --no-control-socket".split()
    threads = str(env.read_integer("WEB_THREADS", default=8, lowest=1, highest=256))
    return (sys.executable, "-m", "gunicorn", "ct6site.wsgi", *arguments, "--threads", threads)
