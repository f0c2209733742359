"""What decode_answer makes of the bytes that units, other products and strangers send."""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ct6.errors import AnswerError, NotAnAnswer, OtherProduct
from devices.ct6.protocol import AYT_QUESTION, MAX_PORTS, decode_answer, label_in
from tests.devices.ct6.captured import SAMPLES, captured, captured_json

ORDINARY = captured("ayt_0.json")


def changed(**values: Any) -> bytes:
    """An ordinary answer with some of its keys changed."""
    return json.dumps({**captured_json("ayt_0"), **values}).encode()


def without(*keys: str) -> bytes:
    """An ordinary answer that lacks some of its keys."""
    return json.dumps({k: v for k, v in captured_json("ayt_0").items() if k not in keys}).encode()


def changed_port(**values: Any) -> bytes:
    """An ordinary answer with some values of CT1 changed."""
    return changed(CT1={**captured_json("ayt_0")["CT1"], **values})


def port_without(*keys: str) -> bytes:
    return changed(CT1={k: v for k, v in captured_json("ayt_0")["CT1"].items() if k not in keys})


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("ayt_*.json")), ids=lambda path: path.stem)
def test_every_captured_answer_decodes(path: Any) -> None:
    answer = decode_answer(path.read_bytes())
    assert answer.assy.startswith("ASY0398_V003.300_SN0000180")
    assert [port.number for port in answer.ports] == [1, 2, 3, 4, 5, 6]
    assert answer.implausible == ()
    assert answer.raw == path.read_bytes()


def test_the_question_is_what_the_unit_compares_with() -> None:
    asked = next(one["request"] for one in captured_json("index") if one["name"] == "ayt extra keys")
    assert asked.encode() == AYT_QUESTION[:-1] + b',"X":1}'


def test_unit_values_of_an_ordinary_answer() -> None:
    answer = decode_answer(ORDINARY)
    assert answer.assy == "ASY0398_V003.300_SN00001801"
    assert (answer.name, answer.group_name, answer.address) == ("unit1", "", "127.0.0.2")
    assert (answer.product, answer.device_type, answer.firmware_version) == ("CT6", "6_CHNL_CT_SENSOR", "3.1")
    assert (answer.http_port, answer.active, answer.sent_at_s) == (80, True, 1795329363)
    assert (answer.voltage_v, answer.frequency_hz) == (230.0, 50.0)
    assert (answer.temperature_c, answer.rssi_dbm) == (27.49691, -52.0)


def test_port_values_of_an_ordinary_answer() -> None:
    first = decode_answer(ORDINARY).ports[0]
    assert (first.number, first.name, first.sensor_type) == (1, "", "SCT013_100A")
    assert (first.active_power_w, first.reactive_power_var, first.apparent_power_va) == (1092.4999, 359.08736, 1150.0)
    assert (first.power_factor, first.current_rms_a, first.current_peak_a) == (0.94999984, 5.0, 7.065363)
    assert (first.voltage_v, first.frequency_hz) == (230.0, 50.0)


def test_power_and_power_factor_of_an_import_are_negative() -> None:
    second = decode_answer(ORDINARY).ports[1]
    assert (second.active_power_w, second.power_factor) == (-1840.0, -1.0)


def test_key_order_does_not_matter() -> None:
    backwards = dict(reversed(captured_json("ayt_0").items()))
    assert decode_answer(json.dumps(backwards).encode()).ports == decode_answer(ORDINARY).ports


# Oddities, each captured from the real firmware


def test_names_made_of_digits_come_back_as_they_were_typed() -> None:
    answer = decode_answer(captured("ayt_numeric_names.json"))
    assert [port.name for port in answer.ports] == ["Solar", "2", "3.7", "12", "1000", "7"]


def test_a_percent_encoded_name_is_decoded() -> None:
    assert decode_answer(captured("ayt_pct_utf8.json")).ports[0].name == "Küche"


def test_a_raw_utf8_name_is_taken_as_it_is() -> None:
    assert decode_answer(captured("ayt_utf8.json")).ports[0].name == "Küche°"


