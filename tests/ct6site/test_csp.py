"""The Content-Security-Policy: every page takes scripts, styles and data from this site only."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from ct6site.middleware import ContentSecurityPolicy
from tests.people import make_user

pytestmark = pytest.mark.django_db


def policy_of(path: str, client: Client | None = None) -> dict[str, str]:
    """The policy of a page by directive."""
    header = (client or Client()).get(path).headers["Content-Security-Policy"]
    return {name: sources for name, _, sources in (part.strip().partition(" ") for part in header.split(";"))}


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/login/",
        "/health/",
        "/favicon.ico",
        "/admin/",
        "/admin/login/",
        "/api/v1/docs/",
        "/api/v1/devices/",
        "/no",
    ],
)
def test_every_answer_names_this_site_alone(path: str) -> None:
    policy = policy_of(path)
    assert policy["default-src"] == "'self'"
    assert policy["frame-ancestors"] == "'self'"
    assert not any("http" in sources or "*" in sources for sources in policy.values())


@pytest.mark.parametrize("path", ["/", "/api/v1/docs/", "/health/"])
def test_no_page_may_evaluate_texts_or_run_scripts_written_into_it(path: str) -> None:
    assert "unsafe" not in policy_of(path)["script-src"]


def test_the_admin_may_evaluate_the_attributes_that_move_its_menus() -> None:
    client = Client()
    client.force_login(make_user(staff=True))
    assert policy_of("/admin/", client)["script-src"] == "'self' 'unsafe-eval'"


def test_the_admin_runs_no_scripts_written_into_a_page() -> None:
    assert "unsafe-inline" not in policy_of("/admin/login/")["script-src"]


def test_a_page_with_a_stricter_policy_of_its_own_keeps_it() -> None:
    def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "default-src 'none'"})

    response = ContentSecurityPolicy(answer)(RequestFactory().get("/"))
    assert response.headers["Content-Security-Policy"] == "default-src 'none'"
