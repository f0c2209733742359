"""Where files lie: a folder or the URI of a store."""

from pathlib import Path

import pytest

from readings.store.archive.errors import ArchiveUnreachable, FileMissing
from readings.store.archive.place import place_at

PATH = "port_readings/device=1/day=2026-05-04/10-00000000.parquet"


@pytest.mark.parametrize("form", ["{}", "file://{}", "file://{}/"])
def test_a_folder_by_its_path_or_uri(tmp_path: Path, form: str) -> None:
    place = place_at(form.format(tmp_path / "a b" if form == "{}" else tmp_path))
    place.write(PATH, b"content")
    assert place.read(PATH) == b"content"
    assert place.has(PATH)
    assert [found.path for found in place.files("port_readings")] == [PATH]
    place.remove(PATH)
    place.remove(PATH)
    assert not place.has(PATH)
    assert place.files() == []


def test_an_object_store_gets_the_file_at_once() -> None:
    place = place_at("mock:///bucket/ct6")
    place._store.create_dir(f"bucket/ct6/{PATH.rsplit('/', 1)[0]}")  # the one store that wants folders to be made
    steps: list[str] = []
    place.write(PATH, b"content", steps.append)
    assert place.read(PATH) == b"content"
    assert steps == ["renamed"]
    assert [found.path for found in place.files("port_readings/device=1")] == [PATH]
    place.remove_folder("port_readings/device=1")
    place.remove_folder("port_readings/device=1")
    assert place.files() == []


def test_a_file_is_there_only_once_it_is_whole(tmp_path: Path) -> None:
    place = place_at(str(tmp_path))
    before_renaming: list[bool] = []
    place.write(PATH, b"content", lambda step: before_renaming.append(place.has(PATH)))
    assert before_renaming == [False, True]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(FileMissing, match=PATH):
        place_at("mock:///bucket").read(PATH)


def test_what_cannot_be_reached_is_said_and_may_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ArchiveUnreachable, match=r"The archive at .*/file cannot be reached") as raised:
        place_at(str(tmp_path / "file")).write(PATH, b"content")
    assert raised.value.retryable
    with pytest.raises(ArchiveUnreachable, match="nowhere"):
        place_at("nowhere://bucket")