def test_a_name_with_an_apostrophe_is_whole() -> None:
    assert decode_answer(captured("ayt_squote.json")).ports[0].name == "Dad's"


def test_any_text_counts_as_active_even_false() -> None:
    assert captured_json("ayt_active_string")["ACTIVE"] == "False"
    assert decode_answer(captured("ayt_active_string.json")).active is True


def test_a_clock_that_was_never_set_is_reported_as_the_unit_says_it() -> None:
    assert decode_answer(captured("ayt_clock_not_set.json")).sent_at_s == 1609459206


def test_the_empty_datagram_of_a_dead_unit_is_no_answer() -> None:
    with pytest.raises(NotAnAnswer):
        decode_answer(captured("ayt_nan.raw"))


def test_an_mqtt_message_has_no_address_and_its_name_from_the_settings() -> None:
    answer = decode_answer(captured("mqtt_message.json"))
    assert (answer.assy, answer.name, answer.address) == ("ASY0398_V003.300_SN00001801", "unit1", "")
    assert (answer.product, answer.device_type, answer.http_port) == ("CT6", "", 80)
    assert answer.ports[1].active_power_w == -1840.0


def test_an_answer_without_what_mqtt_leaves_out_says_the_same_of_what_was_measured() -> None:
    whole, published = decode_answer(ORDINARY), decode_answer(without("UNIT_NAME", "IP_ADDRESS", "PRODUCT_ID"))
    assert (published.assy, published.ports, published.rssi_dbm) == (whole.assy, whole.ports, whole.rssi_dbm)
    assert (published.name, published.address) == ("unit1", "")


@pytest.mark.parametrize("name", ["ayt_0.json", "mqtt_message.json"])
def test_the_label_is_seen_without_decoding(name: str) -> None:
    assert label_in(captured(name)) == "ASY0398_V003.300_SN00001801"


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"ASSY": 7}', b'{"ASSY": ""}', b'{"ASSY": "' + b"x" * 80 + b'"}'])
def test_where_there_is_no_label_none_is_seen(payload: bytes) -> None:
    assert label_in(payload) == ""


# Older firmware and stacked hardware


def test_older_firmware_lacks_keys_and_missing_is_not_zero() -> None:
    old = json.loads(without("ACTIVE", "TIMESENT", "PF_WATTS_THRESHOLD"))
    for number in range(1, 7):
        del old[f"CT{number}"]["IPEAK"]
    answer = decode_answer(json.dumps(old).encode())
    assert (answer.active, answer.sent_at_s) == (None, None)
    assert {port.current_peak_a for port in answer.ports} == {None}
    assert answer.ports[0].current_rms_a == 5.0
    assert answer.implausible == ()


def test_null_is_missing() -> None:
    assert decode_answer(changed_port(PRMS=None)).ports[0].active_power_w is None
    assert decode_answer(changed(RSSI=None)).rssi_dbm is None


def test_stacked_boards_bring_up_to_24_ports_in_the_order_of_their_numbers() -> None:
    port = captured_json("ayt_0")["CT1"]
    stacked = {f"CT{number}": {**port, "PRMS": number} for number in range(30, 0, -1)}
    answer = decode_answer(changed(**stacked))
    assert [one.number for one in answer.ports] == list(range(1, MAX_PORTS + 1))
    assert [one.active_power_w for one in answer.ports] == list(range(1, MAX_PORTS + 1))


def test_a_unit_may_have_fewer_ports() -> None:
    assert [port.number for port in decode_answer(without("CT2", "CT5")).ports] == [1, 3, 4, 6]


def test_voltage_and_frequency_are_those_of_the_first_port_that_has_them() -> None:
    port = captured_json("ayt_0")["CT1"]
    answer = decode_answer(
        changed(CT1={k: v for k, v in port.items() if k != "VRMS"}, CT2={**port, "VRMS": 241.5, "FREQ": 49.9})
    )
    assert (answer.voltage_v, answer.frequency_hz) == (241.5, 50.0)


