"""What the fuzzer would find: a wrong reading, a refusal without a reason, another error, a long time."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from devices.ct6.errors import NotAnAnswer
from devices.ct6.protocol import Answer, decode_answer
from readings.models import DeviceReading, PortReading
from readings.quantities import DEVICE_QUANTITIES, PORT_QUANTITIES
from tests.devices.ct6.captured import captured
from tests.fuzz import expected
from tests.fuzz.expected import COLUMN, check, check_answer, check_torn

ORDINARY = captured("ayt_0.json")


def with_port(answer: Answer, **values: object) -> Answer:
    return replace(answer, ports=(replace(answer.ports[0], **values), *answer.ports[1:]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "broken",
    [
        lambda answer: with_port(answer, active_power_w=1092.5),
        lambda answer: with_port(answer, active_power_w=None),
        lambda answer: with_port(answer, active_power_w=float("nan")),
        lambda answer: with_port(answer, number=2),
        lambda answer: with_port(answer, name="\x00"),
        lambda answer: replace(answer, ports=answer.ports[1:]),
        lambda answer: replace(answer, implausible=("CT1.PRMS",)),
        lambda answer: replace(answer, assy="SN2"),
        lambda answer: replace(answer, name="other"),
        lambda answer: replace(answer, sent_at_s=1),
        lambda answer: replace(answer, active=False),
        lambda answer: replace(answer, voltage_v=None),
        lambda answer: replace(answer, temperature_c=0.0),
    ],
)
def test_a_wrong_reading_is_found(broken: Callable[[Answer], Answer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "decode_answer", lambda payload: broken(decode_answer(payload)))
    with pytest.raises(AssertionError):
        check_answer(ORDINARY)


def test_an_answer_that_is_refused_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(payload: bytes) -> Answer:
        raise NotAnAnswer("no")

    monkeypatch.setattr(expected, "decode_answer", refuse)
    with pytest.raises(AssertionError, match="refused"):
        check_answer(ORDINARY)
    assert check_answer(ORDINARY[:-1]) is None


def test_an_undeclared_error_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "decode_answer", lambda payload: decode_answer(payload[0]))
    with pytest.raises(TypeError):
        check(ORDINARY)


def test_a_long_time_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def dawdle(text: str) -> None:
        until_s = time.thread_time() + 0.01
        while time.thread_time() < until_s:
            pass

    monkeypatch.setattr(expected, "MOST_S", 0.005)
    monkeypatch.setattr(expected, "read_object", dawdle)
    with pytest.raises(AssertionError, match="it took"):
        check_torn(b"{")


def test_a_torn_object_that_is_read_wrongly_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "read_object", lambda text: {})
    with pytest.raises(AssertionError):
        check_torn(captured("get_config.http"))


def test_columns_hold_what_the_check_takes_for_their_range() -> None:
    for model, quantities in ((PortReading, PORT_QUANTITIES), (DeviceReading, DEVICE_QUANTITIES)):
        fields = [model._meta.get_field(quantity.name) for quantity in quantities]
        assert {field.get_internal_type() for field in fields} <= {"IntegerField", "FixedPointField"}
    assert (COLUMN[0], COLUMN[-1]) == (-(2**31), 2**31 - 1)
