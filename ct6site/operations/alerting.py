"""Judges from signs of life who has fallen silent, who is back, and what is worth telling; troubles that stand
likewise: how long one is there is its silence.

Pure: every moment is an argument, in seconds of a clock that nobody sets. Signs of life are compared, never subtracted
from a clock's time: a step of the server's clock silences nobody.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

FRESH_AFTER_S: Final = 10.0


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """Who may fall silent: a unit, by its device's id, or a part of the product by its name; or a trouble by its."""

    unit: int = 0
    part: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a subject has said nothing, and whether it has said anything since it is listened to."""

    seconds: float
    heard: bool = True


class Ear:
    """Listens to subjects that are all heard in the same way, on a clock that stands still while nobody hears them.

    Who could not be heard for ``FRESH_AFTER_S`` begins anew, with ``grace_s`` more: the others come back only after
    the one through which they are heard.
    """

    def __init__(self, grace_s: float = 0.0) -> None:
        self._grace_s = grace_s
        self._heard: dict[Subject, tuple[object, float, bool]] = {}
        self._own_s = 0.0
        self._listened_s: float | None = None
        self._covered = False

    def cover(self) -> None:
        """Nobody can be heard now."""
        self._covered = True

    def listen(self, now_s: float, signs: Mapping[Subject, object]) -> dict[Subject, Silence]:
        """How long each is silent that may be heard now; ``signs`` are their last signs of life, None for none ever.

        A subject that is missing is forgotten: it begins anew when it is back.
        """
        passed_s = 0.0 if self._listened_s is None else now_s - self._listened_s
        if passed_s >= FRESH_AFTER_S:
            self._heard = {}
        elif not self._covered:
            self._own_s += passed_s
        self._listened_s, self._covered = now_s, False
        self._heard = {subject: self._after(self._heard.get(subject), sign) for subject, sign in signs.items()}
        return {subject: Silence(self._own_s - at_s, heard) for subject, (_, at_s, heard) in self._heard.items()}

    def _after(self, before: tuple[object, float, bool] | None, sign: object) -> tuple[object, float, bool]:
        if before is None:
            return sign, self._own_s + self._grace_s, False
        return before if before[0] == sign else (sign, self._own_s, True)


class Standing:
    """How long troubles have been there, as the judge wants it: one that is not there is heard at this moment."""

    def __init__(self) -> None:
        self._since_s: dict[Subject, float] = {}

    def look(self, now_s: float, there: Mapping[Subject, float], known: Collection[Subject]) -> dict[Subject, Silence]:
        """Of those that are ``known`` now, whether there or not. ``there`` says for each how long it may last."""
        before = self._since_s
        unknown = {subject: since_s for subject, since_s in before.items() if subject not in known}
        self._since_s = unknown | {subject: before.get(subject, now_s) for subject in there if subject in known}
        return {
            subject: Silence(now_s - self._since_s[subject] - there[subject] if subject in there else 0.0)
            for subject in known
        }


@dataclass(frozen=True, slots=True)
class Rules:
    """When an alert opens, is repeated and ends, in seconds."""

    unit_after_s: float
    part_after_s: float
    well_for_s: float = 60.0
    remind_after_s: float = 86_400.0
    # Who falls silent so often within such a time is flapping, and must be well for longer.
    flapping_falls: int = 3
    flapping_within_s: float = 3_600.0
    flapping_well_for_s: float = 900.0
    join_s: float = 3.0

    def after_s(self, subject: Subject) -> float:
        return self.unit_after_s if subject.unit else self.part_after_s


class Event(StrEnum):
    """What is told of a subject; ``DROPPED`` is an alert that ends without a word, of what is watched no more."""

    OPENED = "opened"
    FLAPPING = "flapping"
    REMINDED = "reminded"
    ENDED = "ended"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Course:
    """What is remembered of a subject that is, or lately was, in trouble."""

    is_open: bool = False
    is_down: bool = False
    flaps: bool = False
    falls_s: tuple[float, ...] = ()
    told_s: float | None = None
    well_from_s: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be told now, each kind of news as one, and what to remember until the next time."""

    news: Mapping[Event, tuple[Subject, ...]] = field(default_factory=dict)
    courses: Mapping[Subject, Course] = field(default_factory=dict)


