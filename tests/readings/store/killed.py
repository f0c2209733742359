"""A process that moves what is old and kills itself at a step: ``killed.py VERB STEP NOW``; and its start."""

import os
import signal
import subprocess
import sys

import django
from django.conf import settings
from django.db import connection

from tests.processes import ROOT, database_url

_LIMIT_S = 120


def killed(verb: str, step: str, now_ms: int) -> None:
    """Run it on the database and the archive of the test until it is dead."""
    connection.close()
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "CT6_ARCHIVE": settings.CT6_ARCHIVE,
        "DJANGO_SETTINGS_MODULE": "ct6site.settings",
    }
    command = [sys.executable, "-m", "tests.readings.store.killed", verb, step, str(now_ms)]
    ended = subprocess.run(command, cwd=ROOT, env=environment, timeout=_LIMIT_S, check=False)
    assert ended.returncode == -signal.SIGKILL


def main(verb: str, at: str, now_ms: int) -> None:
    django.setup()
    from devices.models import Device  # noqa: PLC0415 - after django.setup
    from readings.store import letting_go  # noqa: PLC0415
    from readings.store.archive import archiving, restoring  # noqa: PLC0415
    from readings.turn import Turn  # noqa: PLC0415

    def die_there(step: str) -> None:
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)

    turn = Turn(pause=lambda _seconds: None, step=die_there)
    if verb == "archive":
        archiving.archive_due(now_ms, turn=turn)
    elif verb == "compact":
        archiving.compact_due(now_ms, turn=turn)
    elif verb == "archive minutes":
        archiving.archive_minutes_due(now_ms, turn=turn)
    elif verb == "let go":
        letting_go.let_go(now_ms, turn=turn)
    else:
        for device in Device.objects.all():
            restoring.restore(device.pk, 0, now_ms, pause=turn.pause, step=die_there)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
