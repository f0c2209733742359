"""What is on disk is there in order, whole, bounded, and after the end of the process."""

import os
import signal
import sqlite3
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from readings.collect.inbox import Arrival
from readings.collect.spool import Spool, SpoolUnusable, _packed, _unpacked, given_up_in
from readings.collect.ways import Way
from tests.readings.collect.arrivals import HERE, NOON_MS, arrival, captured

MANY = 10_000_000


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "spool", MANY, "this boot")
    yield spool
    spool.close()


def again(spool: Spool, max_bytes: int = MANY) -> Spool:
    """As the next process finds it."""
    spool.close()
    found = Spool(spool.folder, max_bytes, "next boot")
    found.open()
    return found


def test_batches_come_back_in_order(spool: Spool) -> None:
    numbers = [spool.append([arrival(second * 1000), arrival(second * 1000 + 1)]) for second in range(3)]
    taken, number = [], 0
    while batch := spool.after(number):
        taken.append(batch.arrivals)
        number = batch.number
    assert taken == [[arrival(second * 1000), arrival(second * 1000 + 1)] for second in range(3)]
    assert numbers == sorted(numbers)
    assert spool.waiting == 6


def test_what_is_forgotten_is_gone_and_the_rest_is_not(spool: Spool) -> None:
    first = spool.append([arrival(0)])
    spool.append([arrival(1000)])
    spool.forget(first)
    left = spool.after(0)
    assert left is not None
    assert left.arrivals == [arrival(1000)]
    assert spool.waiting == 1
    assert 0 < spool.bytes < 2000


def test_the_next_process_finds_it_and_knows_which_boot_it_is_of(spool: Spool) -> None:
    spool.append([arrival(0), arrival(1000)])
    found = again(spool)
    assert (found.waiting, found.bytes) == (spool.waiting, spool.bytes)
    batch = found.after(0)
    assert batch is not None
    assert (batch.boot, len(batch.arrivals)) == ("this boot", 2)
    found.close()


def test_at_the_bound_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 3 * len(_packed([arrival(0)])) + 20, "")
    for second in range(5):
        spool.append([arrival(second * 1000)])
    assert (spool.dropped, spool.waiting) == (2, 3)
    oldest = spool.after(0)
    assert oldest is not None
    assert oldest.arrivals == [arrival(2000)]
    spool.close()


def test_numbers_are_never_given_twice(spool: Spool) -> None:
    first = spool.append([arrival(0)])
    spool.forget(first)
    assert spool.append([arrival(1000)]) > first


def test_only_one_process_has_it(spool: Spool) -> None:
    spool.append([arrival(0)])
    other = Spool(spool.folder, MANY, "")
    with pytest.raises(SpoolUnusable, match="another collector keeps its answers here"):
        other.open()
    spool.close()
    other.open()
    assert other.waiting == 1
    other.close()


def test_what_a_version_without_mqtt_left_comes_back_as_answers_to_questions() -> None:
    head = struct.pack("<qqHI", NOON_MS, 7, len(HERE), len(captured()))
    (found,) = _unpacked(zlib.compress(head + HERE.encode() + captured()))
    assert found == Arrival(captured(), HERE, NOON_MS, 7, Way.AYT)


