"""Who has fallen silent, who is back, and what is told of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from ct6site.operations.alerting import Course, Ear, Event, Rules, Silence, Standing, Subject, judge

RULES = Rules(unit_after_s=20.0, part_after_s=30.0)
LOOK_S = 2.0
HOUSE, ANNEX, SHED = Subject(unit=1), Subject(unit=2), Subject(unit=3)
COLLECTOR = Subject(part="collector")


@dataclass
class Story:
    """What is told while the looks go by, every other second."""

    now_s: float = 0.0
    courses: Mapping[Subject, Course] = field(default_factory=dict)
    silent_from_s: dict[Subject, float] = field(default_factory=dict)
    told: list[tuple[float, Event, tuple[Subject, ...]]] = field(default_factory=list)
    subjects: tuple[Subject, ...] = (HOUSE,)

    def pass_by(self, span_s: float, *, silent: Iterable[Subject] = ()) -> None:
        silent = set(silent)
        until_s = self.now_s + span_s
        while self.now_s < until_s:
            self.now_s += LOOK_S
            self.look(silent)

    def look(self, silent: set[Subject]) -> None:
        for subject in self.subjects:
            if subject in silent:
                self.silent_from_s.setdefault(subject, self.now_s - LOOK_S)
            else:
                self.silent_from_s.pop(subject, None)
        silences = {
            subject: Silence(self.now_s - self.silent_from_s.get(subject, self.now_s)) for subject in self.subjects
        }
        verdict = judge(self.now_s, silences, self.courses, RULES, watched=self.subjects)
        self.courses = verdict.courses
        self.told += [(self.now_s, event, subjects) for event, subjects in verdict.news.items()]

    @property
    def events(self) -> list[Event]:
        return [event for _, event, _ in self.told]


@pytest.fixture
def story() -> Story:
    return Story()


# --- One subject ------------------------------------------------------------------------------------------------
def test_nothing_is_told_of_who_is_well(story: Story) -> None:
    story.pass_by(3_600)
    assert (story.told, story.courses) == ([], {})


@pytest.mark.parametrize(("subject", "limit_s"), [(HOUSE, 20.0), (COLLECTOR, 30.0)])
def test_an_alert_opens_at_the_limit_and_not_before(subject: Subject, limit_s: float) -> None:
    for silent_s, opened in ((limit_s - 0.1, {}), (limit_s, {Event.OPENED: (subject,)})):
        assert judge(100.0, {subject: Silence(silent_s)}, {}, RULES).news == opened


def test_it_opens_once(story: Story) -> None:
    story.pass_by(3_600, silent=[HOUSE])
    assert story.told == [(20.0, Event.OPENED, (HOUSE,))]


def test_it_ends_only_after_a_minute_of_being_well(story: Story) -> None:
    story.pass_by(100, silent=[HOUSE])
    story.pass_by(60)
    assert story.events == [Event.OPENED]
    story.pass_by(2)
    assert story.told[1:] == [(162.0, Event.ENDED, (HOUSE,))]


def test_it_is_told_again_once_a_day(story: Story) -> None:
    story.pass_by(2 * 86_400 + 100, silent=[HOUSE])
    assert [(told_s, event) for told_s, event, _ in story.told] == [
        (20.0, Event.OPENED),
        (86_420.0, Event.REMINDED),
        (172_820.0, Event.REMINDED),
    ]


def test_an_open_alert_that_was_never_told_is_told_as_soon_as_it_is_known_to_last() -> None:
    kept = {HOUSE: Course(is_open=True, is_down=True)}
    assert judge(0.0, {HOUSE: Silence(5.0, heard=False)}, kept, RULES).news == {}
    assert judge(20.0, {HOUSE: Silence(25.0, heard=False)}, kept, RULES).news == {Event.REMINDED: (HOUSE,)}


def test_a_relapse_within_the_minute_is_the_same_alert(story: Story) -> None:
    story.pass_by(60, silent=[HOUSE])
    story.pass_by(40)
    story.pass_by(60, silent=[HOUSE])
    story.pass_by(80)
    assert story.events == [Event.OPENED, Event.ENDED]


def test_who_comes_and_goes_is_told_as_flapping_once(story: Story) -> None:
    for _ in range(20):
        story.pass_by(30, silent=[HOUSE])
        story.pass_by(30)
    assert story.events == [Event.OPENED, Event.FLAPPING]


def test_who_falls_silent_again_after_each_end_is_flapping_too(story: Story) -> None:
    for _ in range(8):
        story.pass_by(30, silent=[HOUSE])
        story.pass_by(120)
    assert story.events == [Event.OPENED, Event.ENDED, Event.OPENED, Event.ENDED, Event.FLAPPING]


def test_flapping_ends_after_a_quarter_of_an_hour_and_begins_anew(story: Story) -> None:
    for _ in range(5):
        story.pass_by(30, silent=[HOUSE])
        story.pass_by(30)
    story.pass_by(860)
    assert story.events == [Event.OPENED, Event.FLAPPING]
    story.pass_by(20)
    story.pass_by(30, silent=[HOUSE])
    assert story.events[2:] == [Event.ENDED, Event.OPENED]


def test_falls_of_hours_ago_make_nobody_flapping(story: Story) -> None:
    for _ in range(5):
        story.pass_by(60, silent=[HOUSE])
        story.pass_by(2_400)
    assert Event.FLAPPING not in story.events
    assert story.events.count(Event.OPENED) == 5


# --- Several ----------------------------------------------------------------------------------------------------
def test_many_at_once_are_one_message() -> None:
    story = Story(subjects=(HOUSE, ANNEX, SHED))
    story.pass_by(60, silent=story.subjects)
    story.pass_by(120)
    assert [(event, subjects) for _, event, subjects in story.told] == [
        (Event.OPENED, (HOUSE, ANNEX, SHED)),
        (Event.ENDED, (HOUSE, ANNEX, SHED)),
    ]


def test_who_is_about_to_pass_the_limit_joins_who_does() -> None:
    silences = {HOUSE: Silence(20.0), ANNEX: Silence(17.5), SHED: Silence(12.0)}
    assert judge(0.0, silences, {}, RULES).news == {Event.OPENED: (HOUSE, ANNEX)}


def test_nobody_joins_who_was_silent_before() -> None:
    kept = {HOUSE: Course(is_open=True, is_down=True, told_s=0.0)}
    assert judge(9.0, {HOUSE: Silence(90.0), ANNEX: Silence(18.0)}, kept, RULES).news == {}


def test_who_comes_back_waits_for_others_on_their_way_back() -> None:
    story = Story(subjects=(HOUSE, ANNEX))
    story.pass_by(60, silent=[HOUSE, ANNEX])
    story.pass_by(40, silent=[ANNEX])
    story.pass_by(80)
    assert [(event, subjects) for _, event, subjects in story.told[1:]] == [(Event.ENDED, (HOUSE, ANNEX))]


def test_who_comes_back_waits_for_nobody_who_stays_away() -> None:
    story = Story(subjects=(HOUSE, ANNEX))
    story.pass_by(60, silent=[HOUSE, ANNEX])
    story.pass_by(80, silent=[ANNEX])
    assert [(event, subjects) for _, event, subjects in story.told[1:]] == [(Event.ENDED, (HOUSE,))]


# --- Who raises none --------------------------------------------------------------------------------------------
def test_an_alert_of_whom_nothing_is_known_stays_as_it_is() -> None:
    kept = {HOUSE: Course(is_open=True, is_down=True, told_s=0.0)}
    verdict = judge(500.0, {}, kept, RULES, watched=[HOUSE])
    assert (verdict.news, verdict.courses) == ({}, kept)


def test_an_alert_of_who_is_watched_no_more_ends_without_a_word() -> None:
    kept = {HOUSE: Course(is_open=True, is_down=True, told_s=0.0)}
    verdict = judge(500.0, {}, kept, RULES, watched=[ANNEX])
    assert (verdict.news, verdict.courses) == ({Event.DROPPED: (HOUSE,)}, {})


def test_who_was_not_heard_yet_is_not_taken_to_be_back() -> None:
    kept = {HOUSE: Course(is_open=True, is_down=True, told_s=0.0)}
    for now_s in (10.0, 80.0, 150.0):
        assert judge(now_s, {HOUSE: Silence(1.0, heard=False)}, kept, RULES).courses == kept


# --- Listening --------------------------------------------------------------------------------------------------
def heard_by(ear: Ear, moments_s: Iterable[float], sign: object = "a") -> Silence:
    silence = Silence(0.0)
    for now_s in moments_s:
        silence = ear.listen(now_s, {HOUSE: sign})[HOUSE]
    return silence


def test_silence_is_counted_from_the_look_that_saw_the_last_sign() -> None:
    ear = Ear()
    heard_by(ear, [0.0])
    assert heard_by(ear, [2.0], "b") == Silence(0.0)
    assert heard_by(ear, [4.0, 6.0], "b") == Silence(4.0)


def test_a_sign_counts_when_it_is_another_one_whatever_its_time() -> None:
    ear = Ear()
    heard_by(ear, [0.0], 5_000)
    assert heard_by(ear, [2.0], 1_400) == Silence(0.0)


def test_who_is_listened_to_for_the_first_time_has_time_to_begin() -> None:
    ear = Ear(grace_s=40.0)
    assert heard_by(ear, [0.0]) == Silence(-40.0, heard=False)
    assert heard_by(ear, [2.0], "b") == Silence(0.0)


def test_the_clock_stands_still_while_nobody_can_be_heard() -> None:
    ear = Ear()
    heard_by(ear, [0.0])
    heard_by(ear, [2.0, 4.0], "b")
    ear.cover()
    assert heard_by(ear, [9.0], "b") == Silence(2.0)
    assert heard_by(ear, [11.0], "b") == Silence(4.0)


def test_after_an_outage_everybody_begins_anew() -> None:
    ear = Ear(grace_s=10.0)
    heard_by(ear, [0.0])
    heard_by(ear, [2.0], "b")
    ear.cover()
    assert heard_by(ear, [300.0], "b") == Silence(-10.0, heard=False)


def test_a_look_that_comes_late_silences_nobody() -> None:
    ear = Ear()
    heard_by(ear, [0.0])
    heard_by(ear, [2.0], "b")
    assert heard_by(ear, [90.0], "b") == Silence(0.0, heard=False)


def test_who_was_held_by_a_job_begins_anew() -> None:
    ear = Ear()
    heard_by(ear, [0.0])
    heard_by(ear, [2.0], "b")
    ear.listen(4.0, {})
    assert heard_by(ear, [6.0], "b") == Silence(0.0, heard=False)


# --- Troubles ---------------------------------------------------------------------------------------------------
DISK = Subject(part="spool-disk")


def test_a_trouble_is_told_once_it_has_been_there_for_so_long_and_ends_like_a_silence() -> None:
    standing, told = Standing(), []
    courses: Mapping[Subject, Course] = {}
    for now_s in range(0, 200, 2):
        there = {DISK: 0.0} if 10 <= now_s < 60 else {}
        verdict = judge(now_s, standing.look(now_s, there, [DISK]), courses, RULES)
        courses = verdict.courses
        told += [(now_s, event) for event in verdict.news]
    assert told == [(40, Event.OPENED), (120, Event.ENDED)]


def test_a_trouble_that_may_last_is_told_so_much_later() -> None:
    standing = Standing()
    assert standing.look(0.0, {DISK: 240.0}, [DISK]) == {DISK: Silence(-240.0)}
    assert standing.look(270.0, {DISK: 240.0}, [DISK]) == {DISK: Silence(30.0)}


def test_of_a_trouble_of_which_nothing_is_known_nothing_is_said_and_nothing_forgotten() -> None:
    standing = Standing()
    standing.look(0.0, {DISK: 0.0}, [DISK])
    assert standing.look(10.0, {}, []) == {}
    assert standing.look(20.0, {DISK: 0.0}, [DISK]) == {DISK: Silence(20.0)}
    assert standing.look(30.0, {}, [DISK]) == {DISK: Silence(0.0)}
