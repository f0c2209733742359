"""Replacing a broken unit in the admin: chosen, looked at beforehand, confirmed by its name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from devices.configuration import open_wishes
from devices.models import AuditEntry, Device, DeviceGrant, Replacement
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.factories import make_device, store_reading

pytestmark = pytest.mark.django_db

NEW_ASSY = "ASY0398_V003.300_SN00001802"
BROKE = parse_time("2026-03-10T12:20:00+00:00")
SINCE = BROKE + 10 * MINUTE_MS


@pytest.fixture
def old() -> Device:
    device = make_device(name="House", ports=["Grid", "Solar"], timezone="Europe/Berlin")
    DeviceGrant.objects.create(group=Group.objects.create(name="family"), device=device)
    store_reading(device, BROKE - 500, 1000, [100, 200])
    return device


@pytest.fixture
def new() -> Device:
    return make_device(NEW_ASSY, name="", ports=["", "", "Spare"], address="127.0.0.3")


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["adopt"])


def page_of(device: Device) -> str:
    return address("device_replace", device.pk)


def look(staff: Client, old: Device, new: Device, **asked: str) -> Any:
    return staff.get(page_of(old), {"new": str(new.pk), "at": "", **asked})


def confirm(staff: Client, old: Device, looked: Any, typed: str) -> Any:
    """Send the form that the preview shows."""
    context = looked.context
    data = {"new": context["new"].pk, "at": context["at"], "typed_name": typed}
    if context["form"].cleaned_data["forget_earlier"]:
        data["forget_earlier"] = "on"
    return staff.post(page_of(old), data, follow=True)


def test_before_anything_it_is_told_what_moves(staff: Client, old: Device, new: Device) -> None:
    store_reading(new, SINCE, 1000, [300, 400, 500])
    looked = look(staff, old, new)
    assert looked.context["sentences"] == [
        f"House stays, with its ports, settings here and history; from then on its label is {NEW_ASSY}.",
        "What the broken unit measured until 2026-03-10 13:19 CET stays as it is.",
        "What the new unit has measured from 2026-03-10 13:20 CET on is moved here.",
        "2 ports keep their roles, directions and scales: CT1, CT2.",
        "1 port that only the new unit has is added: CT3.",
        "1 group of users goes on seeing it.",
        f"{NEW_ASSY} is no device of its own any more; what was granted on it goes.",
    ]
    assert looked.context["names"] == [("Name", "House"), ("Name of CT1", "Grid"), ("Name of CT2", "Solar")]
    assert "<strong>House</strong>" in text_of(looked)
    assert not Replacement.objects.exists()


def test_the_typed_name_lets_it_take_the_place(staff: Client, old: Device, new: Device) -> None:
    answer = confirm(staff, old, look(staff, old, new), "House")
    assert answer.redirect_chain[-1][0] == address("device_change", old.pk)
    assert f"{NEW_ASSY} has the place of {old.assy} from 2026-03-10 13:20 CET on." in said(answer)[0]
    replacement = Replacement.objects.get()
    assert (replacement.device, replacement.at_ms, str(replacement.who)) == (old, BROKE, "anna")
    former = old.assy
    old.refresh_from_db()
    assert (old.assy, old.address) == (NEW_ASSY, "127.0.0.3")
    assert {key: change.wished for key, change in open_wishes(old).items()} == {
        "YDEV_UNIT_NAME": "House",
        "CT1_NAME": "Grid",
        "CT2_NAME": "Solar",
    }
    assert AuditEntry.objects.get(action="replace", before={"assy": former}).who_name == "anna"
    page = text_of(staff.get(page_of(old)))
    assert former in page
    assert "its measurements are still being moved" in page


def test_no_unit_is_chosen_by_itself(staff: Client, old: Device, new: Device) -> None:
    field = staff.get(page_of(old)).context["form"]["new"]
    assert [str(value) for value, _words in field.field.choices] == ["", str(new.pk)]
    assert not field.value()
    answer = staff.get(page_of(old), {"new": "", "at": ""})
    assert answer.context["form"].errors["new"] == ["This field is required."]
    assert "sentences" not in answer.context


@pytest.mark.parametrize("typed", ["", "house", NEW_ASSY])
def test_any_other_name_does_nothing(staff: Client, old: Device, new: Device, typed: str) -> None:
    answer = confirm(staff, old, look(staff, old, new), typed)
    assert answer.context["confirmed"].errors
    assert answer.context["sentences"], "the preview stays"
    assert not Replacement.objects.exists()


def test_the_moment_is_one_of_the_units_clocks(staff: Client, old: Device, new: Device) -> None:
    confirm(staff, old, look(staff, old, new, at="2026-03-10T13:30"), "House")
    assert Replacement.objects.get().at_ms == SINCE


def test_the_moment_that_was_looked_at_is_the_one_that_is_done(staff: Client, old: Device, new: Device) -> None:
    """Left empty it depends on the newest reading, which may have come meanwhile."""
    looked = look(staff, old, new)
    store_reading(old, BROKE + 30_000, 1000, [100, 200])
    answer = confirm(staff, old, looked, "House")
    assert "no time is measured twice" in str(answer.context["form"].non_field_errors())
    assert not Replacement.objects.exists()


def test_what_would_be_lost_has_to_be_said(staff: Client, old: Device, new: Device) -> None:
    store_reading(new, BROKE - HOUR_MS, 1000, [300, 400, 500])
    refused = look(staff, old, new)
    assert "before that moment: that would be deleted" in str(refused.context["form"].non_field_errors())
    assert "sentences" not in refused.context
    looked = look(staff, old, new, forget_earlier="on")
    assert (
        "What the new unit measured from 2026-03-10 12:20 CET to 2026-03-10 13:20 CET is deleted for good."
        in looked.context["sentences"]
    )
    confirm(staff, old, looked, "House")
    assert Replacement.objects.exists()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"at": "2026-03-10T12:00"}, "no time is measured twice"),
        ({"at": "2190-03-10T12:00"}, "is still to come"),
        ({"at": "soon"}, "Enter a valid date/time."),
        ({"new": "4711"}, "Select a valid choice."),
        ({"new": "x"}, "Select a valid choice."),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    staff: Client, old: Device, new: Device, asked: dict[str, str], says: str
) -> None:
    answer = staff.get(page_of(old), {"new": str(new.pk), "at": "", **asked})
    assert says in str(answer.context["form"].errors)
    assert "sentences" not in answer.context


def test_a_unit_that_still_answers_is_told_to(staff: Client, old: Device, new: Device) -> None:
    assert "This unit still answers." not in text_of(staff.get(page_of(old)))
    Device.objects.filter(pk=old.pk).update(last_seen=datetime.now(UTC))
    assert "This unit still answers." in text_of(staff.get(page_of(old)))


def test_it_cannot_take_its_own_place(staff: Client, old: Device) -> None:
    assert "There is no other unit here" in text_of(staff.get(page_of(old)))
    assert "Select a valid choice." in str(look(staff, old, old).context["form"].errors)


def test_both_units_need_the_right_to_adopt(old: Device, new: Device) -> None:
    stranger = browser_of("berta", may=["configure", "operate", "calibrate", "files"])
    assert stranger.get(page_of(old)).status_code == 403
    assert stranger.post(page_of(old), {"new": new.pk, "typed_name": "House"}).status_code == 403
    of_one = granted("carl", old, adopt=True)
    assert "Select a valid choice." in str(look(of_one, old, new).context["form"].errors)
    assert of_one.get(page_of(new)).status_code == 403
    assert not Replacement.objects.exists()


def test_a_german_reader_reads_german(staff: Client, old: Device, new: Device) -> None:
    page = text_of(staff.get(page_of(old), {"new": str(new.pk), "at": ""}, headers={"accept-language": "de"}))
    assert "House durch ein anderes Gerät ersetzen" in page
    assert "Was das defekte Gerät bis 2026-03-10 13:19 CET gemessen hat, bleibt, wie es ist." in page
