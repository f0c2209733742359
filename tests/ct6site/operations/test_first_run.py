import socket
from pathlib import Path

import pytest
from pytest_django import Settings

from ct6site.models import User
from ct6site.operations import first_run


def test_a_taken_port_says_which_other_to_choose() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(first_run.CannotStart, match=rf"port {port} .*make run PORT="):
            first_run.check_port("127.0.0.1", port)


def test_an_address_that_is_not_ours_is_refused_with_the_reason() -> None:
    with pytest.raises(first_run.CannotStart, match=r"HOST=192.0.2.1 is no address of this machine.* HOST=127.0.0.1"):
        first_run.check_port("192.0.2.1", 0)


def test_a_name_that_nobody_knows_is_refused_with_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_asked: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(
        first_run.CannotStart, match=r"HOST=foo.invalid cannot be looked up .*Name or service not known"
    ):
        first_run.check_port("foo.invalid", 0)


def test_the_pages_may_be_served_on_an_ipv6_address() -> None:
    first_run.check_port("::1", 0)
    assert first_run.page_addresses("::1", 8000) == ["http://[::1]:8000/"]


def test_a_folder_for_static_files_that_cannot_be_written_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("packages")
    (tmp_path / "a file").write_text("")
    settings.STATIC_ROOT = tmp_path / "a file" / "static"
    with pytest.raises(first_run.CannotStart, match="CT6_STATIC_DIR is .*Not a directory"):
        first_run.collect_static_files(tmp_path / "lock")


def test_two_installations_cannot_share_a_data_folder(tmp_path: Path) -> None:
    with (
        first_run.take_data_folder(tmp_path),
        pytest.raises(first_run.CannotStart, match=r"running already \(process \d+\).*CT6_DATA_DIR"),
    ):
        first_run.take_data_folder(tmp_path)


def test_a_data_folder_is_free_again_after_its_installation_ended(tmp_path: Path) -> None:
    first_run.take_data_folder(tmp_path).close()
    first_run.take_data_folder(tmp_path).close()


@pytest.mark.django_db
def test_the_first_admin_gets_a_random_password_that_works() -> None:
    made = first_run.ensure_admin("")
    assert made is not None
    assert User.objects.get(username="admin").check_password(made)


@pytest.mark.django_db
def test_a_given_password_is_used_and_not_shown() -> None:
    assert first_run.ensure_admin("correct horse") is None
    assert User.objects.get(username="admin").check_password("correct horse")


@pytest.mark.django_db
def test_an_existing_admin_keeps_the_password() -> None:
    first_run.ensure_admin("first")
    assert first_run.ensure_admin("second") is None
    assert User.objects.get(username="admin").check_password("first")


def test_the_pages_are_found_on_every_address_of_the_machine(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "192.168.0.10", "box", "localhost"]
    wanted = ["http://localhost:8000/", "http://192.168.0.10:8000/"]
    assert first_run.page_addresses("0.0.0.0", 8000) == wanted


def test_a_local_installation_names_its_one_address() -> None:
    assert first_run.page_addresses("127.0.0.1", 8001) == ["http://127.0.0.1:8001/"]
