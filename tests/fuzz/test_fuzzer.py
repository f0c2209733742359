"""The fuzzer finds nothing."""

import os

import pytest

from tests.fuzz.running import fuzz, is_installed

INPUTS = 1_000_000 if os.environ.get("CT6_SOAK") else 20_000
LIMIT_S = 3600.0


def test_no_input_is_read_wrongly() -> None:
    if not is_installed():
        pytest.skip(
            "SKIPPED FUZZER: atheris has wheels for Linux on x86-64 only, and there is none here; hypothesis alone "
            "tried the decoder (tests/devices/ct6/test_bad_input.py)"
        )
    assert fuzz(INPUTS, seed=1, limit_s=LIMIT_S) >= INPUTS
