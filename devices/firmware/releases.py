"""Firmware releases: what was uploaded is looked through, and kept as the sources of one application folder."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import structlog
from django.db import IntegrityError, transaction

from devices import audit
from devices.firmware.looking import application_in, look_through
from devices.firmware.unpacking import unpack
from devices.models import FirmwareRelease

log = structlog.get_logger(__name__)

_FILE_NAME_LENGTH = 200
_NO_TIME = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip knows


def accept(content: bytes, file_name: str, *, notes: str = "", who: Any) -> FirmwareRelease:
    """Keep an uploaded zip, tar or tar.gz of an application folder; the same upload again gives the same release.

    Raises ReleaseRefused with nothing kept, for anything that a unit could not take, start, or be upgraded again with,
    and CompilerUnusable.
    """
    file_name = file_name.replace("\\", "/").rpartition("/")[2][:_FILE_NAME_LENGTH]
    sha256 = hashlib.sha256(content).hexdigest()
    known = FirmwareRelease.objects.filter(sha256=sha256).first()
    if known is not None:
        return known
    sources = application_in(unpack(content, file_name))
    version = look_through(sources)
    try:
        with transaction.atomic():
            release = FirmwareRelease.objects.create(
                version=version,
                sha256=sha256,
                file_name=file_name,
                content=_zipped(sources),
                files={path: len(source) for path, source in sources.items()},
                notes=notes,
                who=who if getattr(who, "pk", None) else None,
            )
            audit.note(who, "release_accepted", after={"release": release.pk, "version": version, "sha256": sha256})
    except IntegrityError:  # the same file, uploaded at this moment by somebody else
        return FirmwareRelease.objects.get(sha256=sha256)
    log.info("A firmware release was accepted", version=version, file=file_name, files=len(sources))
    return release


def sources_of(release: FirmwareRelease) -> dict[str, bytes]:
    """The release's files by their path below the application folder."""
    with zipfile.ZipFile(io.BytesIO(bytes(release.content))) as archive:
        return {member.filename: archive.read(member) for member in archive.infolist()}


def _zipped(sources: Mapping[str, bytes]) -> bytes:
    """The same bytes for the same sources, whatever archive they came in."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, source in sorted(sources.items()):
            archive.writestr(zipfile.ZipInfo(path, _NO_TIME), source, zipfile.ZIP_DEFLATED)
    return out.getvalue()
