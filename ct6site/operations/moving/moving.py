"""Everything from the database in use to another one: prepared, copied by ranges of keys, compared.

It may be stopped at any moment, with -9 as well, and goes on when it is called again: each range comes in one
transaction with the note of how far the move is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Max
from django.utils import timezone

from ct6site.operations import first_run
from ct6site.operations.moving import comparing, mark, target
from ct6site.operations.moving.errors import NotMoved
from ct6site.operations.moving.mark import Mark, Origin, Stage
from ct6site.operations.moving.tables import (
    Row,
    Span,
    Table,
    chunks,
    count,
    counters,
    empty,
    moved_tables,
    set_counter,
    write,
)
from ct6site.start import UNPREPARED
from readings.archive_models import ArchiveFile
from readings.collect.spool import Spool, SpoolUnusable
from readings.heartbeats import STALE_AFTER
from readings.models import Heartbeat
from readings.store.archive.errors import ArchiveError
from readings.store.archive.place import archive

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how many rows of how many that is done for."""


@dataclass(slots=True)
class Moved:
    """``problems`` says what is not the same there as here; ``missing_files`` what the archive lacks, here as there."""

    source: str
    target: str
    tables: int = 0
    rows: int = 0
    rows_before: int = 0
    ports: int = 0
    files: int = 0
    problems: list[str] = field(default_factory=list)
    missing_files: list[str] = field(default_factory=list)


def move(url: str, *, again: bool = False, progress: Progress = lambda _step, _done, _of: None) -> Moved:
    """Move to the database of the URL, or go on with that; ``again`` empties what an earlier call has brought there.
    Raises NotMoved. With a problem found at the end the move is not finished: the next call compares once more."""
    with target.opened(url) as there, _held_folder() as lock, _standing_still() as here:
        origin = Origin(target.where(here.settings_dict), _last_used())
        noted = Mark(there)
        tables = moved_tables()
        _prepare(there, noted, origin, lambda: target.migrate(url, there.settings_dict, lock), again=again)
        moved = Moved(origin.source, target.where(there.settings_dict), len(tables))
        moved.rows = sum(count(here, table.name) for table in tables)
        moved.rows_before = sum(noted.done(table.name)[1] for table in tables)
        _copy(here, there, noted, tables, _Counted("Copied", moved.rows_before, moved.rows, progress))
        _compare(here, there, tables, moved, progress)
        moved.files, moved.missing_files = _look_at_files()
        if not moved.problems:
            noted.drop()
    return moved


class _Counted:
    def __init__(self, step: str, done: int, of: int, progress: Progress) -> None:
        self._step, self._done, self._of, self._progress = step, done, of, progress

    def __call__(self, more: int) -> None:
        self._done += more
        self._progress(self._step, self._done, self._of)


# --- Nothing else writes ----------------------------------------------------------------------------------------


@contextmanager
def _held_folder() -> Iterator[IO[str]]:
    """The data folder for this call, so that nothing starts on it meanwhile. Raises NotMoved."""
    try:
        lock = first_run.take_data_folder(settings.DATA_DIR)
    except first_run.CannotStart as error:
        raise NotMoved(
            f"The product, or an earlier call of this, still runs on the data folder {settings.DATA_DIR}. Stop "
            "everything first."
        ) from error
    with lock:
        yield lock


@contextmanager
def _standing_still() -> Iterator[BaseDatabaseWrapper]:
    """The database in use, which nothing writes to meanwhile. Raises NotMoved."""
    here = connections[DEFAULT_DB_ALIAS]
    try:
        _refuse_unprepared(here)
        _refuse_parts_at_work()
        _refuse_waiting_answers()
        if here.vendor == "mysql":
            with here.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    except Error as error:
        raise _unreadable(here, error) from error
    with _written_by_nobody(here):
        yield here


@contextmanager
def _written_by_nobody(here: BaseDatabaseWrapper) -> Iterator[None]:
    """SQLite lets nobody else write until this ends; MySQL shows one and the same state until then."""
    block = transaction.atomic(using=here.alias)
    try:
        block.__enter__()
    except OperationalError as error:
        raise NotMoved(
            f"Something else writes to {target.where(here.settings_dict)}. Stop everything first."
        ) from error
    try:
        yield
    finally:
        transaction.set_rollback(True, using=here.alias)  # nothing was written
        block.__exit__(None, None, None)


def _refuse_unprepared(here: BaseDatabaseWrapper) -> None:
    executor = MigrationExecutor(here)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMoved(UNPREPARED)


def _refuse_parts_at_work() -> None:
    since = timezone.now() - STALE_AFTER
    working = sorted(Heartbeat.objects.filter(at__gt=since).values_list("part", flat=True))
    if working:
        raise NotMoved(
            f"Something still works on this database, or did until just now: {', '.join(working)}. Stop everything "
            f"first, and call this {STALE_AFTER.seconds} s later."
        )


