"""A store whose library waits for minutes for one that is silent (Google's two for a request, Azure's four) and has
no option for it: what only reads is asked in a thread of its own, which is left to the library when it takes too long.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from io import BytesIO
from threading import BoundedSemaphore, Thread
from typing import Any, Final, TypeVar

import pyarrow as pa
from pyarrow import fs

T = TypeVar("T")

_ANSWER_S = 10.0
_AT_ONCE: Final = 16  # those included that the library still waits for
_SLOWEST: Final = 200_000  # bytes per second, of a line that is still waited for


class InTime:
    """As much of a file system of ``pyarrow.fs`` as ``Place`` uses.

    What changes something begins once the store has answered, and is not left then.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self._free = BoundedSemaphore(_AT_ONCE)

    @contextmanager
    def open_output_stream(self, path: str) -> Iterator[BytesIO]:
        """Sent when it is closed: Azure's store shows a file from its first byte on."""
        content = BytesIO()
        yield content
        self.get_file_info(path)
        with self._store.open_output_stream(path) as stream:
            stream.write(content.getvalue())

    def open_input_file(self, path: str) -> Any:
        """All of a file at once, since who reads parts of it waits in the library."""
        stream = self._within(_ANSWER_S, lambda: self._store.open_input_file(path))
        return pa.BufferReader(self._within(_ANSWER_S + stream.size() / _SLOWEST, stream.read_buffer))

    def get_file_info(self, wanted: Any) -> Any:
        return self._within(_ANSWER_S, lambda: self._store.get_file_info(wanted))

    def delete_file(self, path: str) -> None:
        self.get_file_info(path)
        self._store.delete_file(path)

    def delete_dir(self, path: str) -> None:
        """Nothing there is no error; Google's store has one for it that tells nothing."""
        if self.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=True)):
            self._store.delete_dir(path)

    def _within(self, limit_s: float, ask: Callable[[], T]) -> T:
        """What it answers. Raises TimeoutError, and what it raises itself."""
        answer: Future[T] = Future()

        def go() -> None:
            try:
                answer.set_result(ask())
            except BaseException as error:  # noqa: BLE001 - raised where it is waited for
                answer.set_exception(error)
            finally:
                self._free.release()

        if not self._free.acquire(timeout=limit_s):
            raise TimeoutError(f"no answer to {_AT_ONCE} requests")
        Thread(target=go, name="archive", daemon=True).start()
        if not wait([answer], limit_s).done:
            raise TimeoutError(f"no answer within {limit_s:.0f} s")
        return answer.result()
