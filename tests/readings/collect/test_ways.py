"""Which way counts of a unit that is heard by two. Times are milliseconds."""

import itertools
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from readings.collect.ways import Before, Way, Ways
from readings.collect.windows import Timeline

PERIOD_MS, PUBLISHED_MS = 1000, 2000
NOON_MS = 1_800_000_000_000
AYT, MQTT = Way.AYT, Way.MQTT

Came = tuple[int, Way]
Window = tuple[int, int]


def every(interval_ms: int, start_ms: int, end_ms: int, way: Way) -> list[Came]:
    return [(at_ms, way) for at_ms in range(start_ms, end_ms + 1, interval_ms)]


def asked(start_s: float, end_s: float) -> list[Came]:
    return every(PERIOD_MS, round(1000 * start_s), round(1000 * end_s), AYT)


def sent(start_s: float, end_s: float, interval_ms: int = PUBLISHED_MS) -> list[Came]:
    return every(interval_ms, round(1000 * start_s), round(1000 * end_s), MQTT)


class Listening:
    """What is stored of answers by both ways, of a unit that never restarts."""

    def __init__(self, preferred: Way = AYT) -> None:
        self.ways: Ways[Came] = Ways(preferred=preferred, period_ms=PERIOD_MS)
        self.timeline = Timeline(PERIOD_MS)
        self.stored: list[tuple[Came, Window]] = []
        self.handed_over: list[Came] = []

    def hear(self, *parts: Sequence[Came]) -> "Listening":
        for at_ms, way in sorted(itertools.chain(*parts)):
            before = self.ways.current
            for counting in self.ways.take(way, at_ms, (at_ms, way)):
                end_ms, by = counting.item
                uptime_ms = 10**12 if by is AYT else None
                window_ms = self.timeline.add(
                    NOON_MS + end_ms, end_ms, uptime_ms=uptime_ms, longest_ms=counting.longest_ms
                )
                self.stored.append((counting.item, (end_ms - window_ms, end_ms)))
            if self.ways.current is not before:
                self.handed_over.append((at_ms, self.ways.current))
        return self

    @property
    def windows(self) -> list[Window]:
        return [window for _, window in self.stored]

    def by(self, way: Way) -> list[Window]:
        return [window for (_, by), window in self.stored if by is way]


def covered_without_a_gap(windows: Sequence[Window]) -> bool:
    return all(former[1] == later[0] for former, later in itertools.pairwise(windows))


def test_while_both_are_heard_only_the_preferred_one_is_stored() -> None:
    for preferred, least in ((AYT, 60), (MQTT, 30)):
        heard = Listening(preferred).hear(asked(0, 60), sent(0.3, 60))
        assert heard.by(preferred.other) == []
        assert len(heard.by(preferred)) >= least
        assert covered_without_a_gap(heard.windows)
        assert heard.handed_over == []


def test_when_the_preferred_one_falls_silent_the_other_fills_from_its_last_reading_on() -> None:
    heard = Listening().hear(asked(0, 20), sent(0.3, 40))
    ((at_ms, way),) = heard.handed_over
    assert way is MQTT
    assert 10_000 < at_ms - 20_000 <= 12_000
    assert heard.by(MQTT)[0] == (20_000, 20_300)
    assert heard.by(MQTT)[1] == (20_300, 22_300)
    assert covered_without_a_gap(heard.windows)


def test_the_mean_that_ends_a_silence_is_not_stored_and_the_next_ones_go_on_where_the_other_ends() -> None:
    heard = Listening().hear(asked(0, 20), sent(0.3, 80), asked(60, 80))
    assert [way for _, way in heard.handed_over] == [MQTT, AYT]
    assert (60_000, AYT) not in [came for came, _ in heard.stored]
    back = [window for window in heard.by(AYT) if window[1] > 60_000]
    assert back[0] == (60_300, 61_000)  # its mean tells from 60.0 on, but this much is measured already
    assert covered_without_a_gap(heard.windows)


