"""``python -m tests.fuzz [--runs N] [--seed N]`` fuzzes; ``python -m tests.fuzz FILE ...`` tries what was found."""

import argparse
import sys
from pathlib import Path

from tests.fuzz.expected import check
from tests.fuzz.running import Found, fuzz


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="inputs to try")
    parser.add_argument("--runs", type=int, default=100_000, help="how many inputs to make")
    parser.add_argument("--seed", type=int, default=1, help="another one makes others")
    options = parser.parse_args()
    for path in options.files:
        check(path.read_bytes())
    if not options.files:
        try:
            fuzz(options.runs, seed=options.seed)
        except Found as error:
            sys.stderr.write(f"{error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