@pytest.mark.parametrize(
    ("reported", "active"),
    [(0, False), (0.0, False), (False, False), (1, True), (1.0, True), (True, True), ("", True), (None, None)],
)
def test_active_in_all_its_types(reported: object, active: bool | None) -> None:
    assert decode_answer(changed(ACTIVE=reported)).active is active


@pytest.mark.parametrize(
    ("service_list", "http_port"),
    [
        ("WEB:80", 80),
        ("WEB:8080", 8080),
        ("SSH:22,WEB:8081", 8081),
        ("", 80),
        ("WEB:0", 80),
        ("WEB:99999", 80),
        ("WEB:x", 80),
        (7.0, 80),
        (None, 80),
    ],
)
def test_the_web_servers_port_is_in_the_service_list(service_list: object, http_port: int) -> None:
    assert decode_answer(changed(SERVICE_LIST=service_list)).http_port == http_port


@pytest.mark.parametrize(
    "timesent", [[], [2026, 1, 1], "now", {}, 5, [0] * 8 + ["x"], [0] * 8 + [-1], [0] * 8 + [2**50]]
)
def test_a_time_that_makes_no_sense_is_no_time(timesent: object) -> None:
    assert decode_answer(changed(TIMESENT=timesent)).sent_at_s is None


def test_an_empty_unit_name_is_kept_and_not_replaced() -> None:
    assert decode_answer(changed(UNIT_NAME="", YDEV_UNIT_NAME="old")).name == ""


def test_control_characters_in_names_are_dropped() -> None:
    assert decode_answer(changed(UNIT_NAME="Ga\x00ra\nge\x1b%07")).name == "Garage"


def test_a_name_is_cut_to_64_characters() -> None:
    assert decode_answer(changed(UNIT_NAME="x" * 500)).name == "x" * 64


def test_a_broken_percent_code_is_shown_as_it_stands() -> None:
    assert decode_answer(changed(UNIT_NAME="50% %FF")).name == "50% \N{REPLACEMENT CHARACTER}"


# Values that cannot be true


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("PRMS", "active_power_w", 1.1e6),
        ("PRMS", "active_power_w", -1.1e6),
        ("PREACT", "reactive_power_var", 2e6),
        ("PAPPARENT", "apparent_power_va", 2e6),
        ("IRMS", "current_rms_a", -0.1),
        ("IPEAK", "current_peak_a", 10_001),
        ("PF", "power_factor", -1.6),
        ("VRMS", "voltage_v", 1001),
        ("VRMS", "voltage_v", -1),
        ("FREQ", "frequency_hz", 66),
        ("PRMS", "active_power_w", "much"),
        ("PRMS", "active_power_w", True),
    ],
)
def test_an_implausible_value_of_a_port_is_missing_and_named(key: str, field: str, value: object) -> None:
    answer = decode_answer(changed_port(**{key: value}))
    assert getattr(answer.ports[0], field) is None
    assert answer.implausible == (f"CT1.{key}",)
    assert getattr(answer.ports[1], field) is not None


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [
        ("BOARD_TEMPERATURE", "temperature_c", 201),
        ("BOARD_TEMPERATURE", "temperature_c", -61),
        ("RSSI", "rssi_dbm", -151),
        ("RSSI", "rssi_dbm", 21),
    ],
)
def test_an_implausible_value_of_the_unit_is_missing_and_named(key: str, field: str, value: float) -> None:
    answer = decode_answer(changed(**{key: value}))
    assert getattr(answer, field) is None
    assert answer.implausible == (key,)


@pytest.mark.parametrize(("key", "value"), [("PRMS", 1e6), ("IRMS", 0), ("PF", -1.5), ("VRMS", 0), ("FREQ", 65)])
def test_a_value_at_the_limit_is_believed(key: str, value: float) -> None:
    assert decode_answer(changed_port(**{key: value})).implausible == ()


