"""The page that finds units: what answers, what a sweep meets, adding one by its address, adopting."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from ct6site.celery import app
from devices import discovery, sweeping
from devices.ct6.protocol import DEFAULT_ASSY
from devices.ct6.simulator.fleet import Fleet
from devices.ct6.simulator.unit import SimulatedUnit
from devices.models import AuditEntry, Device, Sweep
from readings import heartbeats
from tests.devices.admin.asking import address, browser_of, granted, said, text_of
from tests.devices.units import closed_port, device_of
from tests.factories import make_device

pytestmark = pytest.mark.django_db

PAGE = "/admin/devices/sweep/"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "send_task", lambda name, arguments: None)


@pytest.fixture
def anna() -> Client:
    return browser_of("anna", may=["adopt"])


def swept(fleet: Fleet, network: str = "127.0.0.0/29") -> Sweep:
    """A sweep that is over."""
    row = sweeping.ask([network], None, http_port=fleet.units[0].http_port)
    sweeping.run(row.pk)
    row.refresh_from_db()
    return row


def rows_of(page: str) -> list[str]:
    return page.split("<tr>")[1:]


# Who may


def test_who_may_not_decide_about_new_units_is_refused(db: None) -> None:
    device = make_device(adoption="pending")
    sweep = Sweep.objects.create(networks=["127.0.0.1"])
    for client in (browser_of("berta", may=["configure", "operate"]), granted("carla", device, adopt=True)):
        assert client.get(PAGE).status_code == 403
        assert client.get(f"{PAGE}state/").status_code == 403
        for path in ("sweep/", "add/", f"{sweep.pk}/cancel/"):
            assert client.post(PAGE + path, {"others": "127.0.0.1", "http_port": 80}).status_code == 403
    assert not Sweep.objects.exclude(pk=sweep.pk).exists()


def test_the_side_bar_offers_it_to_those_who_may(anna: Client) -> None:
    titles = [item["title"] for group in anna.get(PAGE).context["sidebar_navigation"] for item in group["items"]]
    assert "Find units" in titles
    others = browser_of("berta").get("/admin/").context["sidebar_navigation"]
    assert "Find units" not in [item["title"] for group in others for item in group["items"]]


def test_a_grant_on_one_unit_is_enough_to_adopt_that_one() -> None:
    device, other = make_device("A1", adoption="pending"), make_device("A2", adoption="pending")
    carla = granted("carla", device, adopt=True)
    assert carla.post(f"{PAGE}adopt/{device.pk}/").status_code == 302
    assert carla.post(f"{PAGE}adopt/{other.pk}/").status_code == 403
    assert list(Device.objects.adopted()) == [device]


def test_nothing_is_done_by_looking(anna: Client) -> None:
    device = make_device(adoption="pending")
    for path in ("sweep/", "add/", "1/cancel/", f"adopt/{device.pk}/"):
        assert anna.get(PAGE + path).status_code == 405


def test_who_is_not_logged_in_is_asked_to() -> None:
    assert Client().get(f"{PAGE}state/").status_code == 302


# Heard


def test_what_answers_is_listed_with_what_it_is(anna: Client) -> None:
    now = timezone.now()
    heartbeats.note("collector", timezone.now())
    make_device("A1", name="Newcomer", adoption="pending", last_seen=now)
    known = make_device("A2", name="House", last_seen=now - timedelta(minutes=2), active=False)
    Device.objects.filter(pk=known.pk).update(first_seen=now - timedelta(days=3))
    make_device(DEFAULT_ASSY, name="", adoption="pending", last_seen=now)
    make_device("A4", name="Twin", last_seen=now, claimed_from="127.0.0.9")
    page = text_of(anna.get(PAGE))
    for name, words in {
        "Newcomer": ("new", "pending", ">now<", "Set up", "Adopt</button>"),
        "House": ("known", "inactive", "adopted", "2\xa0minutes ago"),
        DEFAULT_ASSY: ("default label", "Set up"),
        "Twin": ("carries the label of another unit",),
    }.items():
        [row] = [row for row in rows_of(page) if f">{name}<" in row]
        for word in words:
            assert word in row, (name, word)
        assert ("Adopt</button>" in row) == (name == "Newcomer")


def test_what_was_only_asked_over_http_was_not_heard(anna: Client) -> None:
    make_device("A1", name="Cellar", adoption="pending", active=False, told_at=timezone.now())
    assert "Cellar" not in text_of(anna.get(PAGE))


def test_a_silent_collector_is_said(anna: Client) -> None:
    assert "The collector does not run" in text_of(anna.get(PAGE))
    heartbeats.note("collector", timezone.now())
    assert "No unit has answered" in text_of(anna.get(PAGE))


def test_one_press_adopts(anna: Client) -> None:
    device = make_device("A1", name="Newcomer", adoption="pending")
    answer = anna.post(f"{PAGE}adopt/{device.pk}/", follow=True)
    assert said(answer) == ["Newcomer is adopted now."]
    assert AuditEntry.objects.get(action="adopt").who_name == "anna"
    assert said(anna.post(f"{PAGE}adopt/{device.pk}/", follow=True)) == ["That was so already."]


# A sweep


def test_own_networks_are_offered_and_others_typed(anna: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "sweep_networks", lambda: ["10.9.0.0/24", "10.8.0.0/24"])
    assert "10.9.0.0/24" in text_of(anna.get(PAGE))
    anna.post(f"{PAGE}sweep/", {"networks": ["10.9.0.0/24"], "others": "127.0.0.0/30, 127.0.0.9", "http_port": 8080})
    row = Sweep.objects.get()
    assert row.networks == ["10.9.0.0/24", "127.0.0.0/30", "127.0.0.9"]
    assert (row.http_port, str(row.who), row.state) == (8080, "anna", "waiting")


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("", "Choose a network, or type one."),
        ("8.8.8.0/24", "local"),
        ("127.0.0.0/8", "at most"),
        ("kitchen", "kitchen"),
    ],
)
def test_what_cannot_be_swept_is_said_at_the_form(anna: Client, typed: str, why: str) -> None:
    answer = anna.post(f"{PAGE}sweep/", {"others": typed, "http_port": 80})
    assert answer.status_code == 200
    assert why in text_of(answer)
    assert not Sweep.objects.exists()


def test_progress_comes_as_json_every_second(anna: Client) -> None:
    units = [
        {
            "assy": "A9",
            "address": "127.0.0.2",
            "http_port": 8080,
            "name": "Attic",
            "active": False,
            "firmware_version": "3.1",
            "product": "CT6",
            "marks": ["new", "inactive"],
            "device_id": None,
            "known_address": None,
            "adoption": None,
        }
    ]
    found: dict[str, Any] = {"units": units, "nobody": 3, "others": 1, "unreadable": [], "busy": [], "not_asked": 0}
    row = Sweep.objects.create(networks=["127.0.0.0/29"], state="running", total=8, asked=4, found=found)
    told = anna.get(f"{PAGE}state/").json()
    part = told["parts"]["part-sweep"]
    assert not told["over"]
    for words in (
        "4 of 8 addresses asked",
        "width: 50%",
        "Attic",
        "inactive",
        "Set up",
        "Nobody at 3 addresses",
        "Stop",
    ):
        assert words in part
    sweeping.cancel(row, who=None)
    part = anna.get(f"{PAGE}state/").json()["parts"]["part-sweep"]
    assert "cancelled" in part
    assert "Stop</button>" not in part


def test_a_sweep_is_stopped(anna: Client) -> None:
    row = Sweep.objects.create(networks=["127.0.0.0/29"], state="running", running=True, total=8)
    anna.post(f"{PAGE}{row.pk}/cancel/")
    row.refresh_from_db()
    assert row.state == "cancelled"
    assert said(anna.post(f"{PAGE}{row.pk}/cancel/", follow=True)) == ["It was over already."]


def test_found_units_are_added_and_set_up_from_the_list(anna: Client, fleet: Fleet, settings: Settings) -> None:
    settings.CT6_ADOPT = "ask"
    swept(fleet)
    unit = fleet.units[0]
    assert f'value="{unit.address}:{unit.http_port}"' in text_of(anna.get(PAGE))
    answer = anna.post(f"{PAGE}add/", {"at": f"{unit.address}:{unit.http_port}"})
    device = Device.objects.get(assy=unit.assy)
    assert answer["Location"] == address("device_set_up", device.pk)
    page = text_of(anna.get(PAGE))
    assert "known" in page
    assert f'value="{unit.address}:{unit.http_port}"' not in page


def test_a_unit_with_a_new_address_is_taken_over(anna: Client, fleet: Fleet) -> None:
    unit = fleet.units[0]
    device = device_of(unit, name="House", address="127.0.0.77")
    swept(fleet)
    page = text_of(anna.get(PAGE))
    assert "Take the new address" in page
    assert "was at 127.0.0.77" in page
    answer = anna.post(f"{PAGE}add/", {"at": f"{unit.address}:{unit.http_port}"}, follow=True)
    assert said(answer) == [f"House is here already, and is asked at {unit.address} from now on."]
    device.refresh_from_db()
    assert device.address == unit.address


# By its address


def test_a_unit_that_is_adopted_at_once_is_set_up_only_by_who_may_configure_it(
    anna: Client, unit: SimulatedUnit, settings: Settings
) -> None:
    settings.CT6_ADOPT = "all"
    answer = anna.post(f"{PAGE}add/", {"address": unit.address, "http_port": unit.http_port}, follow=True)
    assert "is new here, and adopted." in said(answer)[0]
    assert answer.request["PATH_INFO"] == PAGE
    Device.objects.all().delete()
    carla = browser_of("carla", may=["adopt", "configure"])
    answer = carla.post(f"{PAGE}add/", {"address": unit.address, "http_port": unit.http_port})
    assert answer["Location"] == address("device_set_up", Device.objects.get().pk)


def test_a_silent_unit_is_added_by_its_address(anna: Client, unit: SimulatedUnit, settings: Settings) -> None:
    settings.CT6_ADOPT = "ask"
    unit.set({"ACTIVE": "0"})
    answer = anna.post(f"{PAGE}add/", {"address": unit.address, "http_port": unit.http_port})
    device = Device.objects.get()
    assert (device.assy, device.active) == (unit.assy, False)
    assert answer["Location"] == address("device_set_up", device.pk)


def test_nobody_at_the_address_is_said_at_the_field(anna: Client) -> None:
    page = text_of(anna.post(f"{PAGE}add/", {"address": "127.0.0.1", "http_port": closed_port()}))
    assert "No connection to 127.0.0.1" in page
    assert "is no IPv4 address" in text_of(anna.post(f"{PAGE}add/", {"address": "attic", "http_port": 80}))
    assert not Device.objects.exists()
