"""Alert channels and alerts in the admin: addresses stay secret, and a test message tells what became of it."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from ct6site.models import Alert, AlertChannel, User
from tests.ct6site.receivers import mail_receiver, web_receiver
from tests.servers import free_port

pytestmark = pytest.mark.django_db

CHANNELS = "/admin/ct6site/alertchannel/"
ALERTS = "/admin/ct6site/alert/"


@pytest.fixture
def boss(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("boss"))
    return client


def said(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def values(**changed: str) -> dict[str, str]:
    return {"name": "Anna", "address": "", "enabled": "on", "about_units": "on", "about_parts": "on", **changed}


def made(address: str) -> AlertChannel:
    channel = AlertChannel(name="Anna")
    channel.address = address
    channel.save()
    return channel


def outcome(boss: Client, channel: AlertChannel, language: str = "en") -> str:
    pressed = values(ct6site_alertchannel_send_test_message="1")
    page = f"{CHANNELS}{channel.pk}/change/"
    return said(boss.post(page, pressed, follow=True, headers={"Accept-Language": language}))


# --- Addresses --------------------------------------------------------------------------------------------------
def test_an_address_is_stored_encrypted_and_never_shown(boss: Client) -> None:
    boss.post(f"{CHANNELS}add/", values(address="ntfys://ntfy.example.org/secret-topic"))
    channel = AlertChannel.objects.get()
    assert channel.address == "ntfys://ntfy.example.org/secret-topic"
    assert "secret-topic" not in channel.secret
    for page in (CHANNELS, f"{CHANNELS}{channel.pk}/change/", f"{CHANNELS}{channel.pk}/history/"):
        text = boss.get(page).content.decode()
        assert "Anna" in text
        assert "secret-topic" not in text
        assert channel.secret not in text


def test_an_address_that_is_left_empty_stays(boss: Client) -> None:
    channel = made("ntfys://ntfy.example.org/topic")
    boss.post(f"{CHANNELS}{channel.pk}/change/", values(name="Anna's phone"))
    channel.refresh_from_db()
    assert (channel.name, channel.address) == ("Anna's phone", "ntfys://ntfy.example.org/topic")


@pytest.mark.parametrize(
    ("address", "says"),
    [("", "Without an address nothing can be sent."), ("nonsense", "Nothing can be sent to this address")],
)
def test_a_channel_without_a_usable_address_is_not_made(boss: Client, address: str, says: str) -> None:
    page = boss.post(f"{CHANNELS}add/", values(address=address)).content.decode()
    assert says in page
    assert not AlertChannel.objects.exists()


# --- The test message -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", ["webhook", "ntfy"])
def test_a_test_message_arrives(boss: Client, kind: str) -> None:
    with web_receiver() as web:
        channel = made(getattr(web, kind))
        assert "was taken by Anna" in outcome(boss, channel)
    assert web.titles == ["CT6: a test message"]
    channel.refresh_from_db()
    assert channel.last_success is not None


def test_a_test_message_arrives_by_e_mail(boss: Client) -> None:
    with mail_receiver() as mails:
        assert "was taken by Anna" in outcome(boss, made(mails.address))
    assert mails.received[0]["Subject"] == "CT6: a test message"


def test_an_address_is_changed_and_tested_in_one_go(boss: Client) -> None:
    channel = made(f"json://127.0.0.1:{free_port()}/")
    with web_receiver() as web:
        boss.post(
            f"{CHANNELS}{channel.pk}/change/", values(address=web.webhook, ct6site_alertchannel_send_test_message="1")
        )
    assert web.titles == ["CT6: a test message"]


def test_a_channel_that_is_not_there_is_unreachable(boss: Client) -> None:
    channel = made(f"json://127.0.0.1:{free_port()}/")
    assert "was not sent by Anna: It could not be reached. (Connection refused)" in outcome(boss, channel)
    channel.refresh_from_db()
    assert channel.last_failure is not None


def test_a_channel_that_refuses_says_so(boss: Client) -> None:
    with web_receiver() as web:
        web.status = 403
        assert "It was reached, but refused the message. (HTTP 403)" in outcome(boss, made(web.ntfy))


def test_a_stored_address_that_leads_nowhere_is_told(boss: Client) -> None:
    assert "Nothing can be sent to this address" in outcome(boss, made("nonsense"))


def test_an_address_that_cannot_be_read_any_more_is_told(boss: Client) -> None:
    channel = made("json://127.0.0.1/")
    AlertChannel.objects.update(secret="encrypted with another key")
    assert "The address cannot be read any more" in outcome(boss, channel)


def test_the_outcome_is_told_in_the_language_of_who_asks(boss: Client) -> None:
    assert "Nicht erreichbar." in outcome(boss, made(f"json://127.0.0.1:{free_port()}/"), "de")


# --- Who sees what ----------------------------------------------------------------------------------------------
def test_only_who_may_sees_channels(client: Client) -> None:
    channel = made("json://127.0.0.1/")
    ann = User.objects.create_user("ann", is_staff=True)
    client.force_login(ann)
    for page in (CHANNELS, f"{CHANNELS}{channel.pk}/change/", ALERTS):
        assert client.get(page).status_code == 403
    assert CHANNELS not in client.get("/admin/").content.decode()
    ann.user_permissions.add(Permission.objects.get(codename="view_alertchannel"))
    assert client.get(CHANNELS).status_code == 200


def test_who_may_only_look_at_a_channel_cannot_test_it(client: Client) -> None:
    ann = User.objects.create_user("ann", is_staff=True)
    ann.user_permissions.add(Permission.objects.get(codename="view_alertchannel"))
    client.force_login(ann)
    with web_receiver() as web:
        page = f"{CHANNELS}{made(web.webhook).pk}/change/"
        assert "Send a test message" not in client.get(page).content.decode()
        assert client.post(page, values(ct6site_alertchannel_send_test_message="1")).status_code == 403
    assert web.titles == []


def test_alerts_are_listed_and_cannot_be_changed(boss: Client) -> None:
    now = timezone.now()
    alert = Alert.objects.create(part="collector", since=now, opened=now)
    assert "collector" in boss.get(ALERTS).content.decode()
    assert boss.get(f"{ALERTS}add/").status_code == 403
    assert boss.post(f"{ALERTS}{alert.pk}/delete/", {"post": "yes"}).status_code == 403


def test_a_trouble_is_listed_by_what_it_is_about_and_what_was_said_of_it(boss: Client) -> None:
    now = timezone.now()
    Alert.objects.create(part="answers-given-up", words="The collector gave up 1,204 answers.", since=now, opened=now)
    page = boss.get(ALERTS).content.decode()
    assert "answers given up" in page
    assert "The collector gave up 1,204 answers." in page
    assert "verworfene Antworten" in boss.get(ALERTS, headers={"Accept-Language": "de"}).content.decode()
