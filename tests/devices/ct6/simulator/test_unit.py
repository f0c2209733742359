"""One simulated unit without a network, at moments of our choosing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.ct6.simulator.unit import SimulatedUnit, UnitState, UnitTiming

ASSY = "ASY0398_V003.300_SN00001801"
SECOND_NS = 1_000_000_000
START_NS = 1_795_329_363 * SECOND_NS


class Clock:
    """A present moment that a test moves."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def unit(clock: Clock) -> SimulatedUnit:
    return SimulatedUnit(ASSY, clock=clock, timing=UnitTiming(away_s=10.0))


def answer_at(unit: SimulatedUnit, second: float) -> Any:
    payload = unit.answer(START_NS + round(second * SECOND_NS))
    return None if payload is None else json.loads(payload)


def is_single(value: float) -> bool:
    return float(str(np.float32(value))) == value


def test_an_answer_carries_the_mean_since_the_last_answer(unit: SimulatedUnit) -> None:
    answer_at(unit, 1.0)
    second = answer_at(unit, 4.5)
    for port in range(1, 7):
        energy_ws = unit.true_energy_ws(port, START_NS + SECOND_NS, START_NS + round(4.5 * SECOND_NS))
        assert second[f"CT{port}"]["PRMS"] == pytest.approx(energy_ws / 3.5, rel=1e-6)


def test_the_first_answer_carries_the_mean_since_the_start(unit: SimulatedUnit) -> None:
    first = answer_at(unit, 2.0)
    assert first["CT5"]["PRMS"] == pytest.approx(
        unit.true_energy_ws(5, START_NS, START_NS + 2 * SECOND_NS) / 2, rel=1e-6
    )


def test_a_question_within_200_ms_gets_no_answer_and_resets_nothing(unit: SimulatedUnit) -> None:
    answer_at(unit, 1.0)
    assert answer_at(unit, 1.199) is None
    answer_at(unit, 2.0)
    assert [sent.window_ns for sent in unit.sent] == [SECOND_NS, SECOND_NS]


def test_two_pollers_share_one_mean(unit: SimulatedUnit) -> None:
    for second in (1.0, 1.3, 2.0, 2.3):
        assert answer_at(unit, second) is not None
    assert [sent.window_ns / SECOND_NS for sent in unit.sent] == pytest.approx([1.0, 0.3, 0.7, 0.3])


@given(windows_ms=st.lists(st.integers(200, 300_000), min_size=1, max_size=40))
def test_what_was_sent_adds_up_to_the_true_energy(windows_ms: list[int]) -> None:
    unit = SimulatedUnit(ASSY, started_ns=START_NS, clock=lambda: START_NS)
    now_ns = START_NS
    for window_ms in windows_ms:
        now_ns += window_ms * 1_000_000
        assert unit.answer(now_ns) is not None
    for port in range(6):
        sent_ws = sum(sent.means[port].active_power_w * sent.window_ns / SECOND_NS for sent in unit.sent)
        assert sent_ws == pytest.approx(unit.true_energy_ws(port + 1, START_NS, now_ns), rel=1e-6, abs=1e-3)


def test_what_is_kept_as_sent_is_what_was_sent(unit: SimulatedUnit) -> None:
    answer = answer_at(unit, 1.0)
    [sent] = unit.sent
    assert sent.time_ns == START_NS + SECOND_NS
    for number, means in enumerate(sent.means, 1):
        port = answer[f"CT{number}"]
        assert (port["PRMS"], port["PREACT"], port["PAPPARENT"]) == (
            means.active_power_w,
            means.reactive_power_var,
            means.apparent_power_va,
        )
        assert (port["PF"], port["IRMS"], port["IPEAK"]) == (
            means.power_factor,
            means.current_rms_a,
            means.current_peak_a,
        )


def test_measured_values_are_single_floats(unit: SimulatedUnit) -> None:
    answer = answer_at(unit, 1.234567)
    for key in ("PRMS", "PREACT", "PAPPARENT", "PF", "IRMS", "IPEAK", "VRMS", "FREQ"):
        assert all(is_single(answer[f"CT{n}"][key]) for n in range(1, 7)), key


def test_nothing_is_0_and_never_minus_0(unit: SimulatedUnit) -> None:
    assert "-0.0" not in json.dumps(answer_at(unit, 1.0))


def test_three_ports_share_a_chips_voltage(unit: SimulatedUnit) -> None:
    answer = answer_at(unit, 1.0)
    voltages = [answer[f"CT{n}"]["VRMS"] for n in range(1, 7)]
    assert len(set(voltages[:3])) == len(set(voltages[3:])) == 1
    assert voltages[0] != voltages[3]


