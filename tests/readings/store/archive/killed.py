"""A process that archives, compacts or restores and kills itself at a step: ``killed.py VERB STEP NOW``."""

import os
import signal
import sys

import django


def main(verb: str, at: str, now_ms: int) -> None:
    django.setup()
    from devices.models import Device  # noqa: PLC0415 - after django.setup
    from readings.store.archive import archiving, restoring  # noqa: PLC0415

    def die_there(step: str) -> None:
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)

    turn = archiving.Turn(pause=lambda _seconds: None, step=die_there)
    if verb == "archive":
        archiving.archive_due(now_ms, turn=turn)
    elif verb == "compact":
        archiving.compact_due(now_ms, turn=turn)
    elif verb == "archive minutes":
        archiving.archive_minutes_due(now_ms, turn=turn)
    else:
        for device in Device.objects.all():
            restoring.restore(device.pk, 0, now_ms, pause=turn.pause, step=die_there)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
