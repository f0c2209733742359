"""`python -m devices.ct6.simulator` as somebody types it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devices.ct6.protocol import AYT_QUESTION

ROOT = Path(__file__).parents[4]
COMMAND = [sys.executable, "-W", "error", "-m", "devices.ct6.simulator", "--ayt-port", "0", "--http-port", "0"]


def start(*options: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}
    return subprocess.Popen(
        [*COMMAND, *options], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def first_lines(process: subprocess.Popen[str], count: int) -> list[str]:
    assert process.stderr is not None
    return [re.sub(r"\x1b\[[0-9;]*m", "", process.stderr.readline()) for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_which_units_run_where_and_leaves_within_a_second(number: signal.Signals) -> None:
    with start("--units", "2") as process:
        house, annex = first_lines(process, 2)
        assert "ASY0398_V003.300_SN00001801" in house
        assert "ASY0398_V003.300_SN00001802" in annex
        found = re.search(r"questions=127\.0\.0\.3:(\d+)", annex)
        assert found, annex
        assert "http=http://127.0.0.3:" in annex
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(AYT_QUESTION, ("127.0.0.3", int(found[1])))
            assert b"SN00001802" in asking.recv(65536)
        began = time.monotonic()
        process.send_signal(number)
        output, errors = process.communicate(timeout=5)
        assert time.monotonic() - began < 4.0
    assert process.returncode == 0
    assert output == ""
    assert "Traceback" not in errors
    assert "Warning" not in errors


def test_it_ends_by_itself_after_the_duration() -> None:
    with start("--duration", "0.1") as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "simulated units have stopped" in errors


def test_many_units_are_told_in_one_line() -> None:
    with start("--units", "50", "--prepared", "--duration", "0.1") as process:
        _, errors = process.communicate(timeout=20)
    assert "first=127.0.0.2" in errors
    assert "last=127.0.0.51" in errors
    assert "units=50" in errors


def test_what_cannot_work_is_one_sentence() -> None:
    with start("--bind", "10.0.0.1") as process:
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 1
    assert "loopback" in errors
    assert "Traceback" not in errors
