"""The API as a whole: who gets in, what it says where nothing is, the schema, and the newest values."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from devices import configuration
from devices.models import Device, Port
from tests.factories import make_device
from tests.people import logged_in, make_user, with_token

pytestmark = pytest.mark.django_db

PATHS = [
    "/api/v1/devices/",
    "/api/v1/devices/1/",
    "/api/v1/ports/",
    "/api/v1/ports/1/",
    "/api/v1/tokens/",
    "/api/v1/series/",
    "/api/v1/energy/",
]


# --- Who gets in ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", PATHS)
def test_without_a_login_every_page_is_401(path: str) -> None:
    answer = APIClient().get(path)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Token"
    assert answer.json() == {"detail": "Authentication credentials were not provided."}


def test_the_session_of_a_browser_is_a_login() -> None:
    assert logged_in(make_user()).get("/api/v1/devices/").status_code == 200


def test_a_session_changes_nothing_without_the_csrf_token() -> None:
    port = make_device().ports.get(number=1)
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(make_user(staff=True))
    answer = client.patch(f"/api/v1/ports/{port.pk}/", {"role": "grid"}, format="json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


# --- Where nothing is, or works ---------------------------------------------------------------------------------
def test_an_unknown_page_of_the_api_is_404_in_json() -> None:
    answer = APIClient().get("/api/v1/nothing/")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no /api/v1/nothing/; /api/v1/docs/ shows what there is."}


def test_an_unknown_version_of_the_api_is_404_in_json() -> None:
    assert APIClient().get("/api/v9/devices/").headers["Content-Type"] == "application/json"


def test_an_unknown_page_elsewhere_is_404_in_html() -> None:
    answer = APIClient().get("/nothing/")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_a_forgotten_slash_is_forgiven() -> None:
    answer = APIClient().get("/api/v1/devices?adoption=adopted")
    assert answer.status_code == 301
    assert answer.headers["Location"] == "/api/v1/devices/?adoption=adopted"


def test_the_root_leads_to_the_docs() -> None:
    answer = APIClient().get("/api/v1/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/api/v1/docs/"


@contextmanager
def queries_raise(error: Exception) -> Iterator[None]:
    def refuse(*args: Any) -> Any:
        raise error

    with connection.execute_wrapper(refuse):
        yield


def test_while_the_database_is_away_the_answer_is_503_with_a_sentence() -> None:
    client = with_token(make_user())
    with queries_raise(OperationalError(2002, "Can't connect to server on '10.0.0.9'")):
        answer = client.get("/api/v1/devices/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json() == {"detail": "The database does not answer at the moment. Try again in some seconds."}


def test_a_page_says_the_same_sentence_while_the_database_is_away() -> None:
    client = logged_in(make_user())
    client.raise_request_exception = False
    with queries_raise(OperationalError(2002, "Can't connect to server on '10.0.0.9'")):
        answer = client.get("/")
    assert answer.status_code == 503
    assert b"The database does not answer at the moment. Try again in some seconds." in answer.content


def test_a_fault_of_ours_is_500_in_json_and_tells_nothing_of_the_inside() -> None:
    client = with_token(make_user())
    client.raise_request_exception = False
    with queries_raise(RuntimeError("secret")):
        answer = client.get("/api/v1/devices/")
    assert answer.status_code == 500
    assert answer.json() == {"detail": "Something broke on our side; the server's log tells what."}


# --- The schema and its page ------------------------------------------------------------------------------------
def schema() -> Any:
    return APIClient().get("/api/v1/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json").json()


def test_the_schema_is_valid_and_made_without_warnings(tmp_path: Path) -> None:
    call_command("spectacular", "--fail-on-warn", "--validate", file=str(tmp_path / "schema.yml"), stderr=StringIO())


def test_the_schema_describes_every_call() -> None:
    paths = schema()["paths"]
    calls = {path: {method for method in of_path if method != "parameters"} for path, of_path in paths.items()}
    assert calls == {
        "/api/v1/token/": {"post"},
        "/api/v1/tokens/": {"get"},
        "/api/v1/tokens/{id}/": {"delete"},
        "/api/v1/devices/": {"get"},
        "/api/v1/devices/push_to_many/": {"post"},
        "/api/v1/devices/{id}/": {"get", "patch"},
        "/api/v1/devices/{id}/settings/": {"get"},
        "/api/v1/devices/{id}/pull/": {"post"},
        "/api/v1/devices/{id}/push/": {"post"},
        "/api/v1/devices/{id}/history/": {"get"},
        "/api/v1/devices/{id}/undo/": {"post"},
        "/api/v1/devices/{id}/test_mqtt/": {"post"},
        "/api/v1/devices/add/": {"post"},
        "/api/v1/devices/{device_id}/set-up/": {"post"},
        "/api/v1/discovery/": {"get"},
        "/api/v1/discovery/sweep/": {"post"},
        "/api/v1/discovery/sweeps/{sweep_id}/": {"get"},
        "/api/v1/discovery/sweeps/{sweep_id}/cancel/": {"post"},
        "/api/v1/ports/": {"get"},
        "/api/v1/ports/{id}/": {"get", "patch"},
        "/api/v1/ports/{id}/past/": {"get"},
        "/api/v1/ports/{id}/change-from/": {"post"},
        "/api/v1/ports/{id}/take-back/": {"post"},
        "/api/v1/ports/{id}/bad-spans/": {"get", "post"},
        "/api/v1/ports/{id}/bad-spans/{span_id}/lift/": {"post"},
        "/api/v1/devices/{id}/replace/": {"post"},
        "/api/v1/devices/{id}/replacements/": {"get"},
        "/api/v1/series/": {"get"},
        "/api/v1/energy/": {"get"},
        "/api/v1/devices/{id}/status/": {"get", "post"},
        "/api/v1/devices/{id}/reboot/": {"post"},
        "/api/v1/devices/{id}/power-cycle/": {"post"},
        "/api/v1/devices/{id}/reset/": {"post"},
        "/api/v1/devices/{id}/calibrate/": {"post"},
        "/api/v1/devices/{id}/drift/": {"get"},
        "/api/v1/devices/{id}/back-up-factory-config/": {"post"},
        "/api/v1/devices/{id}/files/": {"get", "post", "delete"},
        "/api/v1/devices/{id}/files/text/": {"get"},
        "/api/v1/devices/{id}/files/download/": {"get"},
        "/api/v1/devices/{id}/folders/": {"post", "delete"},
        "/api/v1/jobs/": {"get"},
        "/api/v1/jobs/{id}/": {"get"},
        "/api/v1/jobs/{id}/cancel/": {"post"},
        "/api/v1/firmware/": {"get", "post"},
        "/api/v1/firmware/{id}/": {"get"},
        "/api/v1/rollouts/": {"get", "post"},
        "/api/v1/rollouts/{id}/": {"get"},
        "/api/v1/calibrations/": {"get"},
        "/api/v1/calibrations/{id}/": {"get"},
        "/api/v1/calibrations/{id}/restore/": {"post"},
        "/api/v1/factory-configs/": {"get"},
        "/api/v1/factory-configs/{id}/": {"get"},
        "/api/v1/factory-configs/{id}/compare/": {"get"},
        "/api/v1/factory-configs/{id}/download/": {"get"},
        "/api/v1/factory-configs/{id}/restore/": {"post"},
    }


def test_the_schema_describes_every_parameter_of_series() -> None:
    paths = schema()["paths"]
    parameters = {one["name"]: one.get("required", False) for one in paths["/api/v1/series/"]["get"]["parameters"]}
    assert parameters == {
        **dict.fromkeys(("port", "device", "field", "resolution", "max_points"), False),
        **dict.fromkeys(("start", "end"), True),
    }


def test_the_schema_is_served() -> None:
    assert schema()["info"]["title"] == "CT6 energy meters"


def test_the_docs_page_takes_nothing_from_other_hosts_and_has_no_inline_script() -> None:
    page = APIClient().get("/api/v1/docs/").content.decode()
    assert "swagger-ui-bundle" in page
    assert "//" not in page.replace("<!DOCTYPE html>", "")
    assert all("src=" in script for script in page.split("<script")[1:])


# --- The newest values ------------------------------------------------------------------------------------------
TIME_MS = 1_774_742_400_000


def answered(device: Device, powers_w: dict[int, float | None]) -> Device:
    """The device after an answer with these active powers by port number."""
    device.last_answer = {
        "time": TIME_MS,
        "address": "127.0.0.2",
        "window_ms": 1000,
        "voltage": 235.11,
        "frequency": 50.012,
        "temperature": 25.5,
        "rssi": None,
        "ports": {
            str(number): {
                "active_power": power,
                "reactive_power": 10.0,
                "apparent_power": 20.0,
                "power_factor": -0.5,
                "current_rms": 1.5,
                "current_peak": 2.5,
            }
            for number, power in powers_w.items()
        },
    }
    device.save()
    return device


def newest(device: Device) -> Any:
    return logged_in(make_user(staff=True)).get(f"/api/v1/devices/{device.pk}/").json()


def test_a_port_shows_its_newest_values_in_their_units() -> None:
    device = answered(make_device(), {1: -1234.5})
    assert newest(device)["ports"][0]["latest"] == {
        "time": TIME_MS,
        "direction": "import",
        "active_power": -1234.5,
        "reactive_power": 10.0,
        "apparent_power": 20.0,
        "power_factor": -0.5,
        "current_rms": 1.5,
        "current_peak": 2.5,
    }


@pytest.mark.parametrize(
    ("power_w", "direction"), [(-0.5, "import"), (0.5, "export"), (0.4, "idle"), (-0.4, "idle"), (None, None)]
)
def test_the_direction_follows_the_sign(power_w: float | None, direction: str | None) -> None:
    device = answered(make_device(ports=["Grid"]), {1: power_w})
    assert newest(device)["ports"][0]["latest"]["direction"] == direction


def test_a_reversed_port_shows_the_other_direction() -> None:
    device = answered(make_device(ports=["Solar"]), {1: -700.0})
    Port.objects.update(reversed=True)
    latest = newest(device)["ports"][0]["latest"]
    assert (latest["active_power"], latest["direction"], latest["power_factor"]) == (700.0, "export", 0.5)


def test_a_port_that_the_answer_left_out_has_null_values() -> None:
    device = answered(make_device(ports=["Grid", "Solar"]), {1: 5.0})
    latest = newest(device)["ports"][1]["latest"]
    assert latest == dict.fromkeys(latest) | {"time": TIME_MS}


def test_a_device_shows_what_is_measured_once() -> None:
    device = answered(make_device(), {})
    assert newest(device)["latest"] == {
        "time": TIME_MS,
        "voltage": 235.11,
        "frequency": 50.012,
        "temperature": 25.5,
        "rssi": None,
    }


def test_before_the_first_answer_the_newest_values_are_null() -> None:
    shown = newest(make_device(ports=["Grid"]))
    assert shown["latest"] is None
    assert shown["ports"][0]["latest"] is None


def test_the_list_of_ports_shows_them_as_the_list_of_devices_does() -> None:
    device = answered(make_device(), {1: -3.0, 2: 4.0})
    listed = logged_in(make_user("paul", staff=True)).get("/api/v1/ports/").json()
    assert listed == newest(device)["ports"]


# --- Cost -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/v1/devices/", "/api/v1/ports/"])
@pytest.mark.parametrize("log_in", [logged_in, with_token])
def test_lists_cost_the_same_few_queries_however_many_devices(
    path: str, log_in: Callable[..., APIClient], django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(12):
        device = answered(make_device(f"ASY0398_V003.300_SN{number:08}"), {1: -3.0})
        configuration.wish(device, {"CT1_NAME": "Grid"}, None, now=device.first_seen)
    client = log_in(make_user(sees=list(Device.objects.all())))
    with django_assert_max_num_queries(6):
        answer = client.get(path)
    assert len(answer.json()) in (12, 72)