def test_answers_that_come_back_before_the_other_is_heard_again_wait_for_it() -> None:
    heard = Listening().hear(asked(0, 20), sent(0, 58), asked(58.5, 80), sent(61.2, 80))
    assert covered_without_a_gap(heard.windows)
    assert (58_000, 61_200) in heard.windows


def test_if_the_other_ends_before_the_preferred_is_back_what_nobody_measured_stays_open() -> None:
    heard = Listening().hear(asked(0, 20), sent(0, 58), asked(58.5, 80))
    back = [window for window in heard.by(AYT) if window[1] > 58_000]
    assert back[0] == (58_500, 59_500)
    assert covered_without_a_gap(back)
    assert back[-1][1] == 79_500


def test_a_short_silence_that_could_hide_a_restart_is_filled_by_the_other_at_once() -> None:
    heard = Listening().hear(asked(0, 20), sent(0.3, 40), asked(27, 40))
    assert [way for _, way in heard.handed_over] == [MQTT, AYT]
    assert [came for came, _ in heard.stored if came == (27_000, AYT)] == []
    assert covered_without_a_gap(heard.windows)


def test_lost_questions_hand_over_nothing() -> None:
    heard = Listening().hear(asked(0, 20), sent(0.3, 40), asked(24, 40))
    assert heard.handed_over == []
    assert (20_000, 24_000) in heard.windows


def test_after_a_silence_of_both_the_mean_of_the_whole_outage_counts() -> None:
    heard = Listening().hear(asked(0, 20), sent(0.3, 20), sent(3600, 3620), asked(3600.9, 3620))
    assert (20_000, 3_600_900) in heard.by(AYT)
    assert heard.handed_over == []


def test_by_mqtt_alone_windows_are_those_between_messages() -> None:
    heard = Listening(MQTT).hear(sent(0, 20))
    assert heard.windows == [(0, 0), *((at - 2000, at) for at in range(2000, 20_001, 2000))]


def test_by_mqtt_alone_it_counts_without_being_preferred_once_it_was_heard_for_a_while() -> None:
    heard = Listening(AYT).hear(sent(0, 20))
    assert heard.windows == [(2000, 2000), *((at - 2000, at) for at in range(4000, 20_001, 2000))]


def test_a_mean_by_mqtt_never_fills_an_outage_since_messages_in_it_are_lost() -> None:
    heard = Listening(MQTT).hear(sent(0, 20), sent(60, 70))
    assert (60_000, 60_000) in heard.windows


def test_how_often_a_unit_publishes_is_learned() -> None:
    heard = Listening(MQTT).hear(sent(0, 600, 60_000))
    assert heard.windows[:4] == [(0, 0), (60_000, 60_000), (60_000, 120_000), (120_000, 180_000)]


def test_after_a_start_of_ours_the_way_of_the_last_reading_goes_on() -> None:
    heard = gone_on(AYT, Before(MQTT, -1000))
    heard.hear(asked(0, 20), sent(0.5, 20))
    assert heard.stored[0] == ((500, MQTT), (-1000, 500))
    assert (0, AYT) not in [came for came, _ in heard.stored]
    assert heard.handed_over == [(1000, AYT)]
    assert covered_without_a_gap(heard.windows)


def gone_on(preferred: Way, before: Before, now_ms: int = 0) -> Listening:
    """After a start of ours; the last reading is of `before.counted_ms`."""
    heard = Listening(preferred)
    heard.ways.go_on(before, now_ms)
    assert before.counted_ms is not None
    heard.timeline.newest_ms = NOON_MS + before.counted_ms
    return heard


def test_a_unit_that_publishes_seldom_loses_nothing_by_a_start_of_ours() -> None:
    heard = gone_on(MQTT, Before(MQTT, -55_000, interval_ms=60_000)).hear(sent(5, 200, 60_000))
    assert heard.windows == [(at - 60_000, at) for at in (5_000, 65_000, 125_000, 185_000)]


