"""Nobody reaches what belongs to another's unit by changing an id: every call of the API is walked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver
from rest_framework.test import APIClient

from ct6site.api import urlpatterns
from ct6site.models import ApiToken
from devices.models import AuditEntry, Calibration, ConfigChange, Device, DeviceGrant, FactoryConfig, Job, Rollout
from readings.bad_spans import mark
from readings.models import BadSpan
from readings.periods import MINUTE_MS, parse_time
from tests.devices.api_calls import ALL, at
from tests.devices.firmware.applications import release_of
from tests.factories import make_device
from tests.people import make_user, with_token

pytestmark = pytest.mark.django_db

NOON_MS = parse_time("2026-05-04T12:00:00Z")
METHODS = ("get", "post", "put", "patch", "delete")
# No rows of a unit: what they are is seen with a right of their own, or by whoever made them.
OF_NO_UNIT = ("tokens/", "firmware/", "discovery/")


def calls() -> list[tuple[str, str]]:
    """Each path of the API with an id in it, and each of its methods."""
    return sorted(
        (path, method)
        for path, view in _walked(urlpatterns)
        if "<int:" in path and not path.startswith(OF_NO_UNIT)
        for method in _methods(view)
    )


def _walked(patterns: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walked(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def _methods(view: Any) -> list[str]:
    actions = getattr(view, "actions", None)
    if actions is not None:
        return [method for method in actions if method in METHODS]
    return [method for method in METHODS if hasattr(view.view_class, method)]


@pytest.fixture
def others() -> dict[str, int]:
    """A unit that the asking user does not see, with a row of everything that can belong to one."""
    device = make_device("ASY0398_V003.300_SN00009999", name="Theirs", address="127.0.0.1", http_port=1)
    rollout = Rollout.objects.create(release=release_of("3.2"))
    job = Job.objects.create(device=device, kind="upgrade", rollout=rollout)
    content = json.dumps({"ASSY": device.assy, "CT1_IGAIN": 8000})
    gains = {"CT1_IGAIN": 8000.0}
    calibration = Calibration.objects.create(device=device, target="voltage", after=gains, succeeded=True)
    return {
        "devices": device.pk,
        "ports": device.ports.all()[0].pk,
        "jobs": job.pk,
        "rollouts": rollout.pk,
        "calibrations": calibration.pk,
        "factory-configs": FactoryConfig.objects.create(device=device, content=content, sha256="").pk,
        "span": mark(device.ports.all()[0], NOON_MS, NOON_MS + MINUTE_MS, reason="clamp off", who=None).pk,
        "change": ConfigChange.objects.create(device=device, key="CT1_NAME", state="confirmed").pk,
    }


@pytest.fixture
def ours() -> Device:
    return make_device("ASY0398_V003.300_SN00000001", name="Ours", address="127.0.0.1", http_port=1)


@pytest.fixture
def anna(ours: Device) -> APIClient:
    """She sees her own unit."""
    return with_token(make_user("anna", sees=[ours]), ApiToken.Scope.OPERATE)


@pytest.fixture
def sam(ours: Device) -> APIClient:
    """Of the staff: he sees every unit, and may do everything to his own."""
    user = make_user("sam", staff=True, sees=[ours])
    DeviceGrant.objects.update(**dict.fromkeys(ALL, True))
    return with_token(user, ApiToken.Scope.OPERATE)


def traces() -> tuple[int, ...]:
    """How many rows there are of all that an act leaves."""
    models = (Job, ConfigChange, Rollout, AuditEntry, BadSpan, Calibration, FactoryConfig)
    return tuple(model._default_manager.count() for model in models)


def asked(client: APIClient, path: str, method: str, others: dict[str, int]) -> Any:
    filled = path.replace("<int:pk>", str(others[path.split("/", maxsplit=1)[0]]))
    filled = filled.replace("<int:device_id>", str(others["devices"])).replace("<int:span_id>", str(others["span"]))
    assert "<" not in filled
    return getattr(client, method)(f"/api/v1/{filled}", format="json")


def test_the_walk_meets_every_kind_of_row(others: dict[str, int]) -> None:
    assert {path.split("/")[0] for path, _method in calls()} == others.keys() - {"change", "span"}
    assert len(calls()) > 30


@pytest.mark.parametrize(("path", "method"), calls())
def test_who_does_not_see_a_unit_reaches_nothing_of_it(
    path: str, method: str, others: dict[str, int], anna: APIClient
) -> None:
    before = traces()
    answer = asked(anna, path, method, others)
    talks_to_unit = method != "get" or "/files/" in path
    assert answer.status_code == (403 if talks_to_unit else 404)  # she may do nothing to any unit
    assert b"Theirs" not in answer.content
    assert traces() == before


@pytest.mark.parametrize(("path", "method"), [call for call in calls() if call[1] != "get"])
def test_who_may_nothing_to_a_unit_changes_nothing_of_it(
    path: str, method: str, others: dict[str, int], sam: APIClient
) -> None:
    before = traces()
    answer = asked(sam, path, method, others)
    assert answer.status_code == 403
    assert "You have no right to do this to Theirs" in answer.json()["detail"]
    assert traces() == before


@pytest.mark.parametrize("call", ["settings", "history", "files", "files/text", "files/download"])
def test_what_needs_a_right_to_be_read_is_not_read_without(call: str, others: dict[str, int], sam: APIClient) -> None:
    assert sam.get(f"/api/v1/devices/{others['devices']}/{call}/", {"path": "/a"}).status_code == 403


@pytest.mark.parametrize("rows", ["devices", "ports", "jobs", "rollouts", "calibrations", "factory-configs"])
def test_a_list_has_nothing_of_a_unit_that_one_does_not_see(
    rows: str, others: dict[str, int], anna: APIClient, ours: Device
) -> None:
    told = anna.get(f"/api/v1/{rows}/").json()
    assert {row.get("device", ours.pk) for row in told} <= {ours.pk}
    assert others[rows] not in {row["id"] for row in told}
    if rows in ("jobs", "calibrations", "factory-configs", "ports"):
        assert anna.get(f"/api/v1/{rows}/", {"device": others["devices"]}).json() == []


# --- Ids within what is sent ------------------------------------------------------------------------------------
def test_a_copy_is_not_compared_with_anothers(others: dict[str, int], anna: APIClient, ours: Device) -> None:
    mine = FactoryConfig.objects.create(device=ours, content="{}", sha256="")
    answer = anna.get(f"/api/v1/factory-configs/{mine.pk}/compare/", {"other": others["factory-configs"]})
    assert answer.json() == {"other": ["There is no such copy."]}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("rollouts/", {"release": 1}),
        ("devices/push_to_many/", {"settings": {"CT1_NAME": "Oven"}}),
    ],
)
def test_anothers_unit_among_several_stops_all(
    path: str, sent: dict[str, Any], others: dict[str, int], sam: APIClient, ours: Device
) -> None:
    before = traces()
    answer = sam.post(f"/api/v1/{path}", {**sent, "devices": [ours.pk, others["devices"]]}, format="json")
    assert answer.status_code == 400
    assert str(others["devices"]) in answer.json()["devices"][0]
    assert traces() == before


def test_a_change_of_anothers_unit_is_not_taken_back(others: dict[str, int], sam: APIClient, ours: Device) -> None:
    answer = sam.post(at(ours, "undo/"), {"change": others["change"]}, format="json")
    assert answer.json() == {"change": ["Is no change of this unit's settings."]}


def test_a_calibration_of_anothers_unit_is_not_put_back(others: dict[str, int], sam: APIClient, ours: Device) -> None:
    asked_for = {"target": "restored", "calibration": others["calibrations"], "line_freq_hz": 50}
    assert sam.post(at(ours, "calibrate/"), asked_for, format="json").status_code == 400
    assert Job.objects.count() == 1