def _refuse_waiting_answers() -> None:
    if not (settings.CT6_SPOOL_DIR / "answers.sqlite3").exists():
        return
    spool = Spool(settings.CT6_SPOOL_DIR, settings.CT6_SPOOL_MAX_BYTES, boot="")
    try:
        spool.open()
        waiting = spool.waiting
    except SpoolUnusable as error:
        raise NotMoved(
            f"The folder of waiting answers cannot be looked into: {error}. Stop everything first."
        ) from error
    finally:
        spool.close()
    if waiting:
        raise NotMoved(
            f"Answers wait in {settings.CT6_SPOOL_DIR} that are not stored yet ({waiting}). Start the product as "
            "before until they are, stop it, and call this again."
        )


def _last_used() -> str:
    newest = Heartbeat.objects.aggregate(newest=Max("at"))["newest"]
    return newest.isoformat() if newest else ""


def _unreadable(here: BaseDatabaseWrapper, error: Error) -> NotMoved:
    return NotMoved(f"{target.where(here.settings_dict)}, which is in use, cannot be read: {error}.")


# --- What is moved to -------------------------------------------------------------------------------------------


def _prepare(
    there: BaseDatabaseWrapper, noted: Mark, origin: Origin, migrate: Callable[[], None], *, again: bool
) -> None:
    """Make its tables, and leave nothing in them; nothing is done where that was finished before."""
    name, names = target.where(there.settings_dict), target.names(there)
    begun = mark.NAME in names
    held = target.held_there(there, names - {mark.NAME})
    if begun and not again:
        stage, began = noted.stage()
        if stage is Stage.COPYING and began is not None:
            _refuse_another(name, began, origin)
            return
    if held and not (begun and again):
        how = "Give an empty database" if not begun else "--again deletes all of that and begins anew"
        raise NotMoved(f"{name} holds data already: {held}. {how}; nothing was changed there.")
    if not begun:
        noted.make()
    noted.forget_all()
    noted.note_stage(Stage.PREPARING, origin)
    if begun:  # migrating may have been cut off, which MySQL cannot take back
        target.drop(there, target.names(there) - {mark.NAME})
    migrate()
    with transaction.atomic(using=there.alias):
        for table in moved_tables():  # what migrating makes comes from the source, with its keys
            empty(there, table)
        noted.note_stage(Stage.COPYING, origin)


def _refuse_another(name: str, began: Origin, origin: Origin) -> None:
    if began.source != origin.source:
        why = f"{name} holds the beginning of a move from {began.source}"
    elif began.last_used != origin.last_used:
        why = f"{origin.source} was in use since its move to {name} began"
    else:
        return
    raise NotMoved(f"{why}. --again deletes what is there and begins anew; nothing was changed there.")


# --- Copying and comparing --------------------------------------------------------------------------------------


def _copy(
    here: BaseDatabaseWrapper, there: BaseDatabaseWrapper, noted: Mark, tables: Sequence[Table], advance: _Counted
) -> None:
    last_numbers = counters(here)
    for table in tables:
        done, rows_there = noted.done(table.name)
        for span, rows in _from_source(here, table, done):
            rows_there += len(rows)
            try:
                with transaction.atomic(using=there.alias):
                    write(there, table, rows)
                    noted.note(table.name, span, rows_there)
            except Error as error:
                raise _not_taken(there, table, error) from error
            advance(len(rows))
        if table.name in last_numbers:
            set_counter(there, table.name, last_numbers[table.name])


def _from_source(
    here: BaseDatabaseWrapper, table: Table, done: Span | None = None
) -> Iterator[tuple[Span, Sequence[Row]]]:
    try:
        yield from chunks(here, table, done)
    except Error as error:
        raise _unreadable(here, error) from error


def _not_taken(there: BaseDatabaseWrapper, table: Table, error: Error) -> Exception:
    """A value that the other engine does not take is told with its table; all else is told as everywhere."""
    if isinstance(error, OperationalError):
        return error
    reason = error.args[-1] if error.args else error
    return NotMoved(f"{target.where(there.settings_dict)} does not take the rows of {table.name}: {reason}.")


def _compare(
    here: BaseDatabaseWrapper, there: BaseDatabaseWrapper, tables: Sequence[Table], moved: Moved, progress: Progress
) -> None:
    advance = _Counted("Compared", 0, moved.rows, progress)
    for table in tables:
        moved.problems += comparing.differences(here, there, table, advance)
    moved.ports, different = comparing.different_energies(here, there)
    moved.problems += [*different, *comparing.loose_ends(there, tables)]


def _look_at_files() -> tuple[int, list[str]]:
    """How many files the archive has by the database, and a sentence for each that is not there."""
    wanted = list(ArchiveFile.objects.order_by("path").values_list("path", flat=True))
    if not wanted:
        return 0, []
    try:
        there = {found.path for found in archive().files()}
    except ArchiveError as error:
        return len(wanted), [str(error)]
    return len(wanted), [f"The archive's file {path} is missing." for path in wanted if path not in there]
