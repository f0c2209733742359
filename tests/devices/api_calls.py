"""Asking the API in tests about one unit, as somebody who may."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from devices.models import Device
from tests.people import make_user, with_token

ALL = ("configure", "operate", "calibrate", "files", "adopt")


def operator(username: str = "sam", *, scope: str = "operate", may: tuple[str, ...] = ALL) -> APIClient:
    """A program of a staff user who may do this to all units."""
    return with_token(make_user(username, staff=True, may=may), scope)


def at(device: Device, call: str) -> str:
    return f"/api/v1/devices/{device.pk}/{call}"


def post(client: APIClient, device: Device, call: str, **sent: Any) -> Any:
    return client.post(at(device, f"{call}/"), sent, format="json")
