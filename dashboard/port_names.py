"""What ports are called where a time is shown in which they had other names."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

from devices.models import Port
from devices.port_past import all_as_they_were


def labels_of(ports: Sequence[Port], end_ms: int) -> dict[int, str]:
    """By port, its name; with the former one where it had another when a range ended, e.g. "Oven (then Cellar)"."""
    then = all_as_they_were(ports, end_ms - 1)
    return {port.pk: _label(port.label, then[port.pk].label) for port in ports}


def _label(now: str, then: str) -> str:
    return now if now == then else _("%(name)s (then %(former)s)") % {"name": now, "former": then}
