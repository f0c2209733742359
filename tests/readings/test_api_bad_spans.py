"""Bad spans over the REST API: listed, marked, let count again, by who may."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from devices.models import AuditEntry, Device, DeviceGrant
from readings.models import BadSpan
from readings.periods import HOUR_MS, MINUTE_MS, format_time, parse_time
from tests.devices.api_calls import operator
from tests.factories import make_device
from tests.people import make_user, with_token
from tests.readings.bulk import steady, store

pytestmark = pytest.mark.django_db

NOON = parse_time("2026-03-10T12:00:00+00:00")


@pytest.fixture
def device() -> Device:
    device = make_device(name="House", ports=["Grid", "Solar"])
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, -10_000, 20_000))
    return device


def at(device: Device, number: int = 1, rest: str = "") -> str:
    return f"/api/v1/ports/{device.ports.get(number=number).pk}/bad-spans/{rest}"


def mark(
    client: APIClient, device: Device, start_ms: int = NOON, end_ms: int = NOON + HOUR_MS // 2, **more: Any
) -> Any:
    sent = {"start": format_time(start_ms), "end": format_time(end_ms), "reason": "clamp open", **more}
    return client.post(at(device), sent, format="json")


def import_kwh(client: APIClient, device: Device) -> float:
    port: Any = device.ports.get(number=1).pk
    asked = {"port": port, "start": format_time(NOON), "end": format_time(NOON + HOUR_MS)}
    [row] = client.get("/api/v1/energy/", asked).json()
    return float(row["import_kwh"])


def test_a_span_is_marked_listed_and_lifted(device: Device) -> None:
    sam = operator(scope="configure")
    answer = mark(sam, device, NOON + 1, NOON + 29 * MINUTE_MS + 1)
    assert answer.status_code == 201
    told = answer.json()
    assert (told["start"], told["end"]) == ("2026-03-10T12:00:00+00:00", "2026-03-10T12:30:00+00:00")
    assert (told["reason"], told["marked_by"], told["lifted_at"]) == ("clamp open", "sam", None)
    assert sam.get(at(device)).json() == [told]
    assert sam.get(at(device, 2)).json() == []
    assert import_kwh(sam, device) == 0.5
    lifted = sam.post(at(device, rest=f"{told['id']}/lift/"))
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (200, "sam")
    assert import_kwh(sam, device) == 1.0
    assert len(sam.get(at(device)).json()) == 1, "kept as history"
    actions = AuditEntry.objects.filter(device=device).order_by("pk").values_list("action", "who_name")
    assert list(actions) == [("mark_bad", "sam"), ("lift_bad", "sam")]


def test_who_sees_the_unit_reads_and_changes_nothing(device: Device) -> None:
    mark(operator(), device)
    span = BadSpan.objects.get()
    for client in (
        with_token(make_user("rita", sees=[device]), "read"),
        operator("ute", may=("operate", "calibrate", "files", "adopt")),
        operator("vic", scope="read"),
    ):
        assert len(client.get(at(device)).json()) == 1
        assert mark(client, device).status_code == 403
        assert client.post(at(device, rest=f"{span.pk}/lift/")).status_code == 403
    span.refresh_from_db()
    assert (BadSpan.objects.count(), span.lifted_at) == (1, None)


def test_a_grant_on_the_unit_is_enough(device: Device) -> None:
    carl = make_user("carl")
    DeviceGrant.objects.create(group=carl.groups.get(), device=device, configure=True)
    assert mark(with_token(carl, "configure"), device).status_code == 201


def test_ports_of_units_that_one_does_not_see_are_not_there(device: Device) -> None:
    mark(operator(), device)
    own = make_device("ASY0398_V003.300_SN00001802")
    berta = make_user("berta")
    DeviceGrant.objects.create(group=berta.groups.get(), device=own, configure=True)
    client = with_token(berta, "configure")
    span = BadSpan.objects.get()
    assert client.get(at(device)).status_code == 404
    assert mark(client, device).status_code == 404
    assert client.post(at(device, rest=f"{span.pk}/lift/")).status_code == 404
    assert client.post(at(own, rest=f"{span.pk}/lift/")).status_code == 404, "it is another port's"


def test_a_span_of_another_port_is_not_there(device: Device) -> None:
    sam = operator()
    mark(sam, device)
    assert sam.post(at(device, 2, f"{BadSpan.objects.get().pk}/lift/")).status_code == 404
    assert sam.post(at(device, 1, "4711/lift/")).status_code == 404


@pytest.mark.parametrize(
    ("sent", "field", "says"),
    [
        ({"end": "2026-03-10T12:00:00Z"}, "start", "the start has to lie before the end"),
        ({"start": "2190-03-10T12:00:00Z", "end": "2191-03-10T12:00:00Z"}, "start", "is still to come"),
        ({"start": "0001-01-01T00:00:00Z"}, "start", "lies between 1971"),
        ({"end": "9999-12-31T23:59:59Z"}, "start", "lies between 1971"),
        ({"start": "lately"}, "start", "wrong format"),
        ({"reason": ""}, "reason", "may not be blank"),
        ({"reason": "r" * 201}, "reason", "no more than 200"),
    ],
)
def test_what_cannot_be_marked_is_refused_by_its_field(
    device: Device, sent: dict[str, Any], field: str, says: str
) -> None:
    answer = mark(operator(), device, **sent)
    assert answer.status_code == 400
    assert says in answer.json()[field][0]
    assert not BadSpan.objects.exists()


def test_it_is_lifted_once(device: Device) -> None:
    sam = operator()
    mark(sam, device)
    lift = at(device, rest=f"{BadSpan.objects.get().pk}/lift/")
    sam.post(lift)
    answer = sam.post(lift)
    assert answer.status_code == 400
    assert "counts again already" in answer.json()["span"][0]


def test_a_german_reader_is_refused_in_german(device: Device) -> None:
    sent = {"start": format_time(NOON), "end": format_time(NOON), "reason": "offen"}
    answer = operator().post(at(device), sent, format="json", headers={"accept-language": "de"})
    assert answer.json() == {"start": ["der Anfang muss vor dem Ende liegen. Nichts wurde markiert."]}
