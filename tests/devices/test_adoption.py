"""Whether a unit is stored is decided by people, and what speaks against it is said."""

import pytest

from devices.adoption import adopt, doubts, ignore
from devices.ct6.protocol import DEFAULT_ASSY
from devices.models import AuditEntry
from tests.factories import make_device
from tests.people import make_user

pytestmark = pytest.mark.django_db


def test_a_pending_unit_is_adopted_once() -> None:
    device = make_device(adoption="pending")
    assert adopt(device, None) is True
    assert adopt(device, None) is False
    device.refresh_from_db()
    assert device.adoption == "adopted"


def test_an_adopted_unit_can_be_ignored_and_adopted_again() -> None:
    device = make_device()
    assert ignore(device, None) is True
    device.refresh_from_db()
    assert device.adoption == "ignored"
    assert adopt(device, None) is True


def test_who_decided_is_recorded_with_before_and_after() -> None:
    anna = make_user("anna", staff=True)
    device = make_device(adoption="pending")
    adopt(device, anna)
    adopt(device, anna)  # no change, no entry
    ignore(device, None)
    entries = AuditEntry.objects.order_by("pk").values_list("who_name", "action", "device", "before", "after")
    assert list(entries) == [
        ("anna", "adopt", device.pk, {"adoption": "pending"}, {"adoption": "adopted"}),
        ("", "ignore", device.pk, {"adoption": "adopted"}, {"adoption": "ignored"}),
    ]


def test_deciding_writes_nothing_else_of_the_row() -> None:
    device = make_device(name="Garage", adoption="pending")
    device.name = "stale"
    adopt(device, None)
    device.refresh_from_db()
    assert device.name == "Garage"


def test_an_ordinary_unit_leaves_no_doubt() -> None:
    assert doubts(make_device()) == []


def test_two_addresses_with_one_label_are_both_named_with_what_to_do() -> None:
    [doubt] = doubts(make_device(claimed_from="127.0.0.9"))
    assert "127.0.0.2" in doubt
    assert "127.0.0.9" in doubt
    assert "switch the other one off" in doubt


def test_the_factory_label_is_no_identity() -> None:
    [doubt] = doubts(make_device(DEFAULT_ASSY))
    assert "every uncalibrated board carries" in doubt
