"""The rollups' worker as the benchmarks need it: ``python -m tests.bench.rolling`` until SIGTERM."""

import time

import django

django.setup()

from readings.store import rollups  # noqa: E402  (after django.setup)

EVERY_S = 10.0


def main() -> None:
    while True:
        rollups.roll_up_closed(time.time_ns() // 1_000_000)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
