"""What became of answers that are gone, counted so that people can be told of it once."""

import pytest

from readings.collect.losses import QUIET_MS, Cause, Loss, Losses, losses_in

T0 = 1_800_000_000_000


def test_counters_that_grow_become_one_loss() -> None:
    losses = Losses()
    for second, total in enumerate((0, 3, 3, 10)):
        losses.count(Cause.MEMORY, total, T0 + 1000 * second)
    assert losses_in(losses.as_json()) == {Cause.MEMORY: Loss(10, T0 + 1000, T0 + 3000, T0 + 3000)}


def test_a_loss_after_an_hour_of_quiet_is_another_one() -> None:
    losses = Losses()
    losses.count(Cause.MQTT, 3, T0)
    losses.count(Cause.MQTT, 5, T0 + QUIET_MS + 1)
    assert losses_in(losses.as_json())[Cause.MQTT].answers == 2


def test_a_clock_that_was_set_back_joins_nothing_of_another_day() -> None:
    before = Loss(7, T0, T0, T0)
    after = Loss(1, T0 - 24 * QUIET_MS, T0 - 24 * QUIET_MS, T0 - 24 * QUIET_MS)
    assert before.followed_by(after) == after


def test_a_counter_that_begins_anew_takes_nothing_back() -> None:
    losses = Losses()
    for total in (5, 0, 2):
        losses.count(Cause.MQTT, total, T0)
    assert losses_in(losses.as_json())[Cause.MQTT].answers == 7


def test_the_next_process_goes_on_from_what_was_told() -> None:
    before, after = Losses(), Losses()
    before.count(Cause.FLOOD, 5, T0)
    after.go_on_from(before.as_json())
    after.count(Cause.FLOOD, 2, T0 + 1000)
    assert losses_in(after.as_json()) == {Cause.FLOOD: Loss(7, T0, T0 + 1000, T0 + 1000)}


@pytest.mark.parametrize("detail", [None, [], "", {"spool": 3}, {"spool": {"answers": 3}}, {"other": {}}], ids=str)
def test_what_is_none_is_left_out(detail: object) -> None:
    assert losses_in(detail) == {}
