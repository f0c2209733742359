"""A device with one port, for whoever asks for it."""

import pytest

from devices.models import Device, Port
from tests.factories import make_device


@pytest.fixture
def device() -> Device:
    return make_device(ports=["Grid"])


@pytest.fixture
def port(device: Device) -> Port:
    return device.ports.get()
