"""GET /api/v1/series/: what it answers, and every parameter that it refuses."""

from typing import Any
from urllib.parse import urlencode

import pytest
from pytest_django import DjangoAssertNumQueries
from rest_framework.test import APIClient

from devices.models import Device, Port
from tests.factories import make_device
from tests.people import logged_in, make_user, with_token
from tests.readings.bulk import Answer, roll_up, steady, store
from tests.readings.question import Question

pytestmark = pytest.mark.django_db

SERIES = "/api/v1/series/"
MINUTE_MS = 60_000
START_MS = 1_774_742_400_000
START, END = "2026-03-29T00:00:00Z", "2026-03-29T00:10:00Z"
OTHER_ASSY = "ASY0398_V003.300_SN00001802"


@pytest.fixture
def device() -> Device:
    """Ten minutes of answers a second: port 1 imports 250 W, port 2 exports 40 W, port 3 has no value."""
    device = make_device(ports=["Grid", "Solar", "Spare"], timezone="Europe/London")
    store(device, steady(START_MS, START_MS + 10 * MINUTE_MS, 1000, -2500, 400, None))
    roll_up(START_MS + 60 * MINUTE_MS)
    return device


@pytest.fixture
def client(device: Device) -> APIClient:
    return with_token(make_user(sees=[device]))


def port_of(device: Device, number: int) -> Port:
    return device.ports.get(number=number)


ASK = Question(SERIES, start=START, end=END)
ask, series, refusal = ASK.ask, ASK.found, ASK.refusal


# --- What is answered -------------------------------------------------------------------------------------------
def test_minutes_of_a_port(device: Device, client: APIClient) -> None:
    port = port_of(device, 1)
    times = [START_MS + minute * MINUTE_MS for minute in range(10)]
    assert series(client, port=port.pk, field="active_power", resolution="minute") == {
        "resolution": "minute",
        "unit": "W",
        "start": "2026-03-29T00:00:00+00:00",
        "end": "2026-03-29T00:10:00+00:00",
        "step_s": 60,
        "series": [
            {
                "device": device.pk,
                "port": port.pk,
                "name": port.name,
                "times": times,
                "values": [-250.0] * 10,
                "min": [-250.0] * 10,
                "max": [-250.0] * 10,
                "covered_s": [60.0] * 10,
                "recovered_s": [0.0] * 10,
            }
        ],
    }


def test_seconds_are_readings_as_they_came(device: Device, client: APIClient) -> None:
    found = series(client, port=port_of(device, 2).pk, resolution="second")
    assert (found["resolution"], found["step_s"]) == ("second", None)
    line = found["series"][0]
    assert line["times"] == [START_MS + second * 1000 for second in range(1, 600)]
    assert set(line["values"]) == {40.0}


@pytest.mark.parametrize(("resolution", "points", "step_s"), [("hour", 1, 3600), ("day", 1, 86400)])
def test_hours_and_days(device: Device, client: APIClient, resolution: str, points: int, step_s: int) -> None:
    found = series(client, port=port_of(device, 1).pk, resolution=resolution)
    assert (found["resolution"], found["step_s"]) == (resolution, step_s)
    assert len(found["series"][0]["times"]) == points


@pytest.mark.parametrize(("max_points", "resolution"), [(2000, "second"), (60, "minute"), (5, "hour")])
def test_auto_takes_the_finest_that_fits(device: Device, client: APIClient, max_points: int, resolution: str) -> None:
    assert series(client, port=port_of(device, 1).pk, max_points=max_points)["resolution"] == resolution


def test_never_more_points_than_asked_for(device: Device, client: APIClient) -> None:
    found = series(client, port=port_of(device, 1).pk, resolution="minute", max_points=5)
    assert len(found["series"][0]["times"]) == 5
    assert found["step_s"] == 120


def test_the_field_is_active_power_unless_asked_otherwise(device: Device, client: APIClient) -> None:
    port = port_of(device, 1).pk
    assert series(client, port=port) == series(client, port=port, field="active_power")


@pytest.mark.parametrize(
    ("field", "unit", "value"),
    [
        ("reactive_power", "var", -250.0),
        ("apparent_power", "VA", 250.0),
        ("power_factor", "", -1.0),
        ("current_rms", "A", 0.5),
        ("current_peak", "A", 0.7),
    ],
)
def test_the_other_quantities_of_a_port(device: Device, client: APIClient, field: str, unit: str, value: float) -> None:
    found = series(client, port=port_of(device, 1).pk, field=field, resolution="minute")
    assert found["unit"] == unit
    assert set(found["series"][0]["values"]) == {value}


