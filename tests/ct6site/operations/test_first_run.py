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
    with pytest.raises(first_run.CannotStart, match="cannot listen on 192.0.2.1"):
        first_run.check_port("192.0.2.1", 0)


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
