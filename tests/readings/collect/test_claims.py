"""Whose answers count under one label, asked once a second."""

import pytest

from readings.collect.claims import Claim, Verdict

HERE, THERE, ELSEWHERE = "192.168.0.5", "192.168.0.9", "192.168.0.77"
OWN, KEEP_BACK, MOVED, CONTESTED = Verdict.OWN, Verdict.KEEP_BACK, Verdict.MOVED, Verdict.CONTESTED


@pytest.fixture
def claim() -> Claim:
    return Claim(HERE, 0, period_ms=1000)


def judged(claim: Claim, *answers: tuple[str, int]) -> list[Verdict]:
    return [claim.judge(address, at_ms) for address, at_ms in answers]


def test_a_unit_at_its_address_is_itself(claim: Claim) -> None:
    assert judged(claim, (HERE, 1000), (HERE, 2000), (HERE, 90_000)) == [OWN, OWN, OWN]


def test_a_moved_unit_is_followed_once_the_old_address_is_silent_for_some_periods(claim: Claim) -> None:
    answers = judged(claim, (HERE, 1000), (THERE, 2000), (THERE, 3000), (THERE, 4000), (THERE, 5000))
    assert answers == [OWN, KEEP_BACK, KEEP_BACK, MOVED, OWN]
    assert claim.address == THERE
    assert not claim.contested


def test_a_unit_that_was_away_and_comes_back_elsewhere_is_followed_at_once(claim: Claim) -> None:
    assert judged(claim, (HERE, 1000), (THERE, 9000), (THERE, 10_000)) == [OWN, MOVED, OWN]


def test_two_units_that_both_answer_are_contested(claim: Claim) -> None:
    answers = judged(claim, (HERE, 1000), (THERE, 1005), (HERE, 2000), (THERE, 2005), (HERE, 3000))
    assert answers == [OWN, KEEP_BACK, CONTESTED, CONTESTED, CONTESTED]
    assert claim.rival == THERE
    assert claim.address == HERE


def test_a_second_unit_that_answers_now_and_then_is_found_too(claim: Claim) -> None:
    assert judged(claim, (HERE, 1000), (THERE, 1500), (HERE, 9000)) == [OWN, KEEP_BACK, CONTESTED]


def test_the_old_address_that_speaks_again_after_a_move_makes_it_contested(claim: Claim) -> None:
    answers = judged(claim, (HERE, 1000), (THERE, 5000), (HERE, 6000), (THERE, 7000))
    assert answers == [OWN, MOVED, KEEP_BACK, CONTESTED]
    assert (claim.address, claim.rival) == (THERE, HERE)


def test_it_is_settled_when_one_has_been_silent_for_a_minute(claim: Claim) -> None:
    judged(claim, (HERE, 1000), (THERE, 1005), (HERE, 2000))
    assert judged(claim, (HERE, 61_000), (HERE, 61_006)) == [CONTESTED, MOVED]
    assert claim.address == HERE
    assert not claim.contested


def test_the_one_that_is_left_may_be_the_other_one(claim: Claim) -> None:
    judged(claim, (HERE, 1000), (THERE, 1005), (HERE, 2000))
    assert judged(claim, *((THERE, at_ms) for at_ms in range(2005, 61_005, 1000))) == [CONTESTED] * 59
    assert judged(claim, (THERE, 62_005)) == [MOVED]
    assert claim.address == THERE


def test_a_contest_that_was_known_before_our_start_goes_on(claim: Claim) -> None:
    claim = Claim(HERE, 0, period_ms=1000, rival=THERE)
    assert judged(claim, (HERE, 1000), (HERE, 61_000)) == [CONTESTED, MOVED]


def test_slow_questions_are_given_more_time() -> None:
    claim = Claim(HERE, 0, period_ms=60_000)
    assert judged(claim, (THERE, 60_000), (HERE, 120_000)) == [KEEP_BACK, CONTESTED]


def test_made_up_addresses_do_not_pile_up(claim: Claim) -> None:
    for number in range(1000):
        claim.judge(f"10.0.{number // 250}.{number % 250}", 1)
    assert len(claim._heard_ms) <= 8
    assert claim.judge(HERE, 1000) is CONTESTED


def test_a_stray_answer_long_ago_is_forgotten(claim: Claim) -> None:
    assert judged(claim, (HERE, 1000), (ELSEWHERE, 1500), (HERE, 15_000)) == [OWN, KEEP_BACK, OWN]


def test_an_address_that_was_not_known_is_the_first_that_answers() -> None:
    claim = Claim(None, 0, period_ms=1000)
    assert claim.judge("127.0.0.5", 500) is Verdict.OWN
    assert (claim.address, claim.contested) == ("127.0.0.5", False)
    assert claim.judge("127.0.0.9", 700) is Verdict.KEEP_BACK
