"""An archive of the test's own, and a device with an hour of readings that is due for it."""

from pathlib import Path

import pytest
from pytest_django import Settings

from devices.models import Device
from tests.factories import make_device


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    folder = tmp_path / "archive"
    settings.CT6_ARCHIVE = str(folder)
    return folder


@pytest.fixture
def device() -> Device:
    return make_device(ports=["Grid", "Solar"])