@pytest.mark.parametrize("literal", [b"NaN", b"nan", b"inf", b"Infinity", b"1e400", b"-1e400", b"9" * 400])
def test_a_number_that_is_not_finite_makes_no_answer(literal: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        decode_answer(ORDINARY.replace(b"1092.4999", literal))


# Who it is


@pytest.mark.parametrize(
    "assy", [None, "", 5, ["x"], "a b", "a/b", "a\\b", "../x", "ä", "x\n", "x" * 65, "a\x00b", "\ud800"]
)
def test_a_label_that_is_none_makes_no_answer(assy: object) -> None:
    with pytest.raises(NotAnAnswer):
        decode_answer(changed(ASSY=assy))


def test_an_answer_without_a_label_is_none() -> None:
    with pytest.raises(NotAnAnswer, match="ASSY"):
        decode_answer(without("ASSY"))


def test_another_product_is_told_apart() -> None:
    with pytest.raises(OtherProduct, match="PANA"):
        decode_answer(changed(PRODUCT_ID="PANA"))


def test_another_product_may_have_values_of_any_shape() -> None:
    with pytest.raises(OtherProduct):
        decode_answer(b'{"PRODUCT_ID": "PANA", "CT1": [1, 2], "UNIT_NAME": {"x": 1}}')


def test_without_a_product_only_the_shape_of_a_ct6_is_accepted() -> None:
    assert decode_answer(without("PRODUCT_ID", "DEVICE_TYPE")).product == "CT6"
    assert decode_answer(without("PRODUCT_ID", "CT1")).product == "CT6"
    with pytest.raises(NotAnAnswer, match="product"):
        decode_answer(without("PRODUCT_ID", "DEVICE_TYPE", "CT1"))


# Garbage and malice


@pytest.mark.parametrize(
    "payload",
    [b"", b"hello", b"null", b"[]", b'"x"', b"{}", AYT_QUESTION, b"\x00" * 100, b"\xff\xfe{}", ORDINARY + b"x"],
)
def test_garbage_is_no_answer(payload: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        decode_answer(payload)


def test_no_cut_off_answer_is_an_answer() -> None:
    for length in range(len(ORDINARY)):
        with pytest.raises(NotAnAnswer):
            decode_answer(ORDINARY[:length])


def test_more_bytes_than_a_datagram_holds_are_refused_unread() -> None:
    with pytest.raises(NotAnAnswer, match="65536 bytes"):
        decode_answer(ORDINARY + b" " * (65_536 - len(ORDINARY)))
    assert decode_answer(ORDINARY + b" " * (65_535 - len(ORDINARY))).name == "unit1"


@pytest.mark.parametrize("key", ["UNKNOWN", "CT1", "TIMESENT", "PRODUCT_ID", "ASSY"])
def test_deep_nesting_is_survived(key: str) -> None:
    with pytest.raises(AnswerError):
        decode_answer(f'{{"{key}": {"[" * 30_000}{"]" * 30_000}}}'.encode())


def test_of_a_repeated_key_the_last_one_counts() -> None:
    repeated = ORDINARY[:-1] + b', "UNIT_NAME": "first", "UNIT_NAME": "second"}'
    assert decode_answer(repeated).name == "second"


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_an_answer_error(payload: bytes) -> None:
    with pytest.raises(AnswerError):
        decode_answer(payload)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(key=st.sampled_from(sorted(captured_json("ayt_0"))), value=_values)
def test_any_value_in_any_key_decodes_or_raises_an_answer_error(key: str, value: object) -> None:
    try:
        answer = decode_answer(changed(**{key: value}))
    except AnswerError:
        return
    texts = answer.name + answer.group_name + answer.address + answer.device_type + answer.firmware_version
    # Neither control characters nor half ones, which no database takes.
    assert not any(unicodedata.category(character) in ("Cc", "Cs") for character in texts)


@given(at=st.integers(0, len(ORDINARY) - 1), byte=st.integers(0, 255))
def test_one_flipped_byte_decodes_or_raises_an_answer_error(at: int, byte: int) -> None:
    payload = bytearray(ORDINARY)
    payload[at] = byte
    try:
        answer = decode_answer(bytes(payload))
    except AnswerError:
        return
    assert len(answer.ports) <= MAX_PORTS