def test_a_file_that_is_no_spool_is_put_aside(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    spool.folder.mkdir()
    (spool.folder / "answers.sqlite3").write_bytes(b"rubbish " * 1000)
    spool.append([arrival(0)])
    assert spool.waiting == 1
    (aside,) = spool.folder.glob("damaged-*.sqlite3")
    assert aside.read_bytes().startswith(b"rubbish")
    assert "damaged" in caplog.text


def test_those_behind_a_damaged_batch_do_not_wait(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    for n in range(3):
        spool.append([arrival(n)])
    spool.close()
    with sqlite3.connect(spool.folder / "answers.sqlite3") as connection:
        connection.execute("UPDATE batch SET content = x'00ff00' WHERE number = 1")
    spool.close()
    damaged, whole = spool.after(0), spool.after(1)
    assert damaged is not None
    assert (damaged.number, damaged.arrivals) == (1, [])
    assert whole is not None
    assert (whole.arrivals, whole.follows_loss) == ([arrival(1)], True)
    assert "is damaged, and lost" in caplog.text


def test_a_disk_that_cannot_be_used_is_said_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", MANY, "")
    with pytest.raises(SpoolUnusable, match="file/spool"):
        spool.append([arrival(0)])


def test_it_works_again_once_the_disk_does(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool", MANY, "")
    with pytest.raises(SpoolUnusable):
        spool.open()
    (tmp_path / "file").unlink()
    spool.append([arrival(0)])
    assert spool.waiting == 1
    spool.close()


def test_who_asked_the_units_is_known_to_the_next(spool: Spool) -> None:
    assert not spool.was_asking()
    spool.note_asking(asking=True)
    found = again(spool)
    assert found.was_asking()
    found.note_asking(asking=False)
    assert not found.was_asking()
    found.close()


def test_a_process_that_is_killed_leaves_what_was_appended(tmp_path: Path) -> None:
    program = """
import pathlib, sys, time
from readings.collect.inbox import Arrival
from readings.collect.spool import Spool
spool = Spool(pathlib.Path(sys.argv[1]), 10_000_000, "")
for number in range(10_000):
    spool.append([Arrival(b"answer", "127.0.0.2", number, number)])
    sys.stdout.write(f"{number}\\n"); sys.stdout.flush()
"""
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        told = [int(said.readline()) for _ in range(20)]
        os.kill(process.pid, signal.SIGKILL)
        told += [int(line) for line in said if line.endswith("\n")]
    process.wait(10)
    spool = Spool(tmp_path, MANY, "")
    spool.open()
    assert spool.waiting in (len(told), len(told) + 1)
    spool.close()


arrivals_of_any_kind = st.builds(
    Arrival,
    payload=st.binary(max_size=300),
    source=st.text(max_size=200),
    way=st.sampled_from(Way),
    time_ms=st.integers(-(2**62), 2**62),
    steady_ms=st.integers(0, 2**62),
    overheard=st.booleans(),
)


@settings(max_examples=50)
@given(st.lists(arrivals_of_any_kind, max_size=20))
def test_any_datagram_comes_back_to_the_byte(arrivals: list[Arrival]) -> None:
    assert list(_unpacked(_packed(arrivals))) == arrivals


# --- What is told of the bound and of the disk ------------------------------------------------------------------
def at_its_bound(folder: Path, appended: int = 5) -> Spool:
    spool = Spool(folder, 2500, "this boot")
    for second in range(appended):
        spool.append([arrival(second * 1000)])
    return spool


def test_what_went_for_the_bound_is_known_to_the_next_process_and_to_others(tmp_path: Path) -> None:
    spool = at_its_bound(tmp_path)
    lost = spool.dropped
    assert lost > 0
    assert spool.given_up is not None
    assert (spool.given_up.answers, spool.given_up.since_ms) == (lost, NOON_MS)
    assert spool.given_up.until_ms == NOON_MS + (lost - 1) * 1000
    assert given_up_in(tmp_path) == spool.given_up  # while the process has it
    after = again(spool, 2500)
    assert (after.given_up, after.dropped) == (spool.given_up, 0)
    after.close()


def test_nothing_is_told_of_a_spool_that_was_never_at_its_bound(spool: Spool, tmp_path: Path) -> None:
    spool.append([arrival(0)])
    assert (spool.given_up, given_up_in(spool.folder), given_up_in(tmp_path / "nowhere")) == (None, None, None)


def test_a_damaged_file_tells_nothing_of_the_bound(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite3").write_bytes(b"no database")
    assert given_up_in(tmp_path) is None


def test_a_disk_is_tried_and_nothing_is_left_of_that(spool: Spool) -> None:
    spool.try_to_write()
    assert {path.name for path in spool.folder.iterdir()} >= {"answers.sqlite3", "lock"}
    assert not (spool.folder / "tried").exists()
    (spool.folder / "tried").mkdir()
    with pytest.raises(SpoolUnusable):
        spool.try_to_write()
