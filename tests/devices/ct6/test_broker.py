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
    broker = broker_from("mqtt://host/$share/ours/ct6/#, annex/+/ct6,annex/+/ct6")
    assert broker.topics == ("$share/ours/ct6/#", "annex/+/ct6")
    assert broker.shared
    assert not broker_from("mqtt://host/ct6,annex").shared


@pytest.mark.parametrize(
    "host", ["mqtt", "my_broker.local", "host.", "bücher.example", "[::1]", "[fe80::1%eth0]", "10.0.0.1"]
)
def test_names_and_addresses_that_can_be_are_taken(host: str) -> None:
    assert broker_from(f"mqtt://{host}/ct6").address == host.strip("[]")


def test_signs_with_a_meaning_are_written_with_a_percent_sign() -> None:
    broker = broker_from("mqtt://me%2Fhere:p%40%23%25@host/ct6%2C1")
    assert (broker.username, broker.password, broker.topics) == ("me/here", "p@#%", ("ct6,1",))


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
        ("mqtt://ho st/ct6", "names the host 'ho st', which is neither a name nor an address"),
        ("mqtt://<host>/ct6", "names the host '<host>', which"),
        ("mqtt://no..name/ct6", "names the host 'no..name', which"),
        ("mqtt://ex%61mple/ct6", "names the host 'ex%61mple', which"),
        ("mqtt://192.168.0.300/ct6", "names the host '192.168.0.300', which"),
        ("mqtt://192.168.0/ct6", "names the host '192.168.0', which"),
        ("mqtt://one,two/ct6", "names the host 'one,two', which"),
        ("mqtt://-host/ct6", "names the host '-host', which"),
        ("mqtt://" + 64 * "x" + "/ct6", "names the host 'xxx"),
        ("mqtt://mqtt://host/ct6", "names no port behind the colon"),
        ("mqtt://host:+1883/ct6", "names no host and port"),
        ("mqtt://host?topic=ct6/ct6", r"has a \? or # before the topic"),
        ("mqtt://me:hid#den@host/ct6", r"has a \? or # before the topic"),
        ("mqtt://me:hid/den@host/ct6", "names no host and port .* write %2F"),
        ("mqtt://me:1/hidden@host/ct6", "has an @ behind the first /: write %2F"),
        ("mqtt://me:hidden%00@host/ct6", "a character that MQTT does not allow"),
        ("mqtt://me:hidden%ff@host/ct6", "has a % that stands for no character"),
        ("mqtt://host/ct6%ff", "has a % that stands for no character"),
        ("mqtt://host/ct6%00", "none that can be subscribed to"),
        ("mqtt://ho\tst/ct6", "holds characters that cannot be seen"),
        ("mqtt://host/ct6\udcff", "holds characters that cannot be seen"),
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
