"""In which order, and from where, answers come that could not be stored at once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from readings.collect.backlog import Backlog, boot_id
from readings.collect.inbox import Arrival, Inbox
from readings.collect.spool import Spool, SpoolUnusable
from tests.readings.collect.arrivals import HERE, NOON_MS, THERE, arrival, published

MANY = 10_000_000
ALL = 1000
LATE_MS = NOON_MS + 60_000

Make = Callable[..., Backlog]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Backlogs on one folder, one after the other as processes are."""
    made: list[Backlog] = []

    def make(boot: str = boot_id(), max_bytes: int = MANY) -> Backlog:
        for former in made:
            former.close()
        made.append(Backlog(Spool(tmp_path / "spool", max_bytes, boot)))
        made[-1].open()
        return made[-1]

    yield make
    for backlog in made:
        backlog.close()


def add(backlog: Backlog, *seconds: float) -> list[Arrival]:
    arrivals = [arrival(int(second * 1000)) for second in seconds]
    backlog.add(arrivals, arrivals[-1].steady_ms)
    return arrivals


def all_of(backlog: Backlog) -> list[Arrival]:
    taken = []
    while arrivals := backlog.take(ALL):
        taken += arrivals
    return taken


def test_as_long_as_they_are_taken_nothing_goes_to_disk(make: Make) -> None:
    backlog = make()
    came = add(backlog, 0, 0.5)
    backlog.keep(NOON_MS + 1000)
    assert (backlog.on_disk, backlog.take(ALL)) == (0, came)
    backlog.settled()
    backlog.keep(LATE_MS)
    assert backlog.on_disk == 0


def test_what_waits_for_more_than_a_flush_interval_goes_to_disk(make: Make) -> None:
    backlog = make()
    came = add(backlog, 0, 1)
    backlog.keep(NOON_MS + 1499)
    assert backlog.on_disk == 0
    backlog.keep(NOON_MS + 1500)
    assert (backlog.on_disk, len(backlog)) == (2, 2)
    assert all_of(backlog) == came


def test_disk_comes_before_memory(make: Make) -> None:
    backlog = make()
    first = add(backlog, 0)
    backlog.keep(LATE_MS)
    second = add(backlog, 70)
    assert all_of(backlog) == first + second


def test_what_was_taken_and_is_not_stored_is_kept_for_the_next_process(make: Make) -> None:
    backlog = make()
    came = add(backlog, 0, 1)
    backlog.take(ALL)
    backlog.keep(LATE_MS)
    assert all_of(backlog) == []  # this one has it
    assert all_of(make()) == came


def test_and_stands_before_what_came_after_it(make: Make) -> None:
    backlog = make()
    taken = add(backlog, 0)
    backlog.take(ALL)
    waiting = add(backlog, 1)
    backlog.keep(LATE_MS)
    assert all_of(backlog) == waiting
    assert all_of(make()) == taken + waiting


def test_what_is_stored_is_gone_from_disk(make: Make) -> None:
    backlog = make()
    add(backlog, 0)
    backlog.keep(LATE_MS)
    add(backlog, 70)
    all_of(backlog)
    backlog.settled()
    assert (backlog.on_disk, len(backlog)) == (0, 0)
    assert all_of(make()) == []


def test_what_came_to_disk_meanwhile_is_not_taken_for_stored(make: Make) -> None:
    backlog = make()
    add(backlog, 0)
    backlog.keep(LATE_MS)
    backlog.take(ALL)
    later = add(backlog, 70)
    backlog.keep(LATE_MS + 20_000)
    backlog.settled()
    assert all_of(backlog) == later


def test_the_end_leaves_everything_on_disk(make: Make) -> None:
    backlog = make()
    came = add(backlog, 0, 0.1)
    backlog.take(1)
    backlog.keep(NOON_MS + 100, all_of_it=True)
    assert all_of(make()) == came


