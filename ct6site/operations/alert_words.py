"""What alerts say, in the installation's language (CT6_LANGUAGE): nobody asks for them, so there is no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext, gettext_noop, ngettext, pgettext

from ct6site.operations.alerting import Event, Subject
from ct6site.operations.delivery import Message

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
    """Whom news are about: a part or a unit, as people call it, and since when it is or was silent."""

    subject: Subject
    name: str
    since: datetime


def messages(news: Mapping[Event, Sequence[Named]], *, units: bool, parts: bool) -> list[Message]:
    """A message for each kind of news that concerns units or parts, as wanted."""
    with translation.override(settings.LANGUAGE_CODE):
        return [
            _message(event, chosen)
            for event, named in news.items()
            if event is not Event.DROPPED
            and (chosen := [one for one in named if (units if one.subject.unit else parts)])
        ]


def test_message() -> Message:
    with translation.override(settings.LANGUAGE_CODE):
        return Message(
            gettext("CT6: a test message"),
            gettext("Alerts about silent units and parts of the CT6 energy meters arrive here."),
        )


def _message(event: Event, named: Sequence[Named]) -> Message:
    shown, more = named[:MOST_NAMED], len(named) - MOST_NAMED
    lines = [_line(event, one) for one in shown]
    if more > 0:
        lines.append(ngettext("and %(count)d more", "and %(count)d more", more) % {"count": more})
    title = "CT6: " + _title(event, len(named)) % {"name": named[0].name, "count": len(named)}
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


def _line(event: Event, named: Named) -> str:
    values = {"name": named.name, "when": _moment(named.since)}
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


def _moment(when: datetime) -> str:
    local = when.astimezone(ZoneInfo(settings.CT6_TIMEZONE))
    return date_format(local, pgettext("date and time of an alert, format of Django", "H:i:s, j F Y"))