@pytest.mark.parametrize(
    ("field", "unit", "value"),
    [("voltage", "V", 230.0), ("frequency", "Hz", 50.0), ("temperature", "°C", 25.5), ("rssi", "dBm", -60.0)],
)
def test_the_quantities_of_a_device(device: Device, client: APIClient, field: str, unit: str, value: float) -> None:
    found = series(client, device=device.pk, field=field, resolution="minute")
    assert found["unit"] == unit
    (line,) = found["series"]
    assert (line["device"], line["port"]) == (device.pk, None)
    assert set(line["values"]) == {value}


def test_a_device_stands_for_its_enabled_ports(device: Device, client: APIClient) -> None:
    Port.objects.filter(number=2).update(enabled=False)
    lines = series(client, device=device.pk)["series"]
    assert [line["port"] for line in lines] == [port_of(device, 1).pk, port_of(device, 3).pk]


def test_a_hidden_port_is_answered_when_it_is_asked_for(device: Device, client: APIClient) -> None:
    Port.objects.update(enabled=False)
    assert len(series(client, port=port_of(device, 2).pk)["series"]) == 1


def test_several_ports_come_in_the_order_asked_for_and_once_each(device: Device, client: APIClient) -> None:
    first, second, third = (port_of(device, number).pk for number in (1, 2, 3))
    lines = series(client, port=[second, first, second], device=device.pk)["series"]
    assert [line["port"] for line in lines] == [second, first, third]


def test_a_reversed_port_has_the_other_sign(device: Device, client: APIClient) -> None:
    Port.objects.filter(number=1).update(reversed=True)
    assert set(series(client, port=port_of(device, 1).pk, resolution="minute")["series"][0]["values"]) == {250.0}


def test_a_gap_is_one_null(device: Device, client: APIClient) -> None:
    store(device, steady(START_MS + 20 * MINUTE_MS, START_MS + 22 * MINUTE_MS, 1000, -2500, 400, None))
    found = series(client, port=port_of(device, 1).pk, resolution="minute", end="2026-03-29T01:00:00Z")
    line = found["series"][0]
    assert [value for value in line["values"] if value is None] == [None]
    assert {len(line[column]) for column in ("times", "values", "min", "max", "covered_s", "recovered_s")} == {13}


def test_a_port_without_any_value_has_an_empty_line(device: Device, client: APIClient) -> None:
    port = port_of(device, 3)
    assert series(client, port=port.pk)["series"] == [
        {
            "device": device.pk,
            "port": port.pk,
            "name": port.name,
            "times": [],
            "values": [],
            "min": [],
            "max": [],
            "covered_s": [],
            "recovered_s": [],
        }
    ]


@pytest.mark.parametrize("resolution", ["second", "hour"])
def test_recovered_time_is_told_by_point(device: Device, client: APIClient, resolution: str) -> None:
    store(device, [Answer(START_MS + 40 * MINUTE_MS, 30 * MINUTE_MS, (-100, 0, None), recovered=True)])
    found = series(client, port=port_of(device, 1).pk, resolution=resolution, end="2026-03-29T01:00:00Z")
    line = found["series"][0]
    assert (sum(line["covered_s"]), sum(line["recovered_s"])) == (600, 1800)
    assert line["recovered_s"][-1] == 1800


def test_readings_that_are_not_rolled_up_yet_count(client: APIClient) -> None:
    other = make_device(OTHER_ASSY, ports=["Grid"])
    store(other, steady(START_MS, START_MS + MINUTE_MS, 1000, -1000))
    found = series(with_token(make_user("bert", sees=[other])), device=other.pk, resolution="minute")
    assert found["series"][0]["values"] == [-100.0]


@pytest.mark.parametrize(
    "start", ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00+01:00", "2026-03-29T05:45+05:45", "2026-03-28T19:00:00-0500"]
)
def test_times_carry_any_offset(device: Device, client: APIClient, start: str) -> None:
    assert series(client, port=port_of(device, 1).pk, start=start)["start"] == "2026-03-29T00:00:00+00:00"


