"""Small applications for simulated units, and the archives that they come in."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Literal

from devices.firmware.looking import NEEDED
from devices.firmware.releases import accept
from devices.models import FirmwareRelease


def sources(version: str = "3.2", **replaced: str) -> dict[str, bytes]:
    """An application's sources; `replaced` by path, with _ for / and without the ending: lib_wifi="..."."""
    files = {path: f'NAME = "{path}"\n'.encode() for path in NEEDED}
    files |= {"__init__.py": b"", "lib/__init__.py": b"", "lib/drivers/__init__.py": b""}
    files["app.py"] = b"from constants import Constants\nfrom lib.wifi import NAME\n\nasync def start(*a):\n    pass\n"
    files["constants.py"] = f'class Constants:\n    FIRMWARE_VERSION = "{version}"\n'.encode()
    for name, text in replaced.items():
        files[f"{name.replace('_', '/', 1) if name.startswith('lib_') else name}.py"] = text.encode()
    return files


def zipped(files: Mapping[str, bytes], top: str = "app1/") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            # With a time of its own two packings would differ whenever two seconds end between them.
            archive.writestr(zipfile.ZipInfo(f"{top}{path}"), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(
    files: Mapping[str, bytes],
    top: str = "app1/",
    *,
    mode: Literal["w", "w:gz"] = "w:gz",
    links: Mapping[str, str] | None = None,
) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(f"{top}{path}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for path, target in (links or {}).items():
            member = tarfile.TarInfo(f"{top}{path}")
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return out.getvalue()


def release_of(version: str = "3.2", **replaced: str) -> FirmwareRelease:
    return accept(zipped(sources(version, **replaced)), f"{version}.zip", who=None)
