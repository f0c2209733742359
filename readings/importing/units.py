"""Which of our devices a database of theirs belongs to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from django.db import IntegrityError

from devices import adoption
from devices.ct6.protocol import DEFAULT_ASSY, is_label
from devices.models import Device, Port, Replacement
from devices.registration import register_past
from readings.importing.databases import TheirDatabase
from readings.importing.errors import NotImported

_FACTORY_LABEL: Final = re.compile(r"ASY\d+_V[\d.]+_SN\d+")


@dataclass(frozen=True, slots=True)
class Belonging:
    """The label of a database's unit, its device if we have one, and what there is to say of that."""

    assy: str
    device: Device | None
    remarks: tuple[str, ...] = ()


def belonging_of(database: TheirDatabase, label: str = "") -> Belonging:
    """By the label that the database holds, or the one that is given. Raises NotImported."""
    unit = database.unit
    assy = label or unit.assy or _label_by_name(database)
    if not is_label(assy):
        raise NotImported(
            f"{database} does not tell its unit's label: give it with --unit LABEL, and this database alone."
        )
    if assy == DEFAULT_ASSY:
        raise NotImported(
            f"{database} is of a unit with the label that every uncalibrated board carries, which identifies nothing: "
            "say with --unit LABEL which unit it is, by a label of its own, and give this database alone."
        )
    remarks = []
    if unit.other_labels and not label:
        others = ", ".join(unit.other_labels)
        remarks.append(f"it names other units as well ({others}): all rows are taken for those of {assy}")
    device = Device.objects.filter(assy=assy).first()
    if device is None:
        former = Replacement.objects.filter(former_assy=assy).select_related("device").order_by("-at_ms").first()
        if former is not None:
            device = former.device
            remarks.append(f"{assy} was replaced by {device.assy}, which has its place and its history")
    if device is not None and device.adoption == Device.Adoption.IGNORED:
        raise NotImported(
            f"{database} is of {assy}, which is ignored here: adopt it in the admin, under Devices, to import it."
        )
    return Belonging(assy, device, tuple(remarks))


def device_for(database: TheirDatabase, belonging: Belonging, who: Any) -> Device:
    """The device, adopted, with a port for each that the database has; made where it is not there yet.

    What the unit itself has told of its name and ports stays. Raises NotImported.
    """
    unit, ports = database.unit, database.columns.ports
    assy = belonging.assy if belonging.device is None else belonging.device.assy
    names = {number: unit.port_names.get(number, "") for number in ports}
    try:
        device = register_past(assy, unit.name, names)
    except IntegrityError:  # the collector has met it at the same moment
        device = register_past(assy, unit.name, names)
    adoption.adopt(device, who)
    return device


def ports_of(device: Device, numbers: Sequence[int]) -> dict[int, int]:
    """The ids of the device's ports by number."""
    ports = Port.objects.filter(device=device, number__in=numbers)
    return dict(ports.values_list("number", "pk"))


def _label_by_name(database: TheirDatabase) -> str:
    """Of a database that names no label: its file's name, or that of the only device with the unit's name."""
    file_name = Path(database.name).stem
    if _FACTORY_LABEL.fullmatch(file_name):
        return file_name
    named = list(Device.objects.filter(name=database.unit.name).values_list("assy", flat=True)[:2])
    return named[0] if len(named) == 1 else ""
