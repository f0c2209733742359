"""Values that put a real unit out of action, and that must never leave this machine."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ct6.errors import DestructiveValue, NameTooLong
from devices.ct6.settings import SETTABLE_KEYS, refuse_destructive
from tests.devices.ct6.captured import captured_json

# What was sent to the real unit for each entry of destructive.json that is about a value, and our reason.
SENT = {
    "name_nan": ({"CT1_NAME": "nan"}, "WiFi set-up lost"),
    "name_inf": ({"CT1_NAME": "inf"}, "WiFi set-up lost"),
    "name_1e99": ({"YDEV_UNIT_NAME": "1e99"}, "WiFi set-up lost"),
    "unit_name_numeric": ({"YDEV_UNIT_NAME": "12"}, "a number instead of the text"),
    "line_freq_55": ({"LINE_FREQ_HZ": "55"}, "hangs"),
    "voltage_gain_0": ({"CS4_VOLTAGE_GAIN": "0"}, "hangs"),
    "voltage_gain_1": ({"CS4_VOLTAGE_GAIN": "1"}, "nonsense"),
    "gain_text": ({"CT1_IGAIN": "abc"}, "hangs"),
    "gain_above_16_bit": ({"CT1_IGAIN": "70000"}, "nonsense"),
    "pf_threshold_text": ({"PF_WATTS_THRESHOLD": "abc"}, "restarts for ever"),
    "mqtt_port_text": ({"MQTT_SERVER_PORT": "abc"}, "crashes at every start"),
    "mqtt_port_empty": ({"MQTT_SERVER_PORT": ""}, "crashes at every start"),
    "mqtt_period_text": ({"MQTT_TX_PERIOD_MS": "x"}, "waits for this time"),
    "mqtt_numeric_topic": ({"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_TOPIC": "12"}, "never works"),
    "mqtt_numeric_password": ({"MQTT_USERNAME": "u", "MQTT_PASSWORD": "1234"}, "never works"),
}
# The unit lived through these; the values are what a user may well mean.
SURVIVED = {
    "mqtt_refused": {"MQTT_SERVER_ADDRESS": "127.0.0.1", "MQTT_SERVER_PORT": "9", "MQTT_TOPIC": "t"},
    "mqtt_bad_hostname": {"MQTT_SERVER_ADDRESS": "no.such.host.invalid", "MQTT_TOPIC": "t"},
}
# Commands, files and connections: the client's business, not that of values.
NO_VALUES = {
    "swap_to_empty_app2",
    "broken_mpy_in_app2",
    "defaults_and_reboot",
    "reset_wifi_and_reboot",
    "corrupt_machine_cfg",
    "corrupt_machine_cfg_plug",
    "early_close",
    "fill_disk",
}


def test_no_captured_disaster_is_forgotten() -> None:
    assert captured_json("destructive").keys() == SENT.keys() | SURVIVED.keys() | NO_VALUES


@pytest.mark.parametrize("entry", SENT)
def test_a_captured_disaster_is_refused_with_its_reason(entry: str) -> None:
    settings, reason = SENT[entry]
    with pytest.raises(DestructiveValue, match=reason) as refusal:
        refuse_destructive(settings)
    assert refusal.value.key in settings
    assert not refusal.value.retryable
    assert "Nothing was sent" in str(refusal.value)


@pytest.mark.parametrize("entry", SURVIVED)
def test_what_the_unit_lived_through_is_allowed(entry: str) -> None:
    refuse_destructive(SURVIVED[entry])


@pytest.mark.parametrize("key", sorted(SETTABLE_KEYS))
@pytest.mark.parametrize(
    "value",
    [
        "nan", "NaN", "-nan", "inf", "INF", "+inf", "-Inf", "infinity", "Infinity", "iNfInItY",
        "1e99", "1E99", "-1e99", "1e31", "9" * 39, "1_0e9_9", "0e99", "e99", ".1e99", "1e+99", "i_nf",
        "1e99999999999999999999",
    ],
)  # fmt: skip
def test_what_becomes_a_number_that_is_not_finite_is_refused_in_every_key(key: str, value: str) -> None:
    with pytest.raises(DestructiveValue, match="not finite"):
        refuse_destructive({key: value})


@pytest.mark.parametrize(
    "value", ["a b", "a,b", "a?b", "a&b", "a=b", "a\nb", "a\r\nb", "a\x00", "\x7f", "Küche", "'", '"']
)
@pytest.mark.parametrize("key", ["CT1_NAME", "MQTT_TOPIC", "MQTT_SERVER_ADDRESS", "PF_WATTS_THRESHOLD"])
def test_what_the_unit_would_cut_drop_or_garble_is_refused(key: str, value: str) -> None:
    with pytest.raises(DestructiveValue, match="cannot take"):
        refuse_destructive({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("MQTT_SERVER_PORT", "0"),
        ("MQTT_SERVER_PORT", "65536"),
        ("MQTT_SERVER_PORT", "1883.5"),
        ("MQTT_SERVER_PORT", "-1"),
        ("MQTT_SERVER_PORT", "1e3"),
        ("MQTT_SERVER_PORT", "1_883"),
        ("PF_WATTS_THRESHOLD", ""),
        ("PF_WATTS_THRESHOLD", "-5"),
        ("PF_WATTS_THRESHOLD", "5W"),
        ("ZERO_POWER_GATE_WATTS", ""),
        ("ZERO_POWER_GATE_WATTS", "low"),
        ("MQTT_TX_PERIOD_MS", ""),
        ("MQTT_TX_PERIOD_MS", "199"),
        ("MQTT_TX_PERIOD_MS", "0"),
        ("CT6_IGAIN", "999"),
        ("CT6_IGAIN", "64536"),
        ("CT6_IGAIN", "5000.5"),
        ("CT6_IGAIN", ""),
        ("CS0_VOLTAGE_GAIN", "999"),
        ("CS4_VOLTAGE_GAIN", "64536"),
        ("CT3_IOFFSET", "-1"),
        ("CT3_IOFFSET", "65536"),
        ("CS0_VOLTAGE_OFFSET", "x"),
        ("CS4_VOLTAGE_OFFSET", ""),
        ("LINE_FREQ_HZ", "0"),
        ("LINE_FREQ_HZ", "50.5"),
        ("LINE_FREQ_HZ", ""),
        ("ACTIVE", "2"),
        ("ACTIVE", "False"),
        ("ACTIVE", ""),
        ("CT2_TYPE", ""),
        ("CT2_TYPE", "100"),
    ],
)
def test_a_setting_outside_its_range_is_refused(key: str, value: str) -> None:
    with pytest.raises(DestructiveValue, match=f"{key}.*must|{key}.*would be read as a number"):
        refuse_destructive({key: value})


@pytest.mark.parametrize("value", ["2", "007", "3.70", "2_0", "1e3", "_", "E1", ".", "-0", "+5."])
@pytest.mark.parametrize(
    "key",
    [
        "YDEV_UNIT_NAME",
        "YDEV_GROUP_NAME",
        "CT1_NAME",
        "MQTT_TOPIC",
        "MQTT_USERNAME",
        "MQTT_PASSWORD",
        "MQTT_SERVER_ADDRESS",
    ],
)
def test_a_text_that_would_become_a_number_is_refused(key: str, value: str) -> None:
    with pytest.raises(DestructiveValue, match="read as a number"):
        refuse_destructive({key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("YDEV_UNIT_NAME", "Garage"),
        ("YDEV_UNIT_NAME", ""),
        ("CT1_NAME", "%6Ean"),
        ("CT1_NAME", "Solar+PV"),
        ("CT6_NAME", "Solar%20PV"),
        ("CT6_NAME", "-"),
        ("CT2_TYPE", "SCT013_100A"),
        ("ACTIVE", "0"),
        ("ACTIVE", "1"),
        ("ACTIVE", "1.0"),
        ("LINE_FREQ_HZ", "60"),
        ("PF_WATTS_THRESHOLD", "0.5"),
        ("CT1_IGAIN", "1000"),
        ("CT1_IGAIN", "64535"),
        ("CT1_IOFFSET", "0"),
        ("CT1_IOFFSET", "65535"),
        ("CS0_VOLTAGE_GAIN", "50000.0"),
        ("MQTT_SERVER_ADDRESS", "192.168.1.7"),
        ("MQTT_SERVER_ADDRESS", ""),
        ("MQTT_SERVER_PORT", "1883"),
        ("MQTT_TOPIC", "house/meter"),
        ("MQTT_USERNAME", ""),
        ("MQTT_PASSWORD", "pa$$w0rd!"),
        ("MQTT_TX_PERIOD_MS", "200"),
    ],
)
def test_what_a_user_means_is_allowed(key: str, value: str) -> None:
    refuse_destructive({key: value})


def test_the_label_is_never_set() -> None:
    with pytest.raises(DestructiveValue, match="identity"):
        refuse_destructive({"ASSY": "ASY0398_V003.300_SN00001846"})


@pytest.mark.parametrize(
    "key", ["FOO", "", "ct1_name", "CT7_NAME", "APP", "YDEV_PRODUCT_ID", "CT1_NAME=x,CT2_NAME", "WIFI"]
)
def test_what_is_no_setting_is_refused(key: str) -> None:
    with pytest.raises(DestructiveValue, match="no setting"):
        refuse_destructive({key: "x"})


def test_one_bad_value_among_good_ones_is_found() -> None:
    with pytest.raises(DestructiveValue) as refusal:
        refuse_destructive({"CT1_NAME": "Solar", "CT2_NAME": "nan", "CT3_NAME": "EV"})
    assert refusal.value.key == "CT2_NAME"


def test_a_name_longer_than_its_limit_is_refused() -> None:
    refuse_destructive({"CT1_NAME": "x" * 192})
    with pytest.raises(NameTooLong, match="192"):
        refuse_destructive({"CT1_NAME": "x" * 193})


def test_a_password_is_not_repeated_in_its_refusal() -> None:
    with pytest.raises(DestructiveValue) as refusal:
        refuse_destructive({"MQTT_PASSWORD": "123456"})
    assert "123456" not in str(refusal.value)


def test_a_refusal_names_the_unit_and_survives_pickling() -> None:
    with pytest.raises(DestructiveValue) as refusal:
        refuse_destructive({"CT1_NAME": "nan"})
    named = refusal.value.for_unit("ASY0398_V003.300_SN00001801")
    assert str(named).startswith("ASY0398_V003.300_SN00001801: CT1_NAME 'nan'")
    copy = pickle.loads(pickle.dumps(named))
    assert (type(copy), str(copy), copy.key) == (DestructiveValue, str(named), "CT1_NAME")


def test_a_refusal_can_be_said_in_another_language() -> None:
    with pytest.raises(DestructiveValue) as refusal:
        refuse_destructive({"LINE_FREQ_HZ": "55"})
    error = refusal.value
    assert error.values == {"key": "LINE_FREQ_HZ", "value": "'55'", "low": "50", "high": "60"}
    assert error.template % error.values == error.message


@given(key=st.sampled_from(sorted(SETTABLE_KEYS)), value=st.text(st.characters(max_codepoint=127)))
def test_what_passes_is_carried_whole_and_is_finite(key: str, value: str) -> None:
    try:
        refuse_destructive({key: value})
    except DestructiveValue:
        return
    assert not set(value) & set(" ,?&='\"")
    assert value.isprintable()
    try:
        number = float(value.replace("_", ""))
    except ValueError:
        return
    assert abs(number) < 1e31
