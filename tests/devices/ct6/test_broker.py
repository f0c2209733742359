"""Where units publish to, as an address tells it."""

import pytest

from devices.ct6.broker import Broker, broker_from


def test_an_address_with_everything() -> None:
    broker = broker_from("mqtts://meter:s%40crt@mqtt.example.org:8884/ct6/house")
    assert broker == Broker("mqtt.example.org", 8884, ("ct6/house",), "meter", "s@crt", encrypted=True)


@pytest.mark.parametrize(("scheme", "port", "encrypted"), [("mqtt", 1883, False), ("mqtts", 8883, True)])
def test_without_a_port_it_is_the_usual_one(scheme: str, port: int, *, encrypted: bool) -> None:
    broker = broker_from(f"{scheme}://192.168.0.10/ct6")
    assert (broker.port, broker.encrypted, broker.username) == (port, encrypted, "")


def test_several_topics_and_one_that_is_shared_with_other_collectors() -> None:
    assert broker_from("mqtt://host/$share/ours/ct6/#, annex/+/ct6,annex/+/ct6").topics == (
        "$share/ours/ct6/#",
        "annex/+/ct6",
    )


def test_the_password_is_never_shown() -> None:
    broker = broker_from("mqtt://meter:hidden@host/ct6")
    assert "hidden" not in f"{broker} {broker!r}"
    assert str(broker) == "host:1883, topic ct6"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://host/ct6", "starts neither with mqtt:// nor"),
        ("host/ct6", "starts neither with"),
        ("mqtt:///ct6", "names no host"),
        ("mqtt://me:hidden@host:port/ct6", "names no host and port"),
        ("mqtt://host:99999/ct6", "names no host and port"),
        ("mqtt://[::1/ct6", "names no host and port"),
        ("mqtt://:hidden@host/ct6", "has a password but no user name"),
        ("mqtt://host", "names no topic"),
        ("mqtt://host/,", "names no topic"),
        ("mqtt://host/ct6/#/x", "none that can be subscribed to"),
        ("mqtt://host/ct6+", "none that can be subscribed to"),
        ("mqtt://host/$share/ct6", r"not of the form \$share/group/topic"),
        ("mqtt://host/" + "x" * 2000, "none that can be subscribed to"),
    ],
)
def test_an_address_that_cannot_be_used_says_why_without_its_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        broker_from(url)
    assert "hidden" not in str(refused.value)
