"""Where the archive's files lie: a folder, or an object store (S3, Google's, Azure's).

A file is whole or not there: a folder gets it under a temporary name first, forced onto the disk and then renamed;
an object store shows an object only once all of it has arrived (Azure's shows an empty one until then).
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

from django.conf import settings
from pyarrow import ArrowException, fs

from readings.archive_models import ArchiveFile
from readings.store.archive import abfs, gs, s3
from readings.store.archive.errors import ArchiveOff, ArchiveUnreachable, FileMissing
from readings.store.archive.uris import refuse_cut_keys, without_secrets
from readings.turn import Step, no_step

_OPENERS: Final[dict[str, Callable[[str], tuple[Any, str]]]] = {
    **dict.fromkeys(s3.SCHEMES, s3.open_s3),
    **dict.fromkeys(gs.SCHEMES, gs.open_gs),
    **dict.fromkeys(abfs.SCHEMES, abfs.open_abfs),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A file below the root, and when it was written, epoch ms."""

    path: str
    written_ms: int


@dataclass(frozen=True)
class Place:
    """Files by their path below ``root``. Its methods raise ArchiveUnreachable; FileMissing where that is said."""

    root: str = field(repr=False)  # it may hold secrets
    _store: Any
    _base: str

    @property
    def is_remote(self) -> bool:
        return not isinstance(self._store, fs.LocalFileSystem)

    def unreachable(self, reason: object) -> ArchiveUnreachable:
        return ArchiveUnreachable(without_secrets(self.root), gs.plainly(reason))

    def path_for(self, path: str) -> str:
        """Where to write a file: in a store each attempt has a path of its own, so that nothing that an earlier one
        has asked for, and the store does late, can touch a file that is named by then.
        """
        stem, dot, suffix = path.rpartition(".")
        return f"{stem}-{token_hex(4)}{dot}{suffix}" if self.is_remote else path

    def write(self, path: str, content: bytes, step: Step = no_step) -> None:
        with self._reached():
            if not self.is_remote:
                _write_locally(Path(self._base, path), content, step)
                return
            with self._store.open_output_stream(f"{self._base}/{path}") as stream:
                stream.write(content)
            step("renamed")

    def read(self, path: str) -> bytes:
        """Raises FileMissing."""
        with self.open(path) as stream, self._reached():
            content: bytes = stream.read()
        return content

    @contextmanager
    def open(self, path: str) -> Iterator[Any]:
        """The file for reading any part of it. Raises FileMissing."""
        with self._reached():
            try:
                stream = self._store.open_input_file(f"{self._base}/{path}")
            except FileNotFoundError:
                raise FileMissing(path) from None
        with stream:
            yield stream

    def has(self, path: str) -> bool:
        with self._reached():
            return bool(self._store.get_file_info(f"{self._base}/{path}").type == fs.FileType.File)

    def remove(self, path: str) -> None:
        """Remove a file; none there is no error."""
        with self._reached():
            try:
                self._store.delete_file(f"{self._base}/{path}")
            except FileNotFoundError:
                return

    def remove_folder(self, path: str) -> None:
        """Remove everything below; nothing there is no error."""
        with self._reached():
            try:
                self._store.delete_dir(f"{self._base}/{path}")
            except FileNotFoundError:
                return

    def files(self, path: str = "") -> list[Found]:
        """Everything below a folder, temporary files as well."""
        folder = f"{self._base}/{path}".rstrip("/")
        with self._reached():
            found = self._store.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=True))
        return [
            Found(one.path.removeprefix(self._base).lstrip("/"), one.mtime_ns // 1_000_000)
            for one in found
            if one.type == fs.FileType.File
        ]

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ArrowException) as error:
            raise self.unreachable(error) from error


def is_as_written(content: bytes, file: ArchiveFile) -> bool:
    """Whether this is the content whose hash was noted."""
    return hashlib.sha256(content).hexdigest() == file.sha256


def archive() -> Place:
    """The archive that is set (CT6_ARCHIVE). Raises ArchiveOff and ArchiveUnreachable."""
    if not settings.CT6_ARCHIVE:
        raise ArchiveOff
    return place_at(settings.CT6_ARCHIVE)


@lru_cache(4)
def place_at(root: str) -> Place:
    """A folder's absolute path, or a URI. Raises ArchiveUnreachable where it names no store that we can open."""
    try:
        refuse_cut_keys(root)
        store, base = _OPENERS.get(root.partition("://")[0], fs.FileSystem.from_uri)(root)
    except (OSError, ValueError, ArrowException) as error:
        shown = without_secrets(root)
        raise ArchiveUnreachable(shown, str(error).replace(root, shown)) from error
    return Place(root, store, base.rstrip("/"))


def _write_locally(path: Path, content: bytes, step: Step) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    with unfinished.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    step("written")
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    step("renamed")
