"""What is accepted as a firmware release, and each reason for which a file is not."""

import io
import os
import stat
import zipfile
from collections.abc import Callable

import pytest
from django.contrib.auth import get_user_model

from devices.firmware.compiling import compiler_version
from devices.firmware.refusal import ReleaseRefused
from devices.firmware.releases import accept, sources_of
from devices.firmware.unpacking import MAX_FILE_BYTES, MAX_FILES, MAX_SOURCE_BYTES, MAX_UPLOAD_BYTES
from devices.models import AuditEntry, FirmwareRelease
from tests.devices.firmware.applications import sources, tarred, zipped

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def refused(content: bytes, file_name: str = "firmware.zip") -> str:
    """The sentence of the refusal; nothing was kept."""
    with pytest.raises(ReleaseRefused) as refusal:
        accept(content, file_name, who=None)
    assert not FirmwareRelease.objects.exists()
    return str(refusal.value)


def with_files(files: dict[str, bytes]) -> bytes:
    return zipped(sources() | files)


def without(path: str) -> bytes:
    return zipped({name: data for name, data in sources().items() if name != path})


# What is accepted


@pytest.mark.parametrize("top", ["app1/", "app2/", "", "CT6-3.2/picow/app1/", "./app1/"])
@pytest.mark.parametrize("pack", [zipped, tarred, lambda files, top: tarred(files, top, mode="w")])
def test_an_application_folder_is_found_wherever_it_lies(pack: Callable[..., bytes], top: str) -> None:
    release = accept(pack(sources(), top), "up/load.bin", who=None)
    assert (release.version, release.file_name) == ("3.2", "load.bin")
    assert sources_of(release) == sources()
    assert release.files["constants.py"] == len(sources()["constants.py"])


def test_the_same_sources_are_kept_alike_whatever_they_came_in() -> None:
    first, second = (accept(pack(sources()), "f", who=None) for pack in (zipped, tarred))
    assert bytes(first.content) == bytes(second.content)


def test_the_same_upload_twice_is_the_same_release() -> None:
    first = accept(zipped(sources()), "a.zip", notes="first", who=None)
    again = accept(zipped(sources()), "b.zip", notes="again", who=None)
    assert (again.pk, again.notes) == (first.pk, "first")
    assert FirmwareRelease.objects.count() == 1


def test_who_uploaded_what_is_on_record() -> None:
    user = get_user_model().objects.create(username="owner")
    release = accept(zipped(sources()), "a.zip", notes="from the maker", who=user)
    assert (release.who, release.notes) == (user, "from the maker")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.who, entry.after["sha256"]) == ("release_accepted", user, release.sha256)


def test_what_editors_leave_behind_is_left_out() -> None:
    release = accept(
        zipped(sources() | {".DS_Store": b"x", "__pycache__/app.pyc": b"x", "lib/.hidden": b"x"}), "a.zip", who=None
    )
    assert sources_of(release) == sources()


def test_a_version_stays_the_text_that_it_is() -> None:
    assert accept(zipped(sources("3.10")), "a.zip", who=None).version == "3.10"


def test_the_compiler_makes_the_bytecode_that_units_run() -> None:
    assert "emitting mpy v6" in compiler_version()


# What is refused: the archive


def test_a_file_that_is_no_archive() -> None:
    assert "neither a zip nor a tar" in refused(b"MZ" + bytes(5000))


