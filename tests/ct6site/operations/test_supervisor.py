"""The supervisor as a process of its own, with small programs as its parts."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LIMIT_S = 20.0
STAYS = "import os, time, pathlib; pathlib.Path({mark!r}).open('a').write(f'{{os.getpid()}} '); time.sleep(60)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + STAYS
DIES = "import os, pathlib; pathlib.Path({mark!r}).open('a').write(f'{{os.getpid()}} ')"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def pids(mark: Path) -> list[int]:
    return [int(pid) for pid in mark.read_text().split()] if mark.exists() else []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def supervised(*programs: str) -> Iterator[subprocess.Popen[bytes]]:
    parts = ", ".join(f"Part('part-{n}', [sys.executable, '-c', {program!r}])" for n, program in enumerate(programs))
    script = f"import sys; from ct6site.operations.supervisor import Part, Supervisor; Supervisor([{parts}]).run()"
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_ctrl_c_stops_every_part(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    with supervised(STAYS.format(mark=str(one)), STAYS.format(mark=str(two))) as process:
        wait_for(lambda: bool(pids(one) and pids(two)))
        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT_S) == 0
        assert not any(alive(pid) for pid in pids(one) + pids(two))


def test_a_part_that_ended_is_started_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with supervised(DIES.format(mark=str(mark))):
        wait_for(lambda: len(pids(mark)) >= 2)


def test_a_part_that_was_killed_is_started_again(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with supervised(STAYS.format(mark=str(mark))):
        wait_for(lambda: len(pids(mark)) == 1)
        os.kill(pids(mark)[0], signal.SIGKILL)
        wait_for(lambda: len(pids(mark)) == 2)


def test_a_part_that_does_not_listen_is_killed_in_bounded_time(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with supervised(STUBBORN.format(mark=str(mark))) as process:
        wait_for(lambda: bool(pids(mark)))
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0
        assert not alive(pids(mark)[0])


def test_no_part_outlives_a_supervisor_that_was_killed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with supervised(STAYS.format(mark=str(mark))) as process:
        wait_for(lambda: bool(pids(mark)))
        process.kill()
        process.wait()
        wait_for(lambda: not alive(pids(mark)[0]))


OUTCOME_OF = """
import os, signal, subprocess, sys
from ct6site.operations import supervisor

class InterruptedWhileItIsMade(subprocess.Popen):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        if {interrupted!r}:
            os.kill(os.getpid(), signal.SIGINT)

subprocess.Popen = InterruptedWhileItIsMade
sys.exit(supervisor.outcome_of([sys.executable, "-c", {program!r}]))
"""


def test_a_command_is_run_to_its_end() -> None:
    script = OUTCOME_OF.format(interrupted=False, program="raise SystemExit(3)")
    assert subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT, timeout=LIMIT_S).returncode == 3


def test_a_command_does_not_outlive_ctrl_c_though_it_was_just_being_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = OUTCOME_OF.format(interrupted=True, program=STAYS.format(mark=str(mark)))
    ended = subprocess.run([sys.executable, "-c", script], check=False, cwd=ROOT, timeout=LIMIT_S, capture_output=True)
    assert b"KeyboardInterrupt" in ended.stderr
    assert not any(alive(pid) for pid in pids(mark))
