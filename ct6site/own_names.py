"""The names and addresses of this machine, under which its pages may be opened."""

import socket
import time
from collections.abc import Iterator

import psutil

LOOK_AGAIN_S = 60.0


class OwnNames(list[str]):
    """Looked up again when they are a minute old: an address may come or change while the product runs."""

    def __init__(self) -> None:
        super().__init__(own_names())
        self._looked_s = time.monotonic()

    def __iter__(self) -> Iterator[str]:
        if time.monotonic() - self._looked_s >= LOOK_AGAIN_S:
            self[:] = own_names()
            self._looked_s = time.monotonic()
        return super().__iter__()


def own_names() -> list[str]:
    host = socket.gethostname()
    names = {
        "localhost",
        "127.0.0.1",
        "[::1]",
        host,
        host.partition(".")[0],
        f"{host.partition('.')[0]}.local",
    }
    for addresses in psutil.net_if_addrs().values():
        for entry in addresses:
            if entry.family == socket.AF_INET:
                names.add(entry.address)
            elif entry.family == socket.AF_INET6:
                names.add(f"[{entry.address.partition('%')[0]}]")
    return sorted(name for name in names if name)
