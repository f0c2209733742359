"""Taking an uploaded zip or tar apart, in memory and within bounds: nothing of it is ever written to a disk."""

from __future__ import annotations

import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final

from django.utils.translation import gettext_noop as _

from devices.firmware.refusal import ReleaseRefused

MAX_UPLOAD_BYTES: Final = 4 * 1024 * 1024
MAX_FILES: Final = 200
MAX_FILE_BYTES: Final = 512 * 1024
MAX_SOURCE_BYTES: Final = 2 * 1024 * 1024
# A tar has half a kilobyte of its own for each file, and fills files up to that.
_MAX_TAR_BYTES: Final = MAX_SOURCE_BYTES + 4 * MAX_FILES * tarfile.BLOCKSIZE
_MAX_MEMBERS: Final = 4 * MAX_FILES  # folders and what is left out count too

_ZIP_START: Final = b"PK\x03\x04"
_GZIP_START: Final = b"\x1f\x8b"

_TOO_MUCH = _("%(file)s is no firmware: unpacked it is more than %(most)d bytes. Pack the application folder alone.")
_TOO_MANY = _("%(file)s is no firmware: it holds more than %(most)d files. Pack the application folder alone.")
_DAMAGED = _("%(file)s cannot be unpacked, it is damaged or cut off (%(reason)s). Pack or download it again.")
_LINK = _("%(path)s is a link or a special file: put the file itself there and pack the folder again.")


def unpack(content: bytes, file_name: str) -> dict[str, bytes]:
    """Every file in the archive by its path. Raises ReleaseRefused for what is too big, damaged or unsafe."""
    if len(content) > MAX_UPLOAD_BYTES:
        template = _("%(file)s is larger than %(most)d bytes, which no firmware is. Pack the application folder alone.")
        raise ReleaseRefused(template, {"file": file_name, "most": MAX_UPLOAD_BYTES})
    try:
        members = _in_zip(content) if content.startswith(_ZIP_START) else _in_tar(_plain_tar(content, file_name))
        return _collected(members, file_name)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise ReleaseRefused(_DAMAGED, {"file": file_name, "reason": str(error)}) from error


def _collected(members: Iterator[tuple[str, bytes]], file_name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total = 0
    for path, data in members:
        if path in files:
            raise ReleaseRefused(
                _("%(path)s is in the archive twice. Pack the application folder again."), {"path": path}
            )
        files[path] = data
        total += len(data)
        if total > MAX_SOURCE_BYTES:
            raise ReleaseRefused(_TOO_MUCH, {"file": file_name, "most": MAX_SOURCE_BYTES})
        if len(files) > MAX_FILES:
            raise ReleaseRefused(_TOO_MANY, {"file": file_name, "most": MAX_FILES})
    return files


def _in_zip(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for count, member in enumerate(archive.infolist()):
            _bound_members(count)
            path = _safe(member.orig_filename)
            if member.is_dir():
                continue
            mode = member.external_attr >> 16
            if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                raise ReleaseRefused(_LINK, {"path": path})
            if member.flag_bits & 1:
                raise ReleaseRefused(_("%(path)s is encrypted. Pack it without a password."), {"path": path})
            _bound_file(path, member.file_size)
            with archive.open(member) as stream:
                yield path, _read(path, stream)


def _in_tar(content: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for count, member in enumerate(archive):
            _bound_members(count)
            path = _safe(member.name)
            if member.isdir():
                continue
            if not member.isreg() or member.issparse():
                raise ReleaseRefused(_LINK, {"path": path})
            _bound_file(path, member.size)
            stream = archive.extractfile(member)
            if stream is not None:
                yield path, _read(path, stream)


def _plain_tar(content: bytes, file_name: str) -> bytes:
    """The tar without its compression, and never more of it than an application can have."""
    if content.startswith(_GZIP_START):
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        plain = unpacking.decompress(content, _MAX_TAR_BYTES)
        if len(plain) >= _MAX_TAR_BYTES:
            raise ReleaseRefused(_TOO_MUCH, {"file": file_name, "most": MAX_SOURCE_BYTES})
        if not unpacking.eof:
            raise EOFError("its end is missing")
        content = plain
    if content[257:262] != b"ustar":
        template = _("%(file)s is neither a zip nor a tar nor a tar.gz. Pack the application folder as one of these.")
        raise ReleaseRefused(template, {"file": file_name})
    return content


def _safe(path: str) -> str:
    """The path as it stands in the archive, if it stays inside it."""
    cleaned = path.removeprefix("./")
    parts = cleaned.rstrip("/").split("/")
    if cleaned.startswith("/") or "\\" in cleaned or "\0" in cleaned or ".." in parts or ":" in parts[0]:
        template = _("%(path)s is no path inside the archive (absolute, with .. or a drive). Pack the folder again.")
        raise ReleaseRefused(template, {"path": repr(path)})
    return cleaned


def _bound_members(count: int) -> None:
    if count >= _MAX_MEMBERS:
        template = _("The archive has more than %(most)d entries. Pack the application folder alone.")
        raise ReleaseRefused(template, {"most": _MAX_MEMBERS})


def _bound_file(path: str, size: int) -> None:
    if size > MAX_FILE_BYTES:
        template = _(
            "%(path)s is larger than %(most)d bytes, more than a unit can hold. Leave it out or make it smaller."
        )
        raise ReleaseRefused(template, {"path": path, "most": MAX_FILE_BYTES})


def _read(path: str, stream: IO[bytes]) -> bytes:
    """The file's content, whatever its head says of its size."""
    data = stream.read(MAX_FILE_BYTES + 1)
    _bound_file(path, len(data))
    return data
