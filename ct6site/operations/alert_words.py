"""What alerts say, in the installation's language (CT6_LANGUAGE): nobody asks for them, so there is no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext, gettext_noop, ngettext

from ct6site.operations.alerting import Event, Subject
from ct6site.operations.delivery import Message
from ct6site.operations.troubles import TITLES, Trouble, moment

MOST_NAMED = 10

_OF_PARTS = {
    "database": gettext_noop("The database does not answer: answers of units wait on disk, and nothing can be shown."),
    "collector": gettext_noop("The collector gives no sign of life: nothing is measured. See its log."),
    "worker-rollups": gettext_noop("The worker of the rollups gives no sign of life: they fall behind. See its log."),
    "worker-jobs": gettext_noop("The worker of the jobs gives no sign of life: no job runs. See its log."),
    "beat": gettext_noop("The schedule (beat) gives no sign of life: rollups and jobs stand still. See its log."),
}


@dataclass(frozen=True, slots=True)
class Named:
    """Whom news are about: a part or a unit, as people call it, and since when it is or was silent.

    Or what: a trouble, and since when it is or was there. ``trouble`` is how it is now, None once it is over.
    """

    subject: Subject
    name: str
    since: datetime
    trouble: Trouble | None = None

    @property
    def is_trouble(self) -> bool:
        return self.subject.part in TITLES


def messages(news: Mapping[Event, Sequence[Named]], *, units: bool, parts: bool) -> list[Message]:
    """A message for each kind of news that concerns units or parts, as wanted; troubles apart from silence."""
    with translation.override(settings.LANGUAGE_CODE):
        return [
            _message(event, chosen)
            for event, named in news.items()
            for of_trouble in (False, True)
            if event is not Event.DROPPED
            and (chosen := [one for one in named if _concerns(one, of_trouble, units=units, parts=parts)])
        ]


def title_of(subject: Subject) -> str:
    """What a trouble is about."""
    return str(TITLES[subject.part])


def sentence_of(trouble: Trouble | None, language: str = "") -> str:
    """What it says, in the installation's language if no other is wanted; empty for none."""
    with translation.override(language or settings.LANGUAGE_CODE):
        return trouble.sentence if trouble else ""


def _concerns(named: Named, of_trouble: bool, *, units: bool, parts: bool) -> bool:
    return named.is_trouble == of_trouble and (units if named.subject.unit else parts)


def test_message() -> Message:
    with translation.override(settings.LANGUAGE_CODE):
        return Message(
            gettext("CT6: a test message"),
            gettext("Alerts about silent units, and about what goes wrong with the CT6 energy meters, arrive here."),
        )


def _message(event: Event, named: Sequence[Named]) -> Message:
    shown, more = named[:MOST_NAMED], len(named) - MOST_NAMED
    lines = [_line(event, one) for one in shown]
    if more > 0:
        lines.append(ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
    title_of_kind = _title_of_troubles if named[0].is_trouble else _title
    title = "CT6: " + title_of_kind(event, len(named)) % {"name": _name(named[0]), "count": len(named)}
    return Message(title, "\n".join(lines), tuple(one.subject for one in named))


def _title(event: Event, count: int) -> str:
    if event is Event.OPENED:
        return ngettext("%(name)s is silent", "%(count)d are silent, %(name)s among them", count)
    if event is Event.FLAPPING:
        return ngettext(
            "%(name)s keeps falling silent and coming back",
            "%(count)d keep falling silent and coming back, %(name)s among them",
            count,
        )
    if event is Event.REMINDED:
        return ngettext("%(name)s is still silent", "%(count)d are still silent, %(name)s among them", count)
    return ngettext("%(name)s is back", "%(count)d are back, %(name)s among them", count)


def _title_of_troubles(event: Event, count: int) -> str:
    if event is Event.OPENED:
        return ngettext("trouble: %(name)s", "%(count)d troubles, %(name)s among them", count)
    if event is Event.FLAPPING:
        return ngettext(
            "trouble that comes and goes: %(name)s",
            "%(count)d troubles that come and go, %(name)s among them",
            count,
        )
    if event is Event.REMINDED:
        return ngettext("still in trouble: %(name)s", "still %(count)d troubles, %(name)s among them", count)
    return ngettext("no more trouble: %(name)s", "%(count)d troubles are over, %(name)s among them", count)


def _name(named: Named) -> str:
    return title_of(named.subject) if named.is_trouble else named.name


def _line(event: Event, named: Named) -> str:
    values = {"name": _name(named), "when": moment(named.since)}
    if named.is_trouble:
        return _line_of_trouble(event, named.trouble, values)
    if event is Event.ENDED:
        return gettext("%(name)s: back, after silence since %(when)s") % values
    if event is Event.FLAPPING:
        return (
            gettext("%(name)s: silent again since %(when)s. No more is said of it until it stays well for a while.")
            % values
        )
    line = gettext("%(name)s: silent since %(when)s") % values
    sentence = _OF_PARTS.get(named.subject.part)
    return f"{line}. {gettext(sentence)}" if sentence else line


def _line_of_trouble(event: Event, trouble: Trouble | None, values: Mapping[str, str]) -> str:
    if event is Event.ENDED or trouble is None:
        return gettext("%(name)s: over, after it began at %(when)s") % values
    values = {**values, "sentence": trouble.sentence}
    if event is Event.FLAPPING:
        return gettext("Since %(when)s: %(sentence)s No more is said of it until it stays well for a while.") % values
    return gettext("Since %(when)s: %(sentence)s") % values
