"""How a unit that somebody else asks too gives itself away."""

from readings.collect.regularity import Regularity

PERIOD_MS = 1000


def answered(regularity: Regularity, apart_ms: list[int], *, start_ms: int = 0) -> int:
    """Answers so far apart; when the last one came."""
    at_ms = start_ms
    regularity.note(at_ms)
    for one in apart_ms:
        at_ms += one
        regularity.note(at_ms)
    return at_ms


def test_a_unit_that_answers_every_question_is_not_suspicious() -> None:
    regularity = Regularity(PERIOD_MS)
    answered(regularity, [990, 1010] * 500)
    assert not regularity.is_suspicious


def test_one_that_leaves_every_fifth_unanswered_is() -> None:
    regularity = Regularity(PERIOD_MS)
    answered(regularity, [1000, 1000, 1000, 2000] * 40)
    assert regularity.is_suspicious


def test_so_is_one_that_answers_twice_a_period() -> None:
    regularity = Regularity(PERIOD_MS)
    answered(regularity, [300, 700] * 100)
    assert regularity.is_suspicious


def test_a_few_questions_tell_nothing() -> None:
    regularity = Regularity(PERIOD_MS)
    answered(regularity, [2000] * 50)
    assert not regularity.is_suspicious


def test_five_in_a_hundred_are_a_network() -> None:
    regularity = Regularity(PERIOD_MS)
    answered(regularity, ([1000] * 18 + [2000]) * 40)
    assert not regularity.is_suspicious


def test_an_outage_is_no_question_that_was_missed() -> None:
    regularity = Regularity(PERIOD_MS)
    answered(regularity, ([1000] * 100 + [3_600_000]) * 5)
    assert not regularity.is_suspicious


def test_a_change_is_told_once_each_way() -> None:
    regularity = Regularity(PERIOD_MS)
    told = [regularity.note(at_ms) for at_ms in range(0, 600_000, 2000)]
    assert told.count(True) == 1
    told = [regularity.note(at_ms) for at_ms in range(600_000, 6_000_000, 1000)]
    assert told.count(True) == 1
    assert not regularity.is_suspicious
