"""A process that lets go of what is too old and kills itself at a step: ``killed_letting_go.py STEP NOW``."""

import os
import signal
import sys

import django


def main(at: str, now_ms: int) -> None:
    django.setup()
    from readings.store import letting_go  # noqa: PLC0415 - after django.setup

    def die_there(step: str) -> None:
        if step == at:
            os.kill(os.getpid(), signal.SIGKILL)

    letting_go.let_go(now_ms, turn=letting_go.Turn(pause=lambda _seconds: None, step=die_there))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