def test_without_knowing_how_often_it_publishes_its_first_message_tells_of_no_time() -> None:
    heard = gone_on(MQTT, Before(MQTT, -55_000)).hear(sent(5, 200, 60_000))
    assert heard.windows[:2] == [(5_000, 5_000), (5_000, 65_000)]


def test_messages_that_are_stored_already_are_followed_where_the_last_one_came_here() -> None:
    for apart_ms, window in ((30, (-1970, 0)), (-30, (-2030, 0)), (-3000, (-2000, 0))):
        heard = gone_on(MQTT, Before(MQTT, -2000 + apart_ms))
        heard.ways.leave_out(MQTT, -2000, is_last=True)
        heard.hear(sent(0, 4))
        assert heard.windows[0] == window
        assert covered_without_a_gap(heard.windows)


def test_what_was_overheard_does_not_take_over_before_questions_had_their_turn() -> None:
    heard = gone_on(AYT, Before(AYT, -10_000), now_ms=0)
    heard.ways.leave_out(MQTT, -11_000, is_last=False)
    heard.hear(sent(-9, 20), asked(0.4, 20))
    assert heard.by(MQTT) == []
    assert heard.windows[0] == (-10_000, 400)


def test_and_fills_all_the_time_where_no_question_is_answered() -> None:
    heard = gone_on(AYT, Before(AYT, -10_000), now_ms=0)
    heard.ways.leave_out(MQTT, -11_000, is_last=False)
    heard.hear(sent(-9, 20))
    assert [window[0] for window in heard.windows[:2]] == [-10_000, -9_000]
    assert covered_without_a_gap(heard.windows)


# --- A silence of both while messages count ---------------------------------------------------------------------


def test_after_a_silence_of_both_questions_tell_of_it_though_messages_are_preferred() -> None:
    for first_ayt_s, first_mqtt_s in ((3600.0, 3600.9), (3600.9, 3600.0), (3600.0, 3640.5), (3607.3, 3600.0)):
        ends_s = max(first_ayt_s, first_mqtt_s) + 20
        outage = asked(0, 20), sent(0.3, 20), asked(first_ayt_s, ends_s), sent(first_mqtt_s, ends_s)
        heard = Listening(MQTT).hear(*outage)
        assert (20_000, round(1000 * first_ayt_s)) in heard.by(AYT)
        assert [way for _, way in heard.handed_over] == [AYT, MQTT]
        assert covered_without_a_gap(heard.windows)
        assert heard.windows[-1] in heard.by(MQTT)


def test_a_silence_that_a_message_would_bridge_is_measured_by_the_answer() -> None:
    heard = Listening(MQTT).hear(asked(0, 20), sent(0.3, 20.4), sent(27.1, 40), asked(27.9, 40))
    assert (20_300, 27_900) in heard.by(AYT)
    assert covered_without_a_gap(heard.windows)


def test_messages_that_end_it_wait_for_an_answer_and_then_count_from_the_first_on() -> None:
    heard = Listening(MQTT).hear(asked(0, 20), sent(0.3, 20), sent(3600, 3630))
    assert [window for window in heard.windows if window[1] > 21_000] == [
        (at - 2000, at) for at in range(3_602_000, 3_630_001, 2000)
    ]


def test_a_mean_that_spans_time_which_messages_have_told_of_is_none_of_the_silence() -> None:
    heard = Listening(MQTT).hear(asked(0, 20), sent(0.3, 60), asked(3600, 3620), sent(3600.5, 3620))
    assert (3_600_500, 3_600_500) in heard.windows
    assert not any(window[0] < 3_600_000 < window[1] for window in heard.windows)


def test_after_a_start_of_ours_too() -> None:
    before = Before(MQTT, -3600_000, interval_ms=2000, answered_ms=-3600_600)
    heard = gone_on(MQTT, before).hear(sent(0, 20), asked(0.7, 20))
    assert heard.windows[0] == (-3600_000, 700)
    assert covered_without_a_gap(heard.windows)
    heard = gone_on(MQTT, Before(MQTT, -3600_000, interval_ms=2000, answered_ms=-3660_000))
    assert heard.hear(sent(0, 20), asked(0.7, 20)).windows[0] == (0, 0)


