"""The pages that belong to no app; health has a file of its own."""

from django.contrib.staticfiles import finders
from django.test import Client


def test_the_icon_that_browsers_ask_for_is_there() -> None:
    answer = Client().get("/favicon.ico")
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/static/dashboard/favicon")
    assert finders.find("dashboard/favicon.ico")
