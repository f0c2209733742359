"""Bad measurements in the admin: looked at, marked, let count again."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from ct6site.models import User
from devices.models import AuditEntry, Device
from readings.models import BadSpan
from readings.periods import HOUR_MS, MINUTE_MS, parse_time
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.factories import make_device
from tests.readings.bulk import steady, store

pytestmark = pytest.mark.django_db

NOON = parse_time("2026-03-10T12:00:00+00:00")


@pytest.fixture
def device() -> Device:
    device = make_device(name="House", ports=["Grid", ""], timezone="Europe/Berlin")
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, -10_000, 20_000))
    return device


@pytest.fixture
def staff() -> Client:
    return browser_of(may=["configure"])


def page_of(device: Device) -> str:
    return address("device_bad_spans", device.pk)


def asked(device: Device, **edited: str) -> dict[str, str]:
    port = str(device.ports.get(number=1).pk)
    return {"port": port, "start": "2026-03-10T13:00", "end": "2026-03-10T13:30", "reason": "Clamp open", **edited}


def mark(client: Client, device: Device, **edited: str) -> Any:
    """Send the form that the preview shows."""
    context = client.get(page_of(device), asked(device, **edited)).context
    reason = context["form"].cleaned_data["reason"]
    sent = {"port": context["port"].pk, "start": context["start"], "end": context["end"], "reason": reason}
    return client.post(page_of(device), sent, follow=True)


def test_before_anything_it_is_told_what_is_left_out(staff: Client, device: Device) -> None:
    looked = staff.get(page_of(device), asked(device))
    assert looked.context["sentence"] == (
        "What CT1 · Grid measured from 2026-03-10 13:00 CET to 2026-03-10 13:30 CET is kept, but counts nowhere: "
        "0.500 kWh of import and 0.000 kWh of export are left out, and the time counts as missing."
    )
    assert "Mark as bad" in text_of(looked)
    assert not BadSpan.objects.exists()


def test_it_is_marked_and_listed(staff: Client, device: Device) -> None:
    answer = mark(staff, device)
    assert said(answer) == [
        "What CT1 · Grid measured from 2026-03-10 13:00 CET to 2026-03-10 13:30 CET is left out now."
    ]
    span = BadSpan.objects.get()
    assert (span.start_ms, span.end_ms, str(span.marked_by)) == (NOON, NOON + 30 * MINUTE_MS, "anna")
    (row,) = answer.context["spans"]
    told = ("port", "start", "end", "reason", "lifted_at")
    assert [row[key] for key in told] == [
        "CT1 · Grid",
        "2026-03-10 13:00 CET",
        "2026-03-10 13:30 CET",
        "Clamp open",
        "",
    ]
    assert AuditEntry.objects.get(action="mark_bad", device=device).who_name == "anna"


def test_it_is_undone_by_a_button(staff: Client, device: Device) -> None:
    mark(staff, device)
    span = BadSpan.objects.get()
    button = address("device_bad_span_lift", device.pk, span.pk)
    assert button in text_of(staff.get(page_of(device)))
    staff.get(button)
    span.refresh_from_db()
    assert span.lifted_at is None, "looking does nothing"
    answer = staff.post(button, follow=True)
    assert said(answer) == ["What CT1 · Grid measured from 2026-03-10 13:00 CET to 2026-03-10 13:30 CET counts again."]
    assert button not in text_of(answer)
    assert "counts again already" in said(staff.post(button, follow=True))[0]
    span.refresh_from_db()
    assert (str(span.lifted_by), span.until_ms) == ("anna", span.start_ms)


def test_the_units_history_says_it_in_words(staff: Client, device: Device) -> None:
    mark(staff, device)
    staff.post(address("device_bad_span_lift", device.pk, BadSpan.objects.get().pk))
    rita = browser_of("rita")
    User.objects.get(username="rita").user_permissions.set(Permission.objects.filter(codename="view_auditentry"))
    page = text_of(rita.get(address("device_change", device.pk)))
    assert "Measurements marked as bad" in page
    assert "Bad measurements count again" in page
    assert "Clamp open" in page


def test_the_units_own_page_leads_there(staff: Client, device: Device) -> None:
    assert page_of(device) in text_of(staff.get(address("device_change", device.pk)))


@pytest.mark.parametrize(
    ("edited", "says"),
    [
        ({"end": "2026-03-10T13:00"}, "the start has to lie before the end"),
        ({"start": "2190-03-10T13:00", "end": "2190-03-10T14:00"}, "is still to come"),
        ({"start": "2026-03-29T02:30"}, "couldn’t be interpreted"),
        ({"start": "soon"}, "Enter a valid date/time."),
        ({"port": "4711"}, "Select a valid choice."),
        ({"reason": " "}, "This field is required."),
        ({"reason": "r" * 201}, "at most 200 characters"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(staff: Client, device: Device, edited: dict[str, str], says: str) -> None:
    for answer in (
        staff.get(page_of(device), asked(device, **edited)),
        staff.post(page_of(device), asked(device, **edited)),
    ):
        assert says in str(answer.context["form"].errors)
        assert "sentence" not in answer.context
    assert not BadSpan.objects.exists()


def test_who_only_looks_changes_nothing(staff: Client, device: Device) -> None:
    mark(staff, device)
    looker = browser_of("berta", may=["operate", "calibrate", "files", "adopt"])
    page = text_of(looker.get(page_of(device), asked(device)))
    assert "Clamp open" in page
    assert "Mark as bad" not in page
    assert "Undo" not in page.replace("Undone", "")
    assert looker.post(page_of(device), asked(device)).status_code == 403
    assert looker.post(address("device_bad_span_lift", device.pk, BadSpan.objects.get().pk)).status_code == 403
    assert BadSpan.objects.filter(lifted_at__isnull=True).count() == 1


def test_a_port_or_span_of_another_unit_does_not_do(staff: Client, device: Device) -> None:
    other = make_device("ASY0398_V003.300_SN00001802", ports=["Barn"])
    answer = staff.post(page_of(other), asked(device))
    assert "Select a valid choice." in str(answer.context["form"].errors)
    mark(staff, device)
    assert staff.post(address("device_bad_span_lift", other.pk, BadSpan.objects.get().pk)).status_code == 404
    assert granted("carl", other, configure=True).post(page_of(device), asked(device)).status_code == 403


def test_a_german_reader_reads_german(staff: Client, device: Device) -> None:
    page = text_of(staff.get(page_of(device), asked(device), headers={"accept-language": "de"}))
    assert "Fehlerhafte Messwerte von House" in page
    assert "0,500 kWh Bezug und 0,000 kWh Einspeisung werden weggelassen" in page