def test_the_next_process_says_what_it_found(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    backlog = make()
    add(backlog, 0, 1, 2)
    backlog.keep(LATE_MS)
    make()
    assert "Answers of before wait on disk" in caplog.text
    assert "'count': 3" in caplog.text


def test_after_a_boot_the_steady_clock_still_tells_what_lay_between(make: Make) -> None:
    backlog = make("a former boot")
    add(backlog, 0, 1, 2.5)
    backlog.keep(LATE_MS)
    first, second, third = all_of(make())
    assert (second.steady_ms - first.steady_ms, third.steady_ms - second.steady_ms) == (1000, 1500)
    assert [one.time_ms - NOON_MS for one in (first, second, third)] == [0, 1000, 2500]


def test_the_newest_are_told_while_older_ones_wait_on_disk(make: Make) -> None:
    backlog = make()
    add(backlog, 0)
    assert backlog.newest() == []
    backlog.keep(LATE_MS)
    newest = [arrival(70_000), arrival(71_000), arrival(71_000, address=THERE)]
    backlog.add(newest, NOON_MS + 71_000)
    assert {one.address: one.time_ms - NOON_MS for one in backlog.newest()} == {HERE: 71_000, THERE: 71_000}
    assert backlog.newest() == []


def test_at_the_bound_the_oldest_go_with_an_alarm(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    backlog = make(max_bytes=1)
    for second in range(3):
        add(backlog, second)
        backlog.keep(LATE_MS)
    assert (backlog.on_disk, backlog.dropped) == (1, 2)
    assert "The oldest answers on disk had to go: they are lost" in caplog.text


def losses(backlog: Backlog) -> list[bool]:
    """Of all that is taken, batch by batch: whether answers before it are lost."""
    told = []
    while backlog.take(ALL):
        told.append(backlog.follows_loss)
    return told


def test_what_comes_after_a_loss_on_disk_is_told_to_the_next_process_too(make: Make) -> None:
    backlog = make(max_bytes=2500)
    for second in range(5):
        add(backlog, second)
        backlog.keep(LATE_MS)
    assert backlog.dropped
    told = losses(backlog)
    assert told == [True] + [False] * (len(told) - 1)
    assert losses(make()) == told
    backlog = make()
    backlog.take(ALL)
    backlog.settled()
    assert not any(losses(backlog))


def test_batches_on_disk_are_taken_together(make: Make) -> None:
    backlog = make()
    came = []
    for second in range(5):
        came += add(backlog, second)
        backlog.keep(LATE_MS)
    assert backlog.take(ALL) == came
    assert backlog.take(ALL) == []
    backlog.settled()
    assert backlog.on_disk == 0
    assert all_of(make()) == []


def test_but_not_those_before_a_loss_with_those_behind_it(tmp_path: Path) -> None:
    backlog = Backlog(Spool(tmp_path, MANY, boot_id()), inbox=Inbox(kept_ms=1000))
    for seconds in ([0.0], [1.0], [2.0, 4.0], [5.0]):  # of the third only the second is kept
        add(backlog, *seconds)
        backlog.keep(LATE_MS)
    taken = [([one.time_ms - NOON_MS for one in backlog.take(ALL)], backlog.follows_loss) for _ in range(2)]
    assert taken == [([0, 1000], False), ([4000, 5000], True)]
    backlog.close()


def test_what_comes_after_a_loss_in_memory_is_told_too(tmp_path: Path) -> None:
    backlog = Backlog(inbox=Inbox(kept_ms=1000))
    add(backlog, 0)
    assert losses(backlog) == [False]
    add(backlog, 1)
    add(backlog, 3)
    assert losses(backlog) == [True]
    kept = Backlog(Spool(tmp_path, MANY, boot_id()), inbox=Inbox(kept_ms=1000))
    add(kept, 1)
    add(kept, 3)
    kept.keep(LATE_MS)
    add(kept, 64)
    assert losses(kept) == [True, False]
    kept.close()


def test_what_goes_from_disk_and_is_in_memory_too_is_no_loss(make: Make) -> None:
    backlog = make(max_bytes=1)
    add(backlog, 0)
    backlog.take(ALL)
    backlog.keep(LATE_MS)
    add(backlog, 70)
    backlog.keep(LATE_MS + 20_000)
    assert (backlog.on_disk, backlog.dropped) == (1, 0)


def test_behind_others_on_disk_they_wait_in_memory_for_less_than_a_flush_interval(make: Make) -> None:
    backlog = make()
    add(backlog, 0)
    backlog.keep(NOON_MS + 1500)
    add(backlog, 2)
    backlog.keep(NOON_MS + 2700)
    assert backlog.on_disk == 1
    backlog.keep(NOON_MS + 2750)
    assert backlog.on_disk == 2


def test_an_unusable_disk_leaves_them_in_memory(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    backlog = Backlog(Spool(tmp_path / "file" / "spool", MANY, ""))
    came = add(backlog, 0)
    backlog.keep(NOON_MS + 5000)
    backlog.keep(NOON_MS + 6000)
    assert (len(backlog), backlog.take(ALL)) == (1, came)
    assert str(tmp_path / "file" / "spool") in backlog.disk_trouble
    kept_before = backlog.is_kept
    assert caplog.text.count("Answers cannot be kept on disk") == 1
    (tmp_path / "file").unlink()
    backlog.keep(NOON_MS + 7000)
    assert (kept_before, backlog.is_kept) == (False, True)
    assert "can be kept on disk again" in caplog.text
    assert backlog.disk_trouble == ""
    backlog.close()


def test_who_asks_learns_of_an_unusable_disk_before_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    backlog = Backlog(Spool(tmp_path / "file" / "spool", MANY, ""))
    backlog.try_disk()
    assert backlog.disk_trouble == ""  # somebody else asks, and has the disk
    backlog.note_asking(asking=True)
    backlog.try_disk()
    assert "Not a directory" in backlog.disk_trouble
    (tmp_path / "file").unlink()
    backlog.try_disk()
    assert backlog.disk_trouble == ""
    backlog.close()


def test_a_disk_that_lets_itself_be_read_is_not_taken_to_be_well(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    backlog = make()
    add(backlog, 0)
    backlog.keep(LATE_MS)
    with monkeypatch.context() as patch:
        patch.setattr(Spool, "append", unwritable)
        add(backlog, 1)
        backlog.keep(LATE_MS)
        assert backlog.take(ALL) != []
        assert backlog.disk_trouble == "no room"


def unwritable(*_args: object, **_options: object) -> int:
    raise SpoolUnusable("no room")


def test_without_a_spool_memory_is_all_there_is() -> None:
    backlog = Backlog()
    came = add(backlog, 0)
    backlog.keep(LATE_MS)
    assert (backlog.on_disk, backlog.was_asking(), all_of(backlog)) == (0, False, came)


# --- While another collector stores -----------------------------------------------------------------------------


def standing_by(backlog: Backlog, first_s: int, last_s: int) -> list[Arrival]:
    """What units publish meanwhile."""
    backlog.stand_by()
    messages = [published(second * 1000) for second in range(first_s, last_s + 1)]
    for message in messages:
        backlog.add([message], message.steady_ms)
    return messages


def test_who_stands_by_keeps_what_units_publish_until_it_takes_over(make: Make) -> None:
    backlog = make()
    messages = standing_by(backlog, 0, 10)
    backlog.keep(LATE_MS)
    assert (len(backlog), backlog.on_disk, all_of(backlog)) == (0, 0, [])
    backlog.take_over(NOON_MS + 10_000)
    live = published(11_000)
    backlog.add([live], live.steady_ms)
    assert all_of(backlog) == [*(replace(message, overheard=True) for message in messages), live]


def test_no_more_than_half_a_minute_of_it() -> None:
    backlog = Backlog()
    messages = standing_by(backlog, 0, 100)
    backlog.take_over(NOON_MS + 105_000)
    assert [one.steady_ms for one in all_of(backlog)] == [one.steady_ms for one in messages[75:]]
    assert backlog.dropped == 0


def test_it_is_taken_at_once_and_from_disk_too(make: Make) -> None:
    for from_disk in (False, True):
        backlog = make()
        count = len(standing_by(backlog, 0, 20))
        backlog.take_over(NOON_MS + 20_000)
        if from_disk:
            backlog.keep(LATE_MS)
            assert backlog.on_disk == count
        taken = backlog.take(2)
        assert (len(taken), all(one.overheard for one in taken)) == (count, True)
        backlog.settled()


def test_who_stands_by_again_forgets_nothing_new_and_keeps_no_answers_to_questions(make: Make) -> None:
    backlog = make()
    standing_by(backlog, 0, 1)
    backlog.take_over(NOON_MS + 1000)
    assert len(all_of(backlog)) == 2
    standing_by(backlog, 2, 3)
    late = add(backlog, 4)
    assert all_of(backlog) == late
    backlog.take_over(NOON_MS + 4000)
    backlog.take_over(NOON_MS + 4000)
    assert [one.steady_ms - NOON_MS for one in all_of(backlog)] == [2000, 3000]