def judge(
    now_s: float,
    silences: Mapping[Subject, Silence],
    courses: Mapping[Subject, Course],
    rules: Rules,
    *,
    watched: Collection[Subject] | None = None,
) -> Verdict:
    """What has changed. Of subjects without a silence nothing is known at the moment: they stay as they are.

    ``watched`` are all that may raise an alert at all, None when that is not known: alerts of others are dropped.
    """
    after: dict[Subject, Course] = {}
    news: dict[Event, list[Subject]] = {}
    down = _silent_for_long(silences, courses, rules)
    for subject in sorted({*courses, *silences}):
        before = courses.get(subject, Course())
        if watched is not None and subject not in watched:
            course, event = None, Event.DROPPED if before.is_open else None
        elif subject in down:
            course, event = _down(before, now_s, rules)
        elif subject in silences and silences[subject].heard:
            course, event = _well(before, now_s, rules), None
        else:
            course, event = before, None
        if course is not None and course != Course():
            after[subject] = course
        if event is not None:
            news.setdefault(event, []).append(subject)
    for subject in _who_is_back(after, now_s, rules):
        after[subject] = _ended(after[subject])
        news.setdefault(Event.ENDED, []).append(subject)
    return Verdict({event: tuple(subjects) for event, subjects in news.items()}, after)


def _silent_for_long(
    silences: Mapping[Subject, Silence], courses: Mapping[Subject, Course], rules: Rules
) -> set[Subject]:
    """Who is past the limit. Once one more gets there, all who are about to do so join: one cause, one message."""

    def past(shortened_by_s: float = 0.0) -> set[Subject]:
        return {
            subject
            for subject, silence in silences.items()
            if silence.seconds >= rules.after_s(subject) - shortened_by_s
        }

    down = past()
    if all(subject in courses and courses[subject].is_down for subject in down):
        return down
    return past(rules.join_s)


def _down(before: Course, now_s: float, rules: Rules) -> tuple[Course, Event | None]:
    if before.is_down:
        is_due = before.told_s is None or now_s - before.told_s >= rules.remind_after_s
        return (replace(before, told_s=now_s), Event.REMINDED) if is_due else (before, None)
    falls_s = (*_recent(before.falls_s, now_s, rules), now_s)
    flaps = before.flaps or len(falls_s) >= rules.flapping_falls
    course = replace(before, is_open=True, is_down=True, flaps=flaps, falls_s=falls_s, well_from_s=None)
    if flaps and not before.flaps:
        return replace(course, told_s=now_s), Event.FLAPPING
    if before.is_open:
        return course, None
    return replace(course, told_s=now_s), Event.OPENED


def _well(before: Course, now_s: float, rules: Rules) -> Course:
    if not before.is_open:
        return Course(falls_s=_recent(before.falls_s, now_s, rules))
    since_s = now_s if before.well_from_s is None else before.well_from_s
    return replace(before, is_down=False, well_from_s=since_s)


def _ended(before: Course) -> Course:
    return Course() if before.flaps else Course(falls_s=before.falls_s)


def _who_is_back(courses: Mapping[Subject, Course], now_s: float, rules: Rules) -> list[Subject]:
    """Who has been well for long enough. They wait as long again for others on their way back: one message for all."""
    ready = [subject for subject, course in courses.items() if _well_beyond_s(course, now_s, rules) >= 0]
    longest_s = max((_well_beyond_s(courses[subject], now_s, rules) for subject in ready), default=0.0)
    others = (course for subject, course in courses.items() if subject not in ready and not course.flaps)
    if longest_s < rules.well_for_s and any(course.well_from_s is not None for course in others):
        return []
    return ready


def _well_beyond_s(course: Course, now_s: float, rules: Rules) -> float:
    """For how long an alert could have ended already; less than 0 for one that cannot."""
    if not course.is_open or course.well_from_s is None:
        return -1.0
    return now_s - course.well_from_s - (rules.flapping_well_for_s if course.flaps else rules.well_for_s)


def _recent(falls_s: Iterable[float], now_s: float, rules: Rules) -> tuple[float, ...]:
    return tuple(fall_s for fall_s in falls_s if now_s - fall_s < rules.flapping_within_s)