@pytest.mark.parametrize("end", ["2026-03-29T01:10:00+01:00", "2026-03-29T01:10:00.000+0100", "2026-03-29T01:10+01"])
def test_a_plus_that_became_a_blank_on_its_way_is_forgiven(device: Device, client: APIClient, end: str) -> None:
    query = urlencode({"port": port_of(device, 1).pk, "start": START}) + f"&end={end}"
    answer = client.generic("GET", SERIES, QUERY_STRING=query)
    assert answer.status_code == 200
    assert answer.json()["end"] == "2026-03-29T00:10:00+00:00"


def test_the_cost_in_queries_does_not_grow_with_the_ports(
    device: Device, client: APIClient, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(12):
        series(client, device=device.pk, resolution="minute")


# --- What is refused --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("missing", ["start", "end"])
def test_start_and_end_are_needed(device: Device, client: APIClient, missing: str) -> None:
    parameters: dict[str, Any] = {"device": device.pk, "start": START, "end": END}
    del parameters[missing]
    answer = client.get(SERIES, parameters)
    assert answer.status_code == 400
    assert answer.json() == {missing: ["Is missing; write for example 2026-03-29T00:00:00+01:00."]}


@pytest.mark.parametrize("parameter", ["start", "end"])
@pytest.mark.parametrize("text", ["yesterday", "2026-02-30T00:00:00Z", "1774742400"])
def test_what_is_no_time_is_refused(device: Device, client: APIClient, parameter: str, text: str) -> None:
    (sentence,) = refusal(client, device=device.pk, **{parameter: text})[parameter]
    assert sentence.startswith(f"{text!r} is no ISO 8601 time; write for example")


@pytest.mark.parametrize("text", ["2026-03-29T00:00:00", "2026-03-29", "2026-03-29 00:00"])
def test_a_time_without_an_offset_is_refused(device: Device, client: APIClient, text: str) -> None:
    (sentence,) = refusal(client, device=device.pk, start=text)["start"]
    assert sentence.startswith(f"{text!r} has no offset from UTC")


def test_a_year_that_no_unit_measured_in_is_refused(device: Device, client: APIClient) -> None:
    assert list(refusal(client, device=device.pk, start="0001-01-01T00:00:00Z")) == ["start"]


@pytest.mark.parametrize("end", [START, "2026-03-28T23:59:59Z"])
def test_start_has_to_lie_before_end(device: Device, client: APIClient, end: str) -> None:
    assert refusal(client, device=device.pk, end=end) == {"start": ["Has to lie before end."]}


def test_a_device_or_a_port_is_needed(client: APIClient) -> None:
    assert refusal(client) == {"device": ["Name a device or a port: device=1 or port=1."]}


@pytest.mark.parametrize("parameter", ["port", "device"])
@pytest.mark.parametrize("text", ["one", "1.5", "-1", "0", "1,2", "²", "99999999999999999999"])
def test_what_is_no_id_is_refused(device: Device, client: APIClient, parameter: str, text: str) -> None:
    (sentence,) = refusal(client, **{parameter: text})[parameter]
    assert sentence == f"{text!r} is no id; write {parameter}=1, for several {parameter}=1&{parameter}=2."


@pytest.mark.parametrize("parameter", ["port", "device"])
def test_an_unknown_id_is_refused_by_its_number(client: APIClient, parameter: str) -> None:
    (sentence,) = refusal(client, **{parameter: 987654})[parameter]
    assert sentence == f"There is no {parameter} 987654 that you may read; see /api/v1/{parameter}s/."


def test_what_one_may_not_see_is_refused_as_if_it_were_not_there(device: Device) -> None:
    stranger = logged_in(make_user("bert", sees=[make_device(OTHER_ASSY)]))
    port = port_of(device, 1).pk
    assert refusal(stranger, port=port) == {"port": [f"There is no port {port} that you may read; see /api/v1/ports/."]}
    assert refusal(stranger, device=device.pk) == {
        "device": [f"There is no device {device.pk} that you may read; see /api/v1/devices/."]
    }


def test_two_users_read_each_what_their_groups_grant(device: Device, client: APIClient) -> None:
    other = make_device(OTHER_ASSY, ports=["Grid"])
    bert = with_token(make_user("bert", sees=[other]))
    assert ask(client, device=device.pk).status_code == 200
    assert ask(client, device=other.pk).status_code == 400
    assert ask(bert, device=other.pk).status_code == 200
    assert ask(bert, device=[other.pk, device.pk]).status_code == 400


def test_an_unknown_field_is_refused_with_all_that_are_known(device: Device, client: APIClient) -> None:
    assert refusal(client, device=device.pk, field="power") == {
        "field": [
            "'power' is not known; allowed are active_power, reactive_power, apparent_power, power_factor, "
            "current_rms, current_peak, voltage, frequency, temperature, rssi."
        ]
    }


@pytest.mark.parametrize("field", ["voltage", "frequency", "temperature", "rssi"])
def test_what_is_measured_once_per_device_is_refused_for_a_port(device: Device, client: APIClient, field: str) -> None:
    (sentence,) = refusal(client, port=port_of(device, 1).pk, field=field)["port"]
    assert sentence.startswith(f"{field} is measured once per device: ask with device=. Ports have active_power, ")


def test_an_unknown_resolution_is_refused(device: Device, client: APIClient) -> None:
    allowed = "auto, second, minute, hour, day"
    assert refusal(client, device=device.pk, resolution="week") == {
        "resolution": [f"'week' is not known; allowed are {allowed}."]
    }


@pytest.mark.parametrize("max_points", ["0", "-5", "20001", "many", "9" * 2000])
def test_max_points_is_a_number_from_1_to_20000(device: Device, client: APIClient, max_points: str) -> None:
    assert refusal(client, device=device.pk, max_points=max_points) == {
        "max_points": ["Has to be a whole number from 1 to 20000."]
    }


@pytest.mark.parametrize("max_points", [1, 20000])
def test_the_ends_of_max_points_are_allowed(device: Device, client: APIClient, max_points: int) -> None:
    assert ask(client, device=device.pk, max_points=max_points).status_code == 200


def test_an_unknown_parameter_is_refused_with_all_that_are_known(device: Device, client: APIClient) -> None:
    assert refusal(client, device=device.pk, resoluton="minute") == {
        "resoluton": ["Is no parameter; allowed are port, device, start, end, field, resolution, max_points."]
    }


@pytest.mark.parametrize("parameter", ["field", "resolution", "max_points", "start"])
def test_only_port_and_device_may_be_given_twice(device: Device, client: APIClient, parameter: str) -> None:
    assert refusal(client, device=device.pk, **{parameter: ["1", "2"]}) == {
        parameter: ["Is given more than once; only port and device may be."]
    }


@pytest.mark.parametrize("parameter", ["port", "device", "start", "end", "field", "resolution", "max_points"])
def test_an_empty_parameter_is_refused(device: Device, client: APIClient, parameter: str) -> None:
    assert refusal(client, **{"device": device.pk, parameter: ""}) == {
        parameter: ["Is empty; give it a value or leave it out."]
    }


def test_all_wrong_parameters_are_named_at_once(device: Device, client: APIClient) -> None:
    problems = refusal(client, device="x", field="power", resolution="week", max_points=0, start="now")
    assert set(problems) == {"device", "field", "resolution", "max_points", "start"}


def test_too_many_lines_are_refused(client: APIClient) -> None:
    devices = [make_device(f"ASY0398_V003.300_SN{number:08}", ports=[""] * 24) for number in range(9)]
    bert = logged_in(make_user("bert", sees=devices))
    problem = refusal(bert, device=[device.pk for device in devices])
    assert problem == {"device": ["That is 216 lines; at most 200 in one question."]}


# --- In the language of whoever asks ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("parameters", "problems"),
    [
        ({"device": "x"}, {"device": ["'x' ist keine Kennung; richtig ist device=1, für mehrere device=1&device=2."]}),
        ({"device": 987654}, {"device": ["Kein lesbares Gerät 987654; siehe /api/v1/devices/."]}),
        ({"device": 1, "end": START}, {"start": ["Muss vor end liegen."]}),
        ({"device": 1, "max_points": 0}, {"max_points": ["Muss eine ganze Zahl von 1 bis 20000 sein."]}),
        ({"device": 1, "start": "1600-01-01T00Z"}, {"start": ["'1600-01-01T00Z' liegt nicht zwischen 1971 und 2198."]}),
    ],
    ids=lambda value: next(iter(value)),
)  # fmt: skip
def test_a_german_gets_german_refusals(
    client: APIClient, parameters: dict[str, Any], problems: dict[str, list[str]]
) -> None:
    answer = client.get(SERIES, {"start": START, "end": END, **parameters}, headers={"Accept-Language": "de"})
    assert answer.status_code == 400
    assert answer.json() == problems
