"""Who did what to which device, and never a password."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser

from devices.audit import HIDDEN, in_the_name_of, note, without_secrets
from devices.models import AuditEntry
from tests.factories import make_device

pytestmark = [pytest.mark.django_db, pytest.mark.engines]


def test_an_entry_tells_who_what_where_before_and_after() -> None:
    user = get_user_model().objects.create_user("ann")
    device = make_device()
    note(user, "adopt", device, before={"adoption": "pending"}, after={"adoption": "adopted"})
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.who_name, entry.device, entry.action) == (user, "ann", device, "adopt")
    assert (entry.before, entry.after) == ({"adoption": "pending"}, {"adoption": "adopted"})


def test_what_the_product_does_by_itself_has_no_name() -> None:
    note(None, "backup")
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.who_name, entry.device, entry.before, entry.after) == (None, "", None, {}, {})


def test_whoever_has_no_login_is_noted_by_the_name_given_for_all_that_is_done_here() -> None:
    user = get_user_model().objects.create_user("ann")
    with in_the_name_of("sam (command line)"):
        assert (note(None, "backup").who, note(None, "backup").who_name) == (None, "sam (command line)")
        assert note(user, "backup").who_name == "ann"
        with in_the_name_of(""):
            assert note(None, "backup").who_name == ""
    assert note(None, "backup").who_name == ""


def test_somebody_without_a_login_is_named_only() -> None:
    assert note(AnonymousUser(), "look").who is None


def test_an_entry_outlives_its_user_and_its_device() -> None:
    user = get_user_model().objects.create_user("ann")
    device = make_device()
    note(user, "adopt", device)
    user.delete()
    device.delete()
    entry = AuditEntry.objects.get()
    assert (entry.who, entry.who_name, entry.device) == (None, "ann", None)


@pytest.mark.parametrize("key", ["MQTT_PASSWORD", "PASSWD", "password", "WIFI_PASSWD", "api_token", "SECRET_KEY"])
def test_the_value_of_a_password_is_hidden_at_every_depth(key: str) -> None:
    values = {key: "hunter2", "WIFI": {key: "hunter2", "SSID": "Home"}, "units": [{key: "hunter2"}]}
    shown = without_secrets(values)
    assert "hunter2" not in str(shown)
    assert shown["WIFI"] == {key: HIDDEN, "SSID": "Home"}
    assert shown["units"] == [{key: HIDDEN}]


def test_that_there_is_no_password_may_be_seen() -> None:
    assert without_secrets({"MQTT_PASSWORD": ""}) == {"MQTT_PASSWORD": ""}


def test_moments_and_decimals_are_kept_as_texts() -> None:
    note(None, "scale", after={"scale": Decimal("1.5"), "at": datetime(2026, 11, 22, tzinfo=UTC), "on": True})
    assert AuditEntry.objects.get().after == {"scale": "1.5", "at": "2026-11-22 00:00:00+00:00", "on": True}