def test_an_empty_file() -> None:
    assert "neither a zip nor a tar" in refused(b"")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_that_is_cut_off(pack: Callable[..., bytes]) -> None:
    content = pack(sources())
    assert "damaged or cut off" in refused(content[: len(content) // 2])


def test_an_archive_whose_bytes_were_changed() -> None:
    content = bytearray(zipped({"app.py": os.urandom(500)}))
    content[100] ^= 0xFF
    assert "damaged or cut off" in refused(bytes(content))


def test_an_upload_that_is_too_big() -> None:
    assert f"larger than {MAX_UPLOAD_BYTES} bytes" in refused(bytes(MAX_UPLOAD_BYTES + 1))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_one_file_that_is_too_big(pack: Callable[..., bytes]) -> None:
    sentence = refused(pack({"big.py": bytes(MAX_FILE_BYTES + 1)}))
    assert sentence.startswith("app1/big.py is larger than")


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_bomb_of_many_small_files(pack: Callable[..., bytes]) -> None:
    files = {f"f{n}.py": bytes(MAX_FILE_BYTES) for n in range(MAX_SOURCE_BYTES // MAX_FILE_BYTES + 2)}
    assert "unpacked it is more than" in refused(pack(files))


def test_a_tar_that_unpacks_to_far_more_than_its_size() -> None:
    bomb = tarred({"big.py": bytes(64 * 1024 * 1024)})
    assert len(bomb) < 100_000
    assert "unpacked it is more than" in refused(bomb)


def test_a_zip_that_lies_about_the_size_of_a_file() -> None:
    content = zipped({"a.py": bytes(3 * MAX_FILE_BYTES)})
    true_size, said = (n.to_bytes(4, "little") for n in (3 * MAX_FILE_BYTES, 10))
    assert refused(content.replace(true_size, said))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_too_many_files(pack: Callable[..., bytes]) -> None:
    assert "more than 200 files" in refused(pack({f"f{n}.py": b"" for n in range(MAX_FILES + 1)}))


@pytest.mark.parametrize("path", ["../app.py", "/etc/app.py", "app1/../../app.py", "C:/app.py", "app1\\app.py"])
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_path_that_leads_outside(pack: Callable[..., bytes], path: str) -> None:
    sentence = refused(pack({path: b""}, ""))
    assert "no path inside the archive" in sentence
    assert path.rpartition("/")[2].rpartition("\\")[2] in sentence


def test_a_link_in_a_tar() -> None:
    assert refused(tarred(sources(), links={"lib/uo.py": "/etc/passwd"})).startswith("app1/lib/uo.py is a link")


def test_a_link_in_a_zip() -> None:
    out = io.BytesIO(zipped(sources()))
    with zipfile.ZipFile(out, "a") as archive:
        link = zipfile.ZipInfo("app1/lib/uo.py")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert refused(out.getvalue()).startswith("app1/lib/uo.py is a link")


def test_the_same_path_twice() -> None:
    out = io.BytesIO(zipped(sources()))
    with zipfile.ZipFile(out, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("app1/app.py", b"")
    assert refused(out.getvalue()).startswith("app1/app.py is in the archive twice")


# What is refused: the folder


def test_a_folder_that_is_no_application() -> None:
    assert "no application folder" in refused(zipped({"readme.txt": b"hello"}))


def test_two_applications_at_once() -> None:
    both = {f"app{n}/{path}": data for n in (1, 2) for path, data in sources().items()}
    assert "several application folders in the file: app1, app2" in refused(zipped(both, ""))


def test_something_beside_the_application() -> None:
    files = {f"picow/app1/{path}": data for path, data in sources().items()} | {"picow/main.py": b""}
    assert refused(zipped(files, "")).startswith("picow/main.py lies outside the application folder picow/app1")


@pytest.mark.parametrize(
    "path", ["lib/my file.py", "lib/käse.py", "lib/a,b.py", "lib/a'b.txt", "lib/a%20b.py", "-x.py"]
)
def test_a_name_that_no_unit_can_take(path: str) -> None:
    sentence = refused(with_files({path: b""}))
    assert path in sentence.replace('"', "'")
    assert "letters, digits" in sentence


@pytest.mark.parametrize("path", ["1e5", "nan", "lib/007"])
def test_a_name_that_a_unit_takes_for_a_number(path: str) -> None:
    assert path.rpartition("/")[2] in refused(with_files({path: b""}))


def test_a_module_that_cannot_be_imported() -> None:
    assert refused(with_files({"lib/two-words.py": b""})).startswith("lib/two-words.py: no module can have this name")


def test_a_path_that_is_too_deep() -> None:
    assert "too long or too deep" in refused(with_files({"a/b/c/d/e/f.py": b""}))


def test_bytecode_in_place_of_sources() -> None:
    assert refused(with_files({"lib/uo.mpy": b"M\x06"})).startswith("lib/uo.mpy is compiled already")


@pytest.mark.parametrize("path", ["cmd_handler.py", "lib/rest_server.py", "lib/wifi.py", "lib/drivers/atm90e32.py"])
def test_a_module_that_no_unit_works_without(path: str) -> None:
    assert refused(without(path)).startswith(f"{path} is missing")


def test_more_than_half_the_flash() -> None:
    fonts = {f"font{n}.py": b"F = " + repr(os.urandom(60_000)).encode() for n in range(8)}
    sentence = refused(with_files(fonts))
    assert "at most half of it (434176 bytes)" in sentence


# What is refused: the sources


def test_a_syntax_error_is_told_with_its_file_and_line() -> None:
    assert refused(zipped(sources(lib_wifi="x = 1\ndef f(:\n"))).startswith("lib/wifi.py, line 2: SyntaxError")


def test_what_only_the_real_compiler_finds() -> None:
    """CPython compiles this; MicroPython's inline assembler for another processor does not."""
    text = "import micropython\n@micropython.native\ndef f():\n    return 1\n"
    assert refused(zipped(sources(lib_wifi=text))).startswith("lib/wifi.py")


def test_an_import_that_is_not_there() -> None:
    sentence = refused(zipped(sources(project="import machine\nfrom lib.hardware import Hardware\n")))
    assert sentence.startswith("project.py, line 2: lib.hardware is imported and not there")


def test_an_import_that_may_be_missing_is_no_reason() -> None:
    text = "try:\n    import lib.extra\nexcept ImportError:\n    pass\n"
    assert accept(zipped(sources(project=text)), "a.zip", who=None).version == "3.2"


@pytest.mark.parametrize("value", ["3.2", "32", '"3"', '"3.2.1"', '"v3.2"', '"" + "3.2"', "None"])
def test_a_version_that_is_no_text_of_two_numbers(value: str) -> None:
    text = f"class Constants:\n    FIRMWARE_VERSION = {value}\n"
    assert refused(zipped(sources(constants=text))).startswith("constants.py, line 2: FIRMWARE_VERSION must be a text")


def test_no_version_at_all() -> None:
    assert "does not say FIRMWARE_VERSION" in refused(zipped(sources(constants="class Constants:\n    pass\n")))


def test_constants_are_read_and_never_run() -> None:
    text = 'raise RuntimeError("run")\nFIRMWARE_VERSION = "3.4"\n'
    assert accept(zipped(sources(constants=text)), "a.zip", who=None).version == "3.4"


def test_a_source_that_is_nested_too_deeply() -> None:
    assert refused(zipped(sources(lib_wifi="x = " + "(" * 5000 + ")" * 5000))).startswith("lib/wifi.py")
