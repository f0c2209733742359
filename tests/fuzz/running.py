"""Runs the fuzzer on captured answers. What it finds stays in artifacts/fuzz/, for `python -m tests.fuzz FILE`."""

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.fuzz.mutations import SEEDS
from tests.processes import ROOT

FOUND: Final = ROOT / "artifacts" / "fuzz"
# Longer ones try nothing new, but the longest, which tests/devices/ct6/test_bad_input.py tries.
_MOST_BYTES: Final = 8192
_MOST_S_AN_INPUT: Final = 10
_RAN = re.compile(r"stat::number_of_executed_units:\s*(\d+)")


class Found(Exception):
    """An input that is read wrongly; the message says which, and how."""


def is_installed() -> bool:
    return importlib.util.find_spec("atheris") is not None


def fuzz(runs: int, *, seed: int, limit_s: float | None = None) -> int:
    """Try so many inputs, the same ones for a seed; returns how many that were. Raises Found."""
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ct6-fuzz-") as seeds:
        for number, payload in enumerate(SEEDS):
            Path(seeds, f"{number:02}").write_bytes(payload)
        options = [
            *(f"-runs={runs}", f"-seed={seed}", f"-max_len={_MOST_BYTES}", f"-timeout={_MOST_S_AN_INPUT}"),
            *(f"-artifact_prefix={FOUND}/", "-print_final_stats=1", "-verbosity=0"),
        ]
        ended = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.fuzzer", *options, seeds],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit_s,
        )
    ran = _RAN.search(ended.stdout)
    if ended.returncode or ran is None:
        raise Found(ended.stdout[-4000:])
    return int(ran[1])
