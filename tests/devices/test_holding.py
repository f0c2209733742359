"""One at a time talks to a unit's web server, and one who died is overruled."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest
from django.db import connection

from devices.ct6.errors import UnitUnreachable, WrongUnit
from devices.holding import LONGEST_HOLD, UnitBusy, alone, client_of
from devices.models import Device
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


@pytest.fixture
def device() -> Device:
    return make_device()


def held_until(device: Device) -> datetime | None:
    return Device.objects.values_list("held_until", flat=True).get(pk=device.pk)


def test_who_comes_second_is_told_that_the_unit_is_busy(device: Device) -> None:
    now = datetime.now(UTC)
    with alone(device, now), pytest.raises(UnitBusy, match=device.assy) as busy, alone(device, now):
        pass
    assert busy.value.retryable


def test_a_unit_is_free_again_also_after_an_error(device: Device) -> None:
    with pytest.raises(ZeroDivisionError), alone(device, datetime.now(UTC)):
        raise ZeroDivisionError
    assert held_until(device) is None


def test_units_do_not_wait_for_each_other(device: Device) -> None:
    other = make_device("ASY0398_V003.300_SN00000002", ports=())
    with alone(device, datetime.now(UTC)), alone(other, datetime.now(UTC)):
        assert held_until(other) is not None


def test_a_holder_that_died_is_overruled(device: Device) -> None:
    now = datetime.now(UTC)
    Device.objects.update(held_until=now + LONGEST_HOLD)
    with pytest.raises(UnitBusy), alone(device, now + LONGEST_HOLD - timedelta(seconds=1)):
        pass
    with alone(device, now + LONGEST_HOLD):
        pass


def test_a_shorter_hold_is_overruled_sooner(device: Device) -> None:
    now = datetime.now(UTC)
    with alone(device, now, at_most=timedelta(seconds=60)):
        assert held_until(device) == now + timedelta(seconds=60)


def test_who_needs_longer_extends(device: Device) -> None:
    now = datetime.now(UTC) - timedelta(minutes=2)
    with alone(device, now) as hold:
        assert hold.extend()
        until = held_until(device)
        assert until is not None
        assert until > now + LONGEST_HOLD
    assert held_until(device) is None


def test_who_was_overruled_neither_extends_nor_frees_it(device: Device) -> None:
    now = datetime.now(UTC)
    with alone(device, now - timedelta(minutes=10)) as late, alone(device, now):
        assert not late.extend()
        late.release()
        assert held_until(device) == now + LONGEST_HOLD


@pytest.mark.django_db(transaction=True)
def test_of_those_that_come_at_the_same_moment_one_gets_it(device: Device) -> None:
    start = Barrier(4)
    finished = Barrier(4)

    def hold(_nth: int) -> bool:
        try:
            start.wait(10)
            try:
                with alone(device, datetime.now(UTC)):
                    finished.wait(20)
                    return True
            except UnitBusy:
                finished.wait(20)
                return False
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as people:
        assert sorted(people.map(hold, range(4))) == [False, False, False, True]
    assert held_until(device) is None


def test_a_unit_whose_address_is_not_known_cannot_be_asked(device: Device) -> None:
    device.address = None
    with pytest.raises(UnitUnreachable, match="not known yet"):
        client_of(device)


def test_a_label_that_two_claim_is_not_asked(device: Device) -> None:
    device.claimed_from = "127.0.0.9"
    with pytest.raises(WrongUnit, match="both claim"):
        client_of(device)


def test_the_client_is_for_this_unit_only(device: Device) -> None:
    device.http_port = 8080
    client = client_of(device)
    assert (client.address, client.port, client.assy) == (device.address, 8080, device.assy)