@pytest.mark.parametrize("value", ["0", "0.0", ""])
def test_an_inactive_unit_answers_nothing(unit: SimulatedUnit, value: str) -> None:
    unit.set({"ACTIVE": value})
    assert answer_at(unit, 1.0) is None


@pytest.mark.parametrize("value", ["1", "True", "False", "-1"])
def test_any_text_and_any_other_number_is_active(unit: SimulatedUnit, value: str) -> None:
    unit.set({"ACTIVE": value})
    assert answer_at(unit, 1.0) is not None


def test_the_power_factor_is_0_under_the_threshold_that_is_set(unit: SimulatedUnit) -> None:
    assert answer_at(unit, 1.0)["CT5"]["PF"] < -0.5
    unit.set({"PF_WATTS_THRESHOLD": "5000"})
    assert answer_at(unit, 2.0)["CT5"]["PF"] == 0.0


def test_a_restarting_unit_is_away_and_then_starts_a_new_mean(unit: SimulatedUnit, clock: Clock) -> None:
    answer_at(unit, 1.0)
    clock.now_ns = START_NS + 2 * SECOND_NS
    unit.reboot()
    assert unit.state() is UnitState.AWAY
    assert answer_at(unit, 11.9) is None
    assert answer_at(unit, 15.0)["CT5"]["PRMS"] == pytest.approx(
        unit.true_energy_ws(5, START_NS + 12 * SECOND_NS, START_NS + 15 * SECOND_NS) / 3, rel=1e-6
    )
    assert unit.uptime_s(START_NS + 15 * SECOND_NS) == 3
    assert unit.boots == 2


def test_a_unit_runs_on_until_its_restart_begins(unit: SimulatedUnit) -> None:
    unit.reboot(0.5)
    assert unit.state(START_NS + SECOND_NS // 4) is UnitState.RUNNING
    assert unit.state(START_NS + SECOND_NS) is UnitState.AWAY


def test_settings_survive_a_restart(unit: SimulatedUnit) -> None:
    unit.set({"CT1_NAME": "Boiler"})
    unit.reboot()
    assert answer_at(unit, 11.0)["CT1"]["NAME"] == "Boiler"


def test_a_clock_that_was_never_set_says_2021(unit: SimulatedUnit) -> None:
    unit.clock_set = False
    assert answer_at(unit, 6.0)["TIMESENT"] == [2021, 1, 1, 0, 0, 6, 4, 1, 1609459206]


def test_the_clock_tells_utc(unit: SimulatedUnit) -> None:
    assert answer_at(unit, 1.0)["TIMESENT"] == [2026, 11, 22, 6, 36, 4, 6, 326, 1795329364]


def test_old_firmware_lacks_what_came_later(unit: SimulatedUnit) -> None:
    unit.old_firmware = True
    answer = answer_at(unit, 1.0)
    assert not {"ACTIVE", "TIMESENT", "PF_WATTS_THRESHOLD"} & answer.keys()
    assert "IPEAK" not in answer["CT1"]
    assert "IRMS" in answer["CT1"]


def test_the_answer_says_where_http_is(unit: SimulatedUnit) -> None:
    unit.listen_at(8081)
    assert answer_at(unit, 1.0)["SERVICE_LIST"] == "WEB:8081"


def test_names_go_out_as_they_were_stored(unit: SimulatedUnit) -> None:
    unit.set({"CT1_NAME": "K%C3%BCche", "CT2_NAME": "2", "YDEV_UNIT_NAME": "12"})
    answer = answer_at(unit, 1.0)
    assert (answer["CT1"]["NAME"], answer["CT2"]["NAME"], answer["UNIT_NAME"]) == ("K%C3%BCche", 2.0, 12.0)


@pytest.mark.parametrize(
    ("lose", "why"),
    [
        (lambda unit: unit.flash.files.pop("/main.py"), "/main.py is gone"),
        (lambda unit: unit.flash.files.pop("/this.machine.cfg"), "its settings file is unreadable"),
        (lambda unit: unit.flash.files.pop("/app1/app.mpy"), "/app1 holds no application that starts"),
    ],
)
def test_a_unit_that_lost_what_it_starts_from_stays_away(
    unit: SimulatedUnit, lose: Callable[[SimulatedUnit], None], why: str
) -> None:
    lose(unit)
    unit.reboot()
    assert answer_at(unit, 60.0) is None
    assert unit.ruined_by == why
