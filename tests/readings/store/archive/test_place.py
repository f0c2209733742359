"""Where files lie: a folder or the URI of a store."""

from pathlib import Path

import pytest

from readings.store.archive.errors import ArchiveUnreachable, FileMissing
from readings.store.archive.place import place_at
from readings.store.archive.uris import without_secrets

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


@pytest.mark.parametrize(
    ("options", "region"),
    [("?region=eu-central-1", "eu-central-1"), ("?endpoint_override=127.0.0.1:1&scheme=http", "us-east-1")],
)
def test_a_store_that_speaks_s3(options: str, region: str) -> None:
    place = place_at(f"s3://bucket/some%20folder/ct6{options}")
    assert place._base == "bucket/some folder/ct6"
    assert place._store.region == region
    assert place.is_remote


def test_a_bucket_without_its_region_is_refused() -> None:
    with pytest.raises(ArchiveUnreachable, match="it names no region, as in s3://"):
        place_at("s3://bucket/ct6")


def test_an_option_that_nobody_knows_is_said() -> None:
    with pytest.raises(ArchiveUnreachable, match="endpoint is not known; known are region, scheme, endpoint_override"):
        place_at("s3://bucket/ct6?region=x&endpoint=127.0.0.1:1")


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("s3://someone:secret@bucket/ct6?region=x", "s3://bucket/ct6?region=x"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("abfs://bucket@someone/ct6", "abfs://bucket@someone/ct6"),
        ("gs://bucket/ct6?scheme=http&sig=secret&odd", "gs://bucket/ct6?scheme=http&sig=...&..."),
        ("s3://AKIA:SEC/RET@bucket/ct6?region=x", "s3://bucket/ct6?region=x"),
        ("s3://AKIA:SEC?RET@bucket/ct6", "s3://bucket/ct6"),
        ("/var/lib/ct6@home/archive", "/var/lib/ct6@home/archive"),
    ],
)
def test_an_address_without_its_secrets(uri: str, shown: str) -> None:
    assert without_secrets(uri) == shown
