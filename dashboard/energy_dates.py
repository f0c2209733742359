"""How days, months and moments are written for people, in the language of whoever asks."""

from datetime import datetime
from typing import Final

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import pgettext_lazy

CLOCK: Final = pgettext_lazy("date format", "H:i")
DAY: Final = pgettext_lazy("date format", "D j M Y")
DAY_OF_WEEK: Final = pgettext_lazy("date format", "D j")
DAY_OF_MONTH: Final = pgettext_lazy("date format", "j M")
DATE: Final = pgettext_lazy("date format", "j M Y")
MOMENT: Final = pgettext_lazy("date format", "j M Y H:i")
MOMENT_OF_YEAR: Final = pgettext_lazy("date format", "j M H:i")
MONTH: Final = pgettext_lazy("date format", "F Y")
SHORT_MONTH: Final = pgettext_lazy("date format", "M Y")
MONTH_OF_YEAR: Final = pgettext_lazy("date format", "M")
YEAR: Final = pgettext_lazy("date format", "Y")


def written(when: datetime, form: str | Promise) -> str:
    """A time, on the clocks of its own zone, in one of these forms."""
    return date_format(when, str(form))
