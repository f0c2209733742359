"""Stores of which only the library knows the protocol (Google's, Azure's): asked in time, and opened with care."""

import socket
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from pyarrow import fs

from readings.store.archive import gs, in_time
from readings.store.archive.errors import ArchiveUnreachable
from readings.store.archive.in_time import InTime
from readings.store.archive.place import Place, place_at

PATH = "port_readings/device=1/day=2026-05-04/10-00000000.parquet"
KEY = "c2VjcmV0"
URIS = [
    "gs://anonymous@bucket/ct6?scheme=http&endpoint_override=127.0.0.1:{}&retry_limit_seconds=1",
    "abfs://bucket@someone/ct6?scheme=http&endpoint_override=127.0.0.1:{}",
]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AZURE_STORAGE_KEY", KEY)
    yield
    place_at.cache_clear()


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of one who takes connections and never answers; in the end he is gone, and the library notices."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.fixture
def place() -> Place:
    store, base = fs.FileSystem.from_uri("mock:///bucket/ct6")
    store.create_dir(f"{base}/{PATH.rsplit('/', 1)[0]}")
    return Place("mock:///bucket/ct6", InTime(store), base)


@pytest.mark.parametrize("uri", URIS)
def test_a_silent_store_is_given_up(monkeypatch: pytest.MonkeyPatch, silent: int, uri: str) -> None:
    monkeypatch.setattr(in_time, "_ANSWER_S", 0.3)
    place, started_s = place_at(uri.format(silent)), time.monotonic()
    for ask in (
        lambda: place.read(PATH),
        lambda: place.has(PATH),
        place.files,
        lambda: place.write(PATH, b"content"),
        lambda: place.remove(PATH),
        lambda: place.remove_folder("port_readings"),
    ):
        with pytest.raises(ArchiveUnreachable, match=f"{uri[:4]}.*bucket.* cannot be reached: no answer within"):
            ask()
    assert time.monotonic() - started_s < 10


def test_a_store_that_is_away_is_told_without_what_the_library_notes() -> None:
    with pytest.raises(
        ArchiveUnreachable, match=r"endpoint_override=127.0.0.1:1&.*: UNAVAILABLE: .*Could not connect"
    ) as told:
        place_at(URIS[0].format(1)).has(PATH)
    assert "error_info" not in str(told.value)


def test_as_any_other_store(place: Place) -> None:
    place.write(PATH, b"content")
    place.write(PATH, b"contents")
    assert place.read(PATH) == b"contents"
    with place.open(PATH) as stream:
        assert stream.read_at(4, 3) == b"tent"
    assert place.has(PATH)
    place.remove(PATH)
    place.remove(PATH)
    assert place.files() == []
    place.write(PATH, b"content")
    place.remove_folder("port_readings")
    place.remove_folder("port_readings")
    assert place.files() == []


def test_what_is_raised_in_time_is_raised() -> None:
    def say(_path: str) -> None:
        raise PermissionError("no")

    with pytest.raises(PermissionError, match="no"):
        InTime(SimpleNamespace(get_file_info=say)).get_file_info(PATH)


def test_of_a_silent_store_not_ever_more_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    late, asked = threading.Event(), list[str]()

    def wait(path: str) -> str:
        asked.append(path)
        late.wait()
        return path

    monkeypatch.setattr(in_time, "_ANSWER_S", 0.01)
    store = InTime(SimpleNamespace(get_file_info=wait))
    for _ in range(20):
        with pytest.raises(TimeoutError, match="no answer"):
            store.get_file_info(PATH)
    assert len(asked) == 16
    late.set()
    monkeypatch.setattr(in_time, "_ANSWER_S", 5.0)
    assert store.get_file_info(PATH) == PATH


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("abfs://someone/ct6", "it names no container and account, as in abfs://container@account.dfs"),
        ("abfs://ct6@someone.blob.core.windows.net/ct6", "it names no container and account"),
        ("abfs://ct6@someone/ct6?sig=topsecret", r"\?sig=\.\.\. cannot be reached: sig is not known; known are scheme"),
        ("gs://someone@bucket/ct6", "do not accept username"),
        (
            "gs://someone:topsecret x@bucket/ct6",
            "gs://bucket/ct6 cannot be reached: Cannot parse URI: 'gs://bucket/ct6",
        ),
        ("s3://someone:top/topsecret@bucket/ct6", "a key is written as %2F %23 %3F %40 %3A"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused(uri: str, problem: str) -> None:
    with pytest.raises(ArchiveUnreachable, match=problem) as told:
        place_at(uri)
    assert "topsecret" not in str(told.value)


@pytest.mark.parametrize("key", ["", "topsecret!"])
def test_a_key_with_which_the_library_would_end_the_process(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("AZURE_STORAGE_KEY", key)
    with pytest.raises(ArchiveUnreachable, match="AZURE_STORAGE_KEY holds no key of an account of Azure") as told:
        place_at("abfss://ct6@someone.dfs.core.windows.net/some%20folder")
    assert "topsecret" not in str(told.value)


def test_a_container_of_azure() -> None:
    place = place_at("abfss://container@someone.dfs.core.windows.net/some%20folder/")
    assert place._base == "container/some folder"
    assert place.is_remote


def test_google_says_what_went_wrong() -> None:
    said = "google::cloud::Status(UNAVAILABLE: it is away error_info={reason=, metadata={a=b}})"
    assert gs.plainly(OSError(said)) == "UNAVAILABLE: it is away"
    assert gs.plainly("no answer") == "no answer"
