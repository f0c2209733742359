"""``make bench-scale``: from what a unit costs to which part breaks first with up to 100,000 of them.

The costs are measured on this machine, with up to a thousand units, in two minutes; all beyond is extrapolated.
"""

import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench.scale_model import SIZES, Costs, Part, Way, first_to_break, sizes
from tests.bench.scratch import environment

LIMIT_S = 175
_BENCH = Path("bench.json")
_NAME = 31
_CELL = 10
_UNITS = {"_cores": "cores", "_bytes_per_s": "bytes/s", "_bytes": "bytes"}


def measured(url: str) -> tuple[Costs, list[str]]:
    """The costs, and the figures among them that were taken from bench.json."""
    with tempfile.TemporaryDirectory(prefix="ct6-bench-") as scratch:
        result = Path(scratch) / "costs.json"
        command = [sys.executable, "-m", "tests.bench.scale", str(result)]
        try:
            subprocess.run(command, check=True, env=environment(url, Path(scratch)), timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            raise SystemExit(
                f"measuring took more than {LIMIT_S} s: this machine is busy with something else"
            ) from None
        costs, known = json.loads(result.read_text())
    return Costs(**costs), known


def measure(result: Path) -> None:
    """In a process of its own, with the settings of a benchmark."""
    import django  # noqa: PLC0415 - the settings are those of the other process

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - after django.setup

    from tests.bench import unit_costs  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    known = unit_costs.fresh_figures(_BENCH, Path())
    costs = unit_costs.measure(result.parent, known)
    result.write_text(json.dumps([asdict(costs), sorted(unit_costs.TAKEN.intersection(known))]))


def told(costs: Costs, known: list[str]) -> Iterator[str]:
    yield f"What a unit costs, measured on {costs.cores} cores with up to {costs.measured_units:,} units"
    yield f"Taken from {_BENCH}: {', '.join(known) or 'nothing, since the code has changed or there is none'}"
    if "ingest_answers_per_s_mariadb" not in known:
        yield "written_s is estimated as answer_s + database_answer_s: `make bench` measures how fast it goes."
    yield ""
    for name, value in asdict(costs).items():
        unit = next((unit for ending, unit in _UNITS.items() if name.endswith(ending)), "")
        shown = f"{1e3 * value:.4g} ms" if name.endswith("_s") and not unit else f"{value:.4g} {unit}"
        yield f"  {name:<24} {shown}"
    for way in Way:
        yield ""
        yield from _table(costs, way)
    yield ""
    yield from _bytes(costs)


def _table(costs: Costs, way: Way) -> Iterator[str]:
    yield f"Units {way}: how much of each part they use; ! = it cannot keep its promise"
    yield _line("", [_size(units, costs) for units in SIZES], "breaks above")
    ordered = first_to_break(costs, way)
    for part, most in ordered:
        yield _line(part.name, [_cell(part, costs, units, way) for units in SIZES], f"{_rounded(most):,}")
    yield f"* extrapolated: measured with up to {costs.measured_units:,} units."
    for units in SIZES:
        broken = [part.name for part, most in ordered if most < units]
        yield f"With {units:,} units " + (f"first: {', then '.join(broken)}." if broken else "nothing breaks.")
    yield "To add then:"
    yield from (f"  {part.name}: {part.advice}." for part, most in ordered if most < SIZES[-1])


def _bytes(costs: Costs) -> Iterator[str]:
    yield "Bytes"
    yield _line("", [_size(units, costs) for units in SIZES], "")
    found = [sizes(costs, units) for units in SIZES]
    yield _line("database after a year, GB", [f"{one.database / 1e9:,.1f}" for one in found], "")
    yield _line("  and each year more, GB", [f"{one.database_a_year / 1e9:,.1f}" for one in found], "")
    yield _line("archive, a year, TB", [f"{one.files_a_year / 1e12:,.2f}" for one in found], "")


def _size(units: int, costs: Costs) -> str:
    return f"{units:,}{'*' if units > costs.measured_units else ''}"


def _cell(part: Part, costs: Costs, units: int, way: Way) -> str:
    used = part.load(costs, units, way).used
    mark = "!" if part.breaks(costs, units, way) else ""
    if math.isinf(used):
        return "never" + mark
    return f"{used:.0%}{mark}" if used < 10 else f"{used:,.0f} x{mark}"


def _line(name: str, cells: list[str], last: str) -> str:
    return f"{name:<{_NAME}}" + "".join(f"{cell:>{_CELL}}" for cell in cells) + f"{last:>14}"


def _rounded(units: int) -> int:
    """To two digits: more would be a promise."""
    digits = max(0, len(str(units)) - 2)
    step = int(10**digits)
    return units // step * step


def main(arguments: list[str]) -> int:
    if arguments:
        measure(Path(arguments[0]))
        return 0
    costs, known = measured(os.environ["CT6_TEST_MARIADB_URL"])
    sys.stdout.write("\n".join([*told(costs, known), ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
