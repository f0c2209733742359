"""Calibrations and factory configurations over the REST API."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from devices.models import Calibration, Device, FactoryConfig, Job
from tests.devices.api_calls import at, operator, post
from tests.factories import make_device
from tests.people import logged_in, make_user

pytestmark = pytest.mark.django_db

VOLTAGE: dict[str, Any] = {"target": "voltage", "reference": 230, "line_freq_hz": 50, "mains_side_is_safe": True}

ROUND = {"setting": "CS4_VOLTAGE_GAIN", "port": 1, "value": 50_000, "reading": 225.5, "error": -4.5, "at": 1}


@pytest.fixture
def sam() -> APIClient:
    return operator()


@pytest.fixture
def device() -> Device:
    return make_device()


def calibration_of(device: Device, **fields: Any) -> Calibration:
    values = {
        "target": "voltage",
        "before": {"CS4_VOLTAGE_GAIN": 50_000.0},
        "after": {"CS4_VOLTAGE_GAIN": 51_000.0},
        "rounds": [
            {"setting": "CS4_VOLTAGE_GAIN", "port": 1, "value": 50_000, "reading": 225.5, "error": -4.5, "at": 1}
        ],
        "succeeded": True,
        **fields,
    }
    return Calibration.objects.create(device=device, **values)


def copy_of(device: Device, **values: Any) -> FactoryConfig:
    content = json.dumps({"ASSY": device.assy, "CT1_IGAIN": 8000, **values})
    return FactoryConfig.objects.create(device=device, content=content, sha256="")


# --- Calibrations -----------------------------------------------------------------------------------------------
def test_a_calibration_is_a_job(sam: APIClient, device: Device) -> None:
    answer = post(sam, device, "calibrate", **VOLTAGE)
    assert (answer.status_code, answer.json()["kind"]) == (202, "calibration")
    assert Job.objects.get().asked == {**VOLTAGE, "reference": 230.0}


def test_it_can_wait_for_its_time(sam: APIClient, device: Device) -> None:
    answer = post(sam, device, "calibrate", **VOLTAGE, not_before="2099-01-01T00:00:00Z")
    assert answer.json()["not_before"] == "2099-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mains_side_is_safe": False}, "mains side is safe"),
        ({"reference": 12}, "from 100 to 270 V"),
        ({"reference": None}, "null"),
        ({"line_freq_hz": 55}, "50 or 60"),
        ({"target": "current_gain", "port": 7}, "from 1 to 6"),
        ({"target": "current_gain", "port": 1}, "from 1 to 100 A"),
        ({"target": "current_offset"}, "from 1 to 6"),
        ({"target": "restored"}, "allowed are voltage"),
    ],
)
def test_what_would_spoil_the_gains_is_refused(
    sam: APIClient, device: Device, changed: dict[str, Any], why: str
) -> None:
    answer = post(sam, device, "calibrate", **VOLTAGE | changed)
    assert answer.status_code == 400
    assert why in answer.content.decode()
    assert not Job.objects.exists()


def test_calibrations_are_listed_with_their_rounds(sam: APIClient, device: Device) -> None:
    made = calibration_of(device)
    calibration_of(make_device("A2"), target="current_gain", port_number=3)
    [told] = sam.get("/api/v1/calibrations/", {"device": device.pk}).json()
    assert (told["id"], told["after"], told["rounds"][0]["error"]) == (made.pk, {"CS4_VOLTAGE_GAIN": 51_000.0}, -4.5)
    assert sam.get(f"/api/v1/calibrations/{made.pk}/").json() == told
    assert len(sam.get("/api/v1/calibrations/", {"target": "current_gain"}).json()) == 1


def test_drift_is_told(sam: APIClient, device: Device) -> None:
    made = calibration_of(device)
    line = sam.get(at(device, "drift/")).json()["settings"]["CS4_VOLTAGE_GAIN"]
    assert [(one["value"], one["change_percent"], one["calibration"]) for one in line] == [
        (50_000.0, 0.0, None),
        (51_000.0, pytest.approx(2.0), made.pk),
    ]


def test_an_earlier_calibration_is_put_back(sam: APIClient, device: Device) -> None:
    made = calibration_of(device)
    assert sam.post(f"/api/v1/calibrations/{made.pk}/restore/").status_code == 202
    assert Job.objects.get().asked == {"target": "restored", "calibration": made.pk}
    none = calibration_of(device, after={})
    answer = sam.post(f"/api/v1/calibrations/{none.pk}/restore/")
    assert (answer.status_code, "left no gains" in answer.json()["detail"][0]) == (400, True)


# --- Factory configurations -------------------------------------------------------------------------------------
def test_a_copy_is_asked_for(sam: APIClient, device: Device) -> None:
    answer = post(sam, device, "back-up-factory-config")
    assert (answer.status_code, answer.json()["kind"]) == (202, "backup")


def test_copies_are_listed_and_downloaded(sam: APIClient, device: Device) -> None:
    copy = copy_of(device)
    [told] = sam.get("/api/v1/factory-configs/", {"device": device.pk}).json()
    assert (told["id"], told["reason"]) == (copy.pk, "by_hand")
    assert sam.get(f"/api/v1/factory-configs/{copy.pk}/").json()["content"] == copy.content
    file = sam.get(f"/api/v1/factory-configs/{copy.pk}/download/")
    assert file.content.decode() == copy.content
    assert f"factory-{device.assy}-" in file["Content-Disposition"]


def test_copies_are_compared(sam: APIClient, device: Device) -> None:
    first, second = copy_of(device), copy_of(device, CT1_IGAIN=9000, CT2_IGAIN=8000)
    path = f"/api/v1/factory-configs/{first.pk}/compare/"
    assert sam.get(path, {"other": second.pk}).json() == [
        {"key": "CT1_IGAIN", "was": 8000, "now": 9000},
        {"key": "CT2_IGAIN", "was": None, "now": 8000},
    ]
    assert sam.get(path).status_code == 400
    assert sam.get(path, {"other": 4711}).json() == {"other": ["There is no such copy."]}


def test_a_copy_is_put_back(sam: APIClient, device: Device) -> None:
    copy = copy_of(device)
    assert sam.post(f"/api/v1/factory-configs/{copy.pk}/restore/").status_code == 202
    assert Job.objects.get().asked == {"factory_config": copy.pk}


@pytest.mark.parametrize(
    ("values", "why"), [({"CT1_IGAIN": 0}, "hangs"), ({"LINE_FREQ_HZ": 55}, "hangs"), ({"ASSY": "A2"}, "another unit")]
)
def test_a_copy_that_would_destroy_the_unit_is_refused(
    sam: APIClient, device: Device, values: dict[str, Any], why: str
) -> None:
    answer = sam.post(f"/api/v1/factory-configs/{copy_of(device, **values).pk}/restore/")
    assert (answer.status_code, why in answer.json()["detail"][0]) == (400, True)
    assert not Job.objects.exists()


def test_a_copy_that_cannot_be_read_is_said(sam: APIClient, device: Device) -> None:
    copy = FactoryConfig.objects.create(device=device, content="{", sha256="")
    path = f"/api/v1/factory-configs/{copy.pk}/"
    assert sam.get(f"{path}compare/", {"other": copy.pk}).status_code == 502
    assert sam.post(f"{path}restore/").status_code == 502


# --- Who may ----------------------------------------------------------------------------------------------------
def calls(device: Device) -> list[str]:
    return [
        at(device, "calibrate/"),
        at(device, "back-up-factory-config/"),
        f"/api/v1/calibrations/{calibration_of(device).pk}/restore/",
        f"/api/v1/factory-configs/{copy_of(device).pk}/restore/",
    ]


def test_each_call_needs_the_right_to_calibrate(device: Device) -> None:
    client = operator(may=("configure", "operate", "files", "adopt"))
    answers = [client.post(call, VOLTAGE, format="json") for call in calls(device)]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert all("('calibrate')" in answer.json()["detail"] for answer in answers)
    assert not Job.objects.exists()


@pytest.mark.parametrize("scope", ["read", "configure"])
def test_a_token_needs_the_scope_operate(device: Device, scope: str) -> None:
    client = operator(scope=scope)
    assert [client.post(call, VOLTAGE, format="json").status_code for call in calls(device)] == [403] * 4


def test_who_sees_a_unit_reads_what_its_calibrations_did(device: Device) -> None:
    calibration_of(device)
    copy_of(device)
    anna = logged_in(make_user("anna", sees=[device]))
    assert len(anna.get("/api/v1/calibrations/").json()) == len(anna.get("/api/v1/factory-configs/").json()) == 1
    assert anna.get(at(device, "drift/")).status_code == 200
