"""Whether the files are what the database says that they are."""

from collections.abc import Callable
from dataclasses import dataclass, field

from readings.archive_models import ArchiveFile
from readings.store.archive.errors import FileDamaged, FileMissing
from readings.store.archive.layout import KINDS
from readings.store.archive.moving import read_whole


@dataclass(slots=True)
class Checked:
    """How many files were looked at, and a sentence for each that is missing or damaged."""

    files: int = 0
    problems: list[str] = field(default_factory=list)


def check(device_ids: list[int] | None = None, *, progress: Callable[[int], None] | None = None) -> Checked:
    """Read every file whole and compare its hash and its number of rows. Raises ArchiveOff, ArchiveUnreachable."""
    found = Checked()
    wanted = ArchiveFile.objects.order_by("device_id", "kind", "start_ms")
    if device_ids is not None:
        wanted = wanted.filter(device__in=device_ids)
    for file in wanted.iterator(chunk_size=500):
        problem = _problem_of(file)
        if problem and ArchiveFile.objects.filter(pk=file.pk).exists():  # not replaced meanwhile
            found.problems.append(problem)
        found.files += 1
        if progress:
            progress(found.files)
    return found


def _problem_of(file: ArchiveFile) -> str | None:
    kind = next((kind for kind in KINDS.values() if kind.name == file.kind), None)
    if kind is None:
        return f"{file.path} is of a kind that this version does not know: {file.kind}."
    try:
        rows = len(read_whole(kind, file))
    except (FileMissing, FileDamaged) as error:
        return str(error)
    return None if rows == file.rows else str(FileDamaged(file.path, f"{rows} rows instead of {file.rows}"))
