"""What the site says where no view does; what it says without a database is told in tests of the pages and the API."""

import pytest
from django.test import Client
from pytest_django import Settings


@pytest.fixture(autouse=True)
def _only_one_name(settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["meters.example.org"]


def test_a_name_that_is_not_allowed_is_told_with_what_to_do() -> None:
    answer = Client().get("/login/", headers={"host": "192.0.2.7:8000"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.content.decode().startswith("This page was opened as 192.0.2.7:8000, which is not in ALLOWED_HOSTS.")
    assert "meters.example.org" not in answer.content.decode()


def test_the_api_tells_it_in_json() -> None:
    answer = Client().get("/api/v1/devices/", headers={"host": "192.0.2.7"})
    assert answer.status_code == 400
    assert "ALLOWED_HOSTS" in answer.json()["detail"]


def test_a_name_of_any_length_is_told_in_a_line() -> None:
    answer = Client().get("/login/", headers={"host": "x" * 5000})
    assert answer.status_code == 400
    assert len(answer.content) < 400


@pytest.mark.parametrize("path", ["/login/", "/api/v1/devices/"])
def test_a_german_is_told_in_german(path: str) -> None:
    answer = Client().get(path, headers={"host": "192.0.2.7", "Accept-Language": "de"})
    assert "Diese Seite wurde unter 192.0.2.7 aufgerufen" in answer.content.decode()


def test_a_german_is_told_in_german_where_nothing_is() -> None:
    answer = Client().get("/api/v1/nothing/", headers={"host": "meters.example.org", "Accept-Language": "de"})
    assert answer.json() == {"detail": "/api/v1/nothing/ gibt es nicht; /api/v1/docs/ zeigt, was es gibt."}