def test_after_a_cut_nothing_of_before_counts() -> None:
    heard = Listening().hear(asked(0, 20), sent(0.3, 28))
    heard.ways.cut()
    heard.hear(sent(29, 60))
    assert min(window[0] for window in heard.by(MQTT)) >= 29_000


def test_a_way_that_stays_silent_keeps_little_back() -> None:
    heard = Listening().hear(asked(0, 2), sent(0, 10_000, 20_000))
    assert heard.ways.current is MQTT
    healthy = Listening().hear(asked(0, 3600), sent(0.5, 3600))
    assert len(healthy.ways._lines[MQTT].kept) <= 1


# --- Whatever comes and goes ------------------------------------------------------------------------------------

# For how many seconds a way is heard, and is silent, in turn.
_turns = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 40)), max_size=8)


def _of(turns: Sequence[tuple[int, int]], phase_ms: int, interval_ms: int, way: Way) -> list[Came]:
    came: list[Came] = []
    at_ms = phase_ms
    for heard_s, silent_s in turns:
        came += every(interval_ms, at_ms, at_ms + 1000 * heard_s, way)
        at_ms += 1000 * (heard_s + silent_s)
    return came


def _measured(came: Sequence[Came], longest_ms: int) -> list[Window]:
    return [(a, b) for (a, _), (b, _) in itertools.pairwise(came) if b - a <= longest_ms]


def _is_covered(window: Window, by: Sequence[Window]) -> bool:
    at_ms = window[0]
    for start_ms, end_ms in by:
        if start_ms <= at_ms < end_ms:
            at_ms = end_ms
    return at_ms >= window[1]


@given(
    by_ayt=_turns,
    by_mqtt=_turns,
    phases_ms=st.tuples(st.integers(0, 5000), st.integers(0, 5000)),
    published_ms=st.integers(200, 3000),
    preferred=st.sampled_from(Way),
)
@example(
    by_ayt=[*[(0, 1)] * 5, (39, 40), (1, 1)], by_mqtt=[*[(0, 1)] * 3, (0, 40), (40, 5), (0, 1)], phases_ms=(3002, 0),
    published_ms=201, preferred=AYT,
)  # fmt: skip
@example(by_ayt=[(20, 40), (40, 1)], by_mqtt=[(58, 3), (20, 1)], phases_ms=(0, 0), published_ms=2000, preferred=AYT)
def test_no_time_is_measured_twice_and_none_left_out_that_a_way_measured(
    by_ayt: list[tuple[int, int]],
    by_mqtt: list[tuple[int, int]],
    phases_ms: tuple[int, int],
    published_ms: int,
    preferred: Way,
) -> None:
    ayt = _of(by_ayt, phases_ms[0], PERIOD_MS, AYT)
    mqtt = _of(by_mqtt, phases_ms[1] + 1, published_ms, MQTT)
    heard = Listening(preferred).hear(ayt, mqtt)
    windows = heard.windows
    assert all(former[1] <= later[0] for former, later in itertools.pairwise(windows))
    assert len({came for came, _ in heard.stored}) == len(heard.stored)
    if not windows:
        return
    first_ms, last_ms = windows[0][1], windows[-1][1]
    # A way tells about the time between two of its answers unless it was silent for more than its mean surely bridges.
    # Of the first time after a silence of a way a part can be lost, where the other one comes back in it.
    by_ayt_ms, by_mqtt_ms = _measured(ayt, 5000), _measured(mqtt, 5000)
    for came, measured, others in ((ayt, by_ayt_ms, by_mqtt_ms), (mqtt, by_mqtt_ms, by_ayt_ms)):
        for start_ms, end_ms in measured:
            is_first = not any(start_ms - 5000 <= at_ms < start_ms for at_ms, _ in came)
            is_certain = not is_first or _is_covered((start_ms, end_ms), others)
            if is_certain and first_ms <= start_ms and end_ms <= last_ms:
                assert _is_covered((start_ms, end_ms), windows)
