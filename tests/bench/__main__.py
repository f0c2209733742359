"""``make bench``: one line a figure, and bench.json with all of them.

Each engine is measured in a process of its own on a scratch database; medians of several rounds.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.scratch import environment

ENGINES = {"mariadb": os.environ["CT6_TEST_MARIADB_URL"], "sqlite": ""}
LIMIT_S = 1800


def measure(engine: str, url: str, scratch: Path) -> list[dict[str, object]]:
    """The figures of one engine, from a fresh process with that database."""
    result = scratch / "figures.json"
    command = [sys.executable, "-m", "tests.bench.engine", engine, str(result)]
    subprocess.run(command, check=True, env=environment(url, scratch), timeout=LIMIT_S)
    figures: list[dict[str, object]] = json.loads(result.read_text())
    return figures


def in_a_browser() -> list[dict[str, object]]:
    """What a user waits for, with everything of the demo running."""
    with tempfile.TemporaryDirectory(prefix="ct6-bench-") as scratch:
        result = Path(scratch) / "figures.json"
        subprocess.run([sys.executable, "-m", "tests.bench.browser", str(result)], check=True, timeout=LIMIT_S)
        figures: list[dict[str, object]] = json.loads(result.read_text())
    return figures


def main() -> int:
    figures: list[dict[str, object]] = []
    for engine, url in ENGINES.items():
        with tempfile.TemporaryDirectory(prefix="ct6-bench-") as scratch:
            figures += measure(engine, url, Path(scratch))
    figures += in_a_browser()
    Path("bench.json").write_text(json.dumps(figures, indent=1) + "\n")
    for figure in figures:
        sys.stdout.write(f"{figure['name']:<44} {figure['value']:>12} {figure['unit']}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
