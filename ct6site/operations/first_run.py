"""What has to be there before the parts of an installation start."""

import errno
import fcntl
import hashlib
import os
import secrets
import socket
from pathlib import Path
from typing import IO

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command

from ct6site.models import User


class CannotStart(Exception):
    """Why the installation cannot start here, and what to do."""


def take_data_folder(folder: Path) -> IO[str]:
    """Hold the data folder for this process; keep the returned file open as long as it is needed.

    Raises CannotStart when another process runs on it: two collectors would poll the same units.
    """
    lock = (folder / "running").open("a+", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        owner = lock.read().strip()
        lock.close()
        raise CannotStart(
            f"It is running already (process {owner}) on the data folder {folder}. "
            "Stop that one first, or set CT6_DATA_DIR to another folder."
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def check_port(host: str, port: int) -> None:
    """Raise CannotStart when the web server could not listen there."""
    try:
        family = socket.AF_INET6 if _is_ipv6(host) else socket.AF_INET
        address = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)[0][4]
    except (OSError, UnicodeError) as error:
        raise _wrong_host(host, f"cannot be looked up ({error})") from error
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                raise _wrong_host(host, "is no address of this machine") from error
            raise CannotStart(
                f"The web server cannot listen on {host} port {port} ({error.strerror}). "
                f"Choose another, for example: make run PORT={port + 1 if port < 65535 else 8001}"
            ) from error


def _wrong_host(host: str, problem: str) -> CannotStart:
    return CannotStart(f"HOST={host} {problem}. Set it like this: HOST=127.0.0.1, or HOST=0.0.0.0 for all addresses.")


def _is_ipv6(host: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET6, host)
    except OSError:
        return False
    return True


def in_url(host: str) -> str:
    """The host as it stands before a colon and a port."""
    return f"[{host}]" if _is_ipv6(host) else host


def prepare_database() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def collect_static_files(lock_file: Path) -> None:
    """Gather the static files when the packages changed since the last time, which takes seconds."""
    mark = settings.STATIC_ROOT / ".collected-from"
    version = hashlib.sha256(lock_file.read_bytes()).hexdigest() + _own_static_version()
    if mark.is_file() and mark.read_text(encoding="ascii") == version:
        return
    try:
        call_command("collectstatic", verbosity=0, interactive=False)
        mark.write_text(version, encoding="ascii")
    except OSError as error:
        raise CannotStart(
            f"CT6_STATIC_DIR is {settings.STATIC_ROOT}, where {error.filename} cannot be written ({error.strerror}). "
            "Set it to a folder that this user may write to."
        ) from error


def _own_static_version() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(settings.BASE_DIR).glob("*/static/**/*")):
        if path.is_file():
            digest.update(path.as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def ensure_admin(password: str) -> str | None:
    """Create the user ``admin`` when there is no staff user yet.

    The password is the given one, or a random one, which is then returned: it cannot be had again.
    """
    users = get_user_model().objects
    if users.filter(is_staff=True).exists():
        return None
    made = "" if password else secrets.token_urlsafe(9)
    User.objects.create_superuser("admin", password=password or made)
    return made or None


def page_addresses(host: str, port: int) -> list[str]:
    """Under which addresses the pages can be opened, those for other machines last."""
    if host not in ("0.0.0.0", "::"):  # noqa: S104  (compared, not bound)
        return [f"http://{in_url(host)}:{port}/"]
    own = [name for name in settings.ALLOWED_HOSTS if _is_lan_address(name)]
    return [f"http://{name}:{port}/" for name in ["localhost", *own]]


def _is_lan_address(name: str) -> bool:
    try:
        socket.inet_pton(socket.AF_INET, name)
    except OSError:
        return False
    return not name.startswith("127.")
