"""A moment that somebody picks, by the clocks of a place."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

_FIRST_YEAR: Final = 1971
_LAST_YEAR: Final = 2198


class LocalMomentField(forms.DateTimeField):
    """A moment as browsers let it be picked, by the installation's clocks or those of `zone`.

    One that these clocks show twice, or never, is refused, unless it is given with its offset from UTC.
    """

    default_error_messages = {"year": _("Is not between %(first)d and %(last)d.")}
    zone: str | None = None

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", UnfoldAdminTextInputWidget(attrs={"type": "datetime-local"}))
        super().__init__(**options)

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(self._zone()):
            moment: datetime | None = super().to_python(value)
        if moment is not None and not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
            years = {"first": _FIRST_YEAR, "last": _LAST_YEAR}
            raise forms.ValidationError(self.error_messages["year"], code="year", params=years)
        return moment

    def prepare_value(self, value: Any) -> Any:
        return f"{value.astimezone(self._zone()):%Y-%m-%dT%H:%M}" if isinstance(value, datetime) else value

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone or settings.CT6_TIMEZONE)
