"""The files on a unit over the REST API."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from devices.api_files import MAX_UPLOAD_BYTES
from devices.ct6.simulator.faults import HttpFault, HttpFaultKind
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import Device
from tests.devices.api_calls import at, operator, post
from tests.devices.units import closed_port, device_of
from tests.factories import make_device

pytestmark = pytest.mark.django_db


@pytest.fixture
def sam() -> APIClient:
    return operator()


@pytest.fixture
def device(unit: SimulatedUnit) -> Device:
    return device_of(unit)


def upload(
    client: APIClient, device: Device, folder: str = "/", name: str = "a.txt", content: bytes = b"fuse 3", **more: Any
) -> Any:
    sent = {"folder": folder, "file": SimpleUploadedFile(name, content), **more}
    return client.post(at(device, "files/"), sent, format="multipart")


def delete(client: APIClient, device: Device, call: str, path: str) -> Any:
    return client.delete(at(device, f"{call}/"), query_params={"path": path})


def test_files_are_listed(sam: APIClient, device: Device) -> None:
    told = sam.get(at(device, "files/")).json()
    entries = {one["path"]: one for one in told["entries"]}
    assert told["active_folder"] == "/app1"
    assert entries["/app1"] == {"path": "/app1", "folder": True, "protected": True}
    assert not entries["/app1/app.mpy"]["folder"]


@pytest.mark.parametrize("scope", ["read", "configure"])
def test_reading_needs_the_scope_operate_too_since_it_talks_to_the_unit(device: Device, scope: str) -> None:
    reader = operator(scope=scope)
    for call in ("files/", "files/text/", "files/download/"):
        assert reader.get(at(device, call), {"path": "/factory.cfg"}).status_code == 403


def test_a_file_is_sent_read_downloaded_and_removed(sam: APIClient, device: Device, unit: SimulatedUnit) -> None:
    assert post(sam, device, "folders", path="/notes").json() == {"path": "/notes"}
    sent = upload(sam, device, "/notes")
    assert (sent.status_code, sent.json()) == (201, {"path": "/notes/a.txt"})
    asked = {"path": "/notes/a.txt"}
    assert sam.get(at(device, "files/text/"), asked).json() == {**asked, "text": "fuse 3"}
    file = sam.get(at(device, "files/download/"), asked)
    assert (file.content, file["Content-Disposition"]) == (b"fuse 3", 'attachment; filename="a.txt"')
    assert upload(sam, device, "/notes").status_code == 400
    assert upload(sam, device, "/notes", replace="true").status_code == 201
    assert delete(sam, device, "files", "/notes/a.txt").status_code == 204
    assert delete(sam, device, "folders", "/notes").status_code == 204
    assert not [path for path in unit.flash.files if path.startswith("/notes")]


@pytest.mark.parametrize(
    ("call", "path"),
    [
        ("files", "/this.machine.cfg"),
        ("files", "/factory.cfg"),
        ("files", "/main.py"),
        ("files", "/app1/app.mpy"),
        ("files", "/app2/../main.py"),
        ("files", "/a b"),
        ("files", "/a,file=/main.py"),
        ("folders", "/app1/lib"),
        ("folders", "/"),
    ],
)
def test_what_the_unit_needs_is_not_removed(
    sam: APIClient, device: Device, unit: SimulatedUnit, call: str, path: str
) -> None:
    before = dict(unit.flash.files)
    answer = delete(sam, device, call, path)
    assert (answer.status_code, list(answer.json())) == (400, ["path"])
    assert unit.flash.files == before


@pytest.mark.parametrize(
    ("folder", "name"),
    [("/", "this.machine.cfg"), ("/", "main.py"), ("/", "factory.cfg"), ("/app1", "app.mpy"), ("/app2", "app.mpy")],
)
def test_what_it_starts_with_is_not_overwritten(
    sam: APIClient, device: Device, unit: SimulatedUnit, folder: str, name: str
) -> None:
    before = dict(unit.flash.files)
    assert upload(sam, device, folder, name, replace="true").status_code == 400
    assert unit.flash.files == before


def test_a_file_larger_than_the_flash_is_not_sent(sam: APIClient, device: Device, unit: SimulatedUnit) -> None:
    answer = upload(sam, device, content=bytes(MAX_UPLOAD_BYTES + 1))
    assert (answer.status_code, list(answer.json())) == (400, ["file"])
    assert not unit.requests


def test_half_a_file_is_said(sam: APIClient, device: Device, unit: SimulatedUnit) -> None:
    unit.faults.http.append(HttpFault(HttpFaultKind.WRONG_HASH, "FILE"))
    answer = upload(sam, device)
    assert (answer.status_code, "did not arrive whole" in answer.json()["detail"]) == (502, True)


def test_a_unit_that_is_away_is_said(sam: APIClient) -> None:
    device = make_device(address="127.0.0.1", http_port=closed_port())
    assert sam.get(at(device, "files/")).status_code == 502


def test_each_call_needs_the_right_to_files_reading_too(device: Device, unit: SimulatedUnit) -> None:
    client = operator(may=("configure", "operate", "calibrate", "adopt"))
    asked = {"path": "/a.txt"}
    answers = [
        client.get(at(device, "files/")),
        client.get(at(device, "files/text/"), asked),
        client.get(at(device, "files/download/"), asked),
        upload(client, device),
        delete(client, device, "files", "/a.txt"),
        post(client, device, "folders", **asked),
        delete(client, device, "folders", "/a"),
    ]
    assert [answer.status_code for answer in answers] == [403] * 7
    assert not unit.requests


@pytest.mark.parametrize("scope", ["read", "configure"])
def test_to_change_files_a_token_needs_the_scope_operate(device: Device, unit: SimulatedUnit, scope: str) -> None:
    client = operator(scope=scope)
    answers = [upload(client, device), delete(client, device, "files", "/a.txt"), post(client, device, "folders")]
    assert [answer.status_code for answer in answers] == [403] * 3
    assert not unit.requests
