"""The broker of the embedded set-up: a folder with a file per message."""

from pathlib import Path
from time import monotonic_ns
from typing import Any, Final
from uuid import uuid4

from kombu import Connection
from kombu.exceptions import ChannelError
from kombu.transport import TRANSPORT_ALIASES, filesystem
from kombu.transport.virtual import BrokerState
from kombu.utils.json import dumps

NAME: Final = "filesystem"


class Channel(filesystem.Channel):
    """Kombu's, but a message is there only once it is whole: a reader that found an empty file ended its worker."""

    # Kombu names the argument in two ways.
    def _put(self, queue: str, payload: dict[str, Any], **_options: Any) -> None:  # type: ignore[override]
        name = f"{monotonic_ns():020d}_{uuid4()}"  # read in the order of the names
        folder = Path(self.data_folder_out)
        try:
            unfinished = folder / f"{name}.part"
            unfinished.write_text(dumps(payload), encoding="utf-8")
            unfinished.rename(folder / f"{name}.{queue}.msg")
        except OSError as error:
            raise ChannelError(f"A message cannot be written to {folder} ({error.strerror}).") from error


class Transport(filesystem.Transport):
    """Kombu's shares what it knows of queues with the whole process: a second folder's queues were never bound."""

    Channel = Channel

    def __init__(self, client: Connection, **options: Any) -> None:
        super().__init__(client, **options)
        self.state = BrokerState()


def install() -> None:
    """Let ``filesystem://`` mean this transport."""
    TRANSPORT_ALIASES[NAME] = f"{__name__}:Transport"
