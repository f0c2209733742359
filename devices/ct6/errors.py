"""What can go wrong between us and a unit, sorted by what the caller can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


def gettext_noop(template: str) -> str:
    """Marks a text that users read, for its translation. It stays English here; who shows it translates it."""
    return template


class UnitError(Exception):
    """A unit did not do what was asked of it.

    `unit` is the label or address, `message` says in English what happened and what to do, and `retryable` whether
    the same call may succeed later with nothing changed. To say it in another language, translate `template` and put
    in `values`, which are plain texts and numbers; with no values the template is the text as it stands.
    """

    retryable: ClassVar[bool] = False

    def __init__(self, unit: str, template: str, values: Mapping[str, object] | None = None) -> None:
        super().__init__(unit, template, values)
        self.unit = unit
        self.template = template
        self.values = dict(values or {})

    def __str__(self) -> str:
        return f"{self.unit}: {self.message}" if self.unit else self.message

    @property
    def message(self) -> str:
        return self.template % self.values if self.values else self.template


class UnitUnreachable(UnitError):
    """No connection, or none that lasted until the answer was complete."""

    retryable = True


class UnitAnsweredBadly(UnitError):
    """An answer came that is cut off, too long, or not what this call answers."""

    retryable = True


class UnitRefused(UnitError):
    """The unit understood and said no (`{"ERROR": ...}`)."""


class WrongUnit(UnitError):
    """Another unit answers at this address; nothing was changed on it."""


class DestructiveValue(UnitError, ValueError):
    """Refused by us before anything was sent, because it could put the unit out of action.

    `key` is the setting (empty for a bare name); the message says what would become of the unit.
    """

    def __init__(self, key: str, template: str, values: Mapping[str, object] | None = None, *, unit: str = "") -> None:
        super().__init__(unit, template, values)
        self.key = key

    def __reduce__(self) -> tuple[object, ...]:
        # BaseException would rebuild us from (unit, template, values), which are not our arguments.
        return _rebuild, (type(self), self.key, self.template, self.values, self.unit)

    def for_unit(self, unit: str) -> DestructiveValue:
        """The same refusal, naming the unit it was meant for."""
        return type(self)(self.key, self.template, self.values, unit=unit)


class NameTooLong(DestructiveValue):
    """A name past the greatest length that we let a unit carry."""


def _rebuild(
    kind: type[DestructiveValue], key: str, template: str, values: Mapping[str, object], unit: str
) -> DestructiveValue:
    return kind(key, template, values, unit=unit)


class AnswerError(ValueError):
    """Why a message is no answer of a CT6."""


class NotAnAnswer(AnswerError):
    """Garbage, cut off, not JSON, or without a usable label."""


class OtherProduct(AnswerError):
    """A well-formed answer of another product, which answers the same question."""


class AskError(Exception):
    """Questions cannot be sent the way that was asked for."""


class NoInterface(AskError):
    """A network interface was named that this machine does not have, or that cannot broadcast."""
