"""A process that moves its database and kills itself when a step is said for the n-th time: ``killed.py URL STEP N``.

The step "migrated" comes between making the tables and noting that.
"""

import os
import signal
import sys
from typing import IO, Any

import django


def main(url: str, at: str, times: int) -> None:
    django.setup()
    from ct6site.operations.moving import moving, target  # noqa: PLC0415 - after django.setup

    said = 0

    def say(step: str, _done: int, _of: int) -> None:
        nonlocal said
        said += step == at
        if said == times:
            os.kill(os.getpid(), signal.SIGKILL)

    migrate = target.migrate

    def migrate_and_say(url: str, entry: dict[str, Any], lock: IO[str]) -> None:
        migrate(url, entry, lock)
        say("migrated", 0, 0)

    target.migrate = migrate_and_say
    moving.move(url, progress=say)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
