"""GET /api/v1/energy/: what it answers, and every parameter that it refuses.

The parameters that it shares with series/ are tested there.
"""

from datetime import UTC, datetime

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from devices.models import Device, Port
from tests.factories import make_device
from tests.people import make_user, with_token
from tests.readings.bulk import roll_up, steady, store
from tests.readings.question import Question

pytestmark = pytest.mark.django_db

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
START, END = "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"
START_MS = 1_774_742_400_000
OTHER_ASSY = "ASY0398_V003.300_SN00001802"


@pytest.fixture
def device() -> Device:
    """Two hours of answers a minute, over the change of clocks: port 1 imports 3000 W, port 2 exports 500 W."""
    device = make_device(ports=["Grid", "Solar"], timezone="Europe/London")
    store(device, steady(START_MS, START_MS + 2 * HOUR_MS, MINUTE_MS, -30_000, 5_000))
    return device


@pytest.fixture
def client(device: Device) -> APIClient:
    return with_token(make_user(sees=[device]))


ASK = Question("/api/v1/energy/", start=START, end=END)
ask, energy, refusal = ASK.ask, ASK.found, ASK.refusal


# --- What is answered -------------------------------------------------------------------------------------------
def test_a_row_per_port(device: Device, client: APIClient) -> None:
    roll_up(START_MS + 3 * HOUR_MS)
    grid, solar = (device.ports.get(number=number).pk for number in (1, 2))
    measured = {"start": "2026-03-29T00:00:00+00:00", "covered_s": 7200, "recovered_s": 0, "missing_s": 0}
    assert energy(client, device=device.pk) == [
        {"port": grid, "name": "Grid", "import_kwh": 6.0, "export_kwh": 0.0, "net_kwh": 6.0, **measured},
        {"port": solar, "name": "Solar", "import_kwh": 0.0, "export_kwh": 1.0, "net_kwh": -1.0, **measured},
    ]


def test_readings_that_are_not_rolled_up_yet_count(device: Device, client: APIClient) -> None:
    waiting = energy(client, device=device.pk, bucket="hour")
    roll_up(START_MS + 3 * HOUR_MS)
    assert energy(client, device=device.pk, bucket="hour") == waiting
    assert [row["import_kwh"] for row in waiting] == [3.0, 3.0, 0.0, 0.0]


def test_the_bucket_is_total_unless_asked_otherwise(device: Device, client: APIClient) -> None:
    assert energy(client, device=device.pk) == energy(client, device=device.pk, bucket="total")


@pytest.mark.parametrize(
    ("bucket", "starts"),
    [
        ("total", ["2026-03-28T12:00:00+00:00"]),
        ("day", ["2026-03-28T12:00:00+00:00", "2026-03-29T00:00:00+00:00", "2026-03-30T00:00:00+01:00"]),
        ("month", ["2026-03-28T12:00:00+00:00"]),
    ],
)
def test_buckets_start_on_the_clocks_of_the_device(
    device: Device, client: APIClient, bucket: str, starts: list[str]
) -> None:
    port = device.ports.get(number=1).pk
    rows = energy(client, port=port, bucket=bucket, start="2026-03-28T12:00:00Z", end="2026-03-30T12:00:00Z")
    assert [row["start"] for row in rows] == starts


def test_the_day_on_which_clocks_go_on_has_23_hours(device: Device, client: APIClient) -> None:
    port = device.ports.get(number=1).pk
    (row,) = energy(client, port=port, bucket="day", start="2026-03-29T00:00:00Z", end="2026-03-30T00:00:00+01:00")
    assert row["covered_s"] + row["missing_s"] == 23 * 3600


def test_a_reversed_port_swaps_import_and_export(device: Device, client: APIClient) -> None:
    Port.objects.update(reversed=True)
    rows = energy(client, device=device.pk)
    assert [(row["import_kwh"], row["export_kwh"], row["net_kwh"]) for row in rows] == [(0, 6, -6), (1, 0, 1)]


def test_a_hidden_port_is_left_out_of_its_device_but_can_be_asked_for(device: Device, client: APIClient) -> None:
    Port.objects.filter(number=2).update(enabled=False)
    assert len(energy(client, device=device.pk)) == 1
    assert len(energy(client, port=device.ports.get(number=2).pk)) == 1


def test_recovered_and_missing_time_are_told(client: APIClient, device: Device) -> None:
    store(device, steady(START_MS + 3 * HOUR_MS, START_MS + 4 * HOUR_MS, MINUTE_MS, -30_000, 5_000))
    row = energy(client, device=device.pk, end="2026-03-29T04:00:00Z")[0]
    assert (row["covered_s"], row["recovered_s"], row["missing_s"]) == (3 * 3600, 0, 3600)


def test_two_devices_in_two_zones(device: Device) -> None:
    other = make_device(OTHER_ASSY, ports=["Grid"], timezone="Asia/Kathmandu")
    client = with_token(make_user("bert", sees=[device, other]))
    rows = energy(client, device=[other.pk, device.pk], bucket="day", end="2026-03-29T20:00:00Z")
    assert [(row["port"] == other.ports.get().pk, row["start"]) for row in rows] == [
        (True, "2026-03-29T05:45:00+05:45"),
        (True, "2026-03-30T00:00:00+05:45"),
        (False, "2026-03-29T00:00:00+00:00"),
        (False, "2026-03-29T00:00:00+00:00"),
    ]


def test_the_cost_in_queries_does_not_grow_with_the_ports(
    device: Device, client: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(3, 25):
        Port.objects.create(device=device, number=number)
    roll_up(START_MS + 3 * HOUR_MS)
    with django_assert_max_num_queries(12):
        energy(client, device=device.pk, bucket="hour")


# --- What is refused --------------------------------------------------------------------------------------------
def test_without_a_login_401() -> None:
    assert ask(APIClient(), device=1).status_code == 401


def test_an_unknown_bucket_is_refused(device: Device, client: APIClient) -> None:
    allowed = "total, hour, day, month"
    assert refusal(client, device=device.pk, bucket="week") == {
        "bucket": [f"'week' is not known; allowed are {allowed}."]
    }


def test_an_unknown_parameter_is_refused_with_all_that_are_known(device: Device, client: APIClient) -> None:
    assert refusal(client, device=device.pk, resolution="hour") == {
        "resolution": ["Is no parameter; allowed are port, device, start, end, bucket."]
    }


def test_start_has_to_lie_before_end(device: Device, client: APIClient) -> None:
    assert refusal(client, device=device.pk, end=START) == {"start": ["Has to lie before end."]}


def test_a_device_that_one_may_not_see_is_refused_as_if_it_were_not_there(device: Device) -> None:
    other = make_device(OTHER_ASSY)
    bert = with_token(make_user("bert", sees=[other]))
    assert refusal(bert, device=[other.pk, device.pk]) == {
        "device": [f"There is no device {device.pk} that you may read; see /api/v1/devices/."]
    }


def test_more_rows_than_one_answer_may_have_are_refused(device: Device, client: APIClient) -> None:
    problem = refusal(client, device=device.pk, bucket="hour", start="1999-01-01T00:00:00Z")
    assert problem == {"bucket": ["Gives more than 100000 rows; take a longer bucket or a shorter span."]}


def test_a_year_of_hours_of_six_ports_is_allowed() -> None:
    device = make_device(OTHER_ASSY)
    client = with_token(make_user("bert", sees=[device]))
    end = datetime(2026, 3, 29, tzinfo=UTC).isoformat()
    rows = energy(client, device=device.pk, bucket="hour", start="2025-03-29T00:00:00Z", end=end)
    assert len(rows) == 6 * 365 * 24
