"""Devices and ports as the units report them: the only writer of both from answers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from django.conf import settings
from django.db import IntegrityError, models, transaction

from devices import audit
from devices.ct6.protocol import DEFAULT_ASSY, Answer, PortValues, past_answer
from devices.models import Device, Job, Port, Replacement

log = structlog.get_logger(__name__)

# What a unit tells over HTTP too, when its settings are read back.
_TOLD: Final = frozenset({"name", "group_name", "active"})
# Machines whose clocks differ by more have other troubles; a time yet to come must not silence a unit for long.
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
MOVED: Final = "move"  # how the audit log calls a unit's new address
_TOLD_BY_MQTT: Final = frozenset({"name", "firmware_version", "active"})
_DESCRIPTION: Final = ("name", "group_name", "device_type", "firmware_version", "http_port", "active")


@dataclass(frozen=True, slots=True)
class KnownPort:
    id: int
    name: str
    sensor_type: str


@dataclass(frozen=True, slots=True)
class KnownUnit:
    """What the database has of a unit."""

    device_id: int
    assy: str
    address: str | None
    adopted: bool
    claimed_from: str | None
    description: tuple[object, ...]
    ports: Mapping[int, KnownPort]
    calibrating: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether its answers become readings: while it is calibrated its gains are wrong on purpose."""
        return self.adopted and not self.calibrating

    @property
    def name(self) -> str:
        return str(self.description[0])

    def is_described_by(self, answer: Answer, address: str | None) -> bool:
        """Whether the answer says nothing new about the unit or its ports; None: it came by MQTT."""
        if address is None:
            said = _said_by_mqtt(answer)
            if any(said.get(name, held) != held for name, held in zip(_DESCRIPTION, self.description, strict=True)):
                return False
        elif self.address != address or self.description != _description_of(answer):
            return False
        for port in answer.ports:
            known = self.ports.get(port.number)
            if known is None or known.name != port.name or known.sensor_type != port.sensor_type[:_SENSOR_TYPE]:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Sighting:
    """An answer whose unit is new, or says something new about itself, where it came from (None: by MQTT, which leaves
    out the half of what a unit is) and when (None: now)."""

    answer: Answer
    address: str | None
    received: datetime | None = None

    def is_overtaken(self, device: Device) -> bool:
        """Whether the unit has told over HTTP since what it holds."""
        told_at = device.told_at
        if told_at is None or self.received is None:
            return False
        return self.received <= told_at <= datetime.now(UTC) + _CLOCKS_DIFFER


def known_units(assys: Collection[str] | None = None) -> dict[str, KnownUnit]:
    """What the database has of these units, or of all, by label."""
    devices = Device.objects.order_by()
    ports = Port.objects.order_by()
    if assys is not None:
        devices = devices.filter(assy__in=assys)
        ports = ports.filter(device__assy__in=assys)
    ports_of: dict[int, dict[int, KnownPort]] = {}
    for port_id, device_id, number, name, sensor_type in ports.values_list(
        "id", "device_id", "number", "name", "sensor_type"
    ):
        ports_of.setdefault(device_id, {})[number] = KnownPort(port_id, name, sensor_type)
    # One whose worker died waits for another, which puts the gains of before back.
    half_calibrated = Job.objects.waiting().filter(kind=Job.Kind.CALIBRATION, starts__gt=0).values("device")
    calibrating = models.Q(running_job__kind=Job.Kind.CALIBRATION) | models.Q(pk__in=half_calibrated)
    rows = devices.annotate(calibrating=models.ExpressionWrapper(calibrating, models.BooleanField())).values_list(
        "id", "assy", "address", "adoption", "claimed_from", "calibrating", *_DESCRIPTION
    )
    return {
        assy: KnownUnit(
            device_id,
            assy,
            address,
            adoption == Device.Adoption.ADOPTED,
            claimed_from,
            tuple(description),
            ports_of.get(device_id, {}),
            bool(calibrating),  # NULL where no job runs
        )
        for device_id, assy, address, adoption, claimed_from, calibrating, *description in rows
    }


def mean_was_cut(device_id: int, start_ms: int, end_ms: int, *, slack_ms: int) -> bool:
    """Whether the unit answered somebody in between whose answers were not stored, or was calibrated then: its next
    mean does not tell about all of that time.
    """
    start, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (start_ms, end_ms))
    slack = timedelta(milliseconds=slack_ms)
    heard = models.Q(last_seen__gt=start + slack, last_seen__lt=end - slack)
    calibrated = Job.objects.filter(device=device_id, kind=Job.Kind.CALIBRATION, started__lt=end, ended__gt=start)
    return Device.objects.filter(heard | models.Exists(calibrated), pk=device_id).exists()


def register(sightings: Sequence[Sighting]) -> dict[str, KnownUnit]:
    """Make the devices and ports that are new, write what has changed, and return these units by label.

    All or nothing. A new device is adopted where CT6_ADOPT says so, but never one with the label that every
    uncalibrated board carries, nor one whose place another unit has taken. What else it tells over HTTP is left out of
    an answer that came before it told it over HTTP.
    """
    newest = {sighting.answer.assy: sighting for sighting in sightings}
    with transaction.atomic():
        # Held, so that what a unit tells over HTTP at this moment is not overwritten.
        held = Device.objects.select_for_update().order_by("pk").filter(assy__in=newest)
        devices = {device.assy: device for device in held}
        new = {assy for assy in newest if assy not in devices}
        replaced = _replaced(new)
        Device.objects.bulk_create([_new_device(newest[assy], replaced) for assy in newest if assy in new])
        devices |= {device.assy: device for device in Device.objects.filter(assy__in=new)}
        news = [_found(devices[assy], replaced) for assy in newest if assy in new]
        for assy, sighting in newest.items():
            if assy not in new:
                news += _update(devices[assy], _news_of(sighting, devices[assy]))
        news += _register_ports(devices, newest, new)
        known = known_units(newest)
    for one in news:
        log.info(one.sentence, **one.details)
    return known


def register_told(told: Answer, address: str) -> Device:
    """Make the device and ports of a unit that told over HTTP what it is, or write what has changed.

    That is also how a unit comes here that is inactive, and so silent. What it answered until now is older.
    """
    try:
        return _register_told(told, address)
    except IntegrityError:  # the collector has met it at the same moment
        return _register_told(told, address)


def _register_told(told: Answer, address: str) -> Device:
    with transaction.atomic():
        known = Device.objects.select_for_update().filter(assy=told.assy).first()
        if known is not None and not told.firmware_version:
            told = replace(told, firmware_version=known.firmware_version)
        register([Sighting(told, address)])
        Device.objects.filter(assy=told.assy).update(told_at=datetime.now(UTC))
        return Device.objects.get(assy=told.assy)


def register_past(assy: str, name: str, ports: Mapping[int, str]) -> Device:
    """Make the device and those of its ports that are not there yet, by what another application has stored of it.

    What is here already stays as it is. A new device is adopted by the rule for units that are heard.
    """
    known = known_units([assy]).get(assy)
    new = {number: text for number, text in ports.items() if known is None or number not in known.ports}
    if known is None or new:
        register([Sighting(past_answer(assy, known.name if known else name, new), None)])
    return Device.objects.get(assy=assy)


def note_told(device: Device, *, firmware_version: str, name: str | None) -> None:
    """Write what a unit that is known told of itself over HTTP, also to `device`; empty and None: it did not tell.

    One that is inactive is not heard, and would stay here what it once was.
    """
    told: dict[str, Any] = {"firmware_version": firmware_version[:_FIRMWARE_VERSION]} if firmware_version else {}
    if name is not None:
        told["name"] = name
    with transaction.atomic():
        held = Device.objects.select_for_update().filter(pk=device.pk).first()
        is_renamed = held is not None and name not in (None, held.name)
        news = _update(held, told) if held is not None else []
        if is_renamed:
            Device.objects.filter(pk=device.pk).update(told_at=datetime.now(UTC))
    for key, value in told.items():
        setattr(device, key, value)
    for one in news:
        log.info(one.sentence, **one.details)


def note_claim(device_id: int, claimed_from: str | None) -> None:
    """Write which second address claims the unit's label; None once that is settled."""
    Device.objects.filter(pk=device_id).update(claimed_from=claimed_from)


@dataclass(frozen=True, slots=True)
class _News:
    sentence: str
    details: dict[str, object]


def _max_length(model: type[models.Model], name: str) -> int:
    return int(getattr(model._meta.get_field(name), "max_length"))  # noqa: B009 - not every field has one


_DEVICE_TYPE: Final = _max_length(Device, "device_type")
_FIRMWARE_VERSION: Final = _max_length(Device, "firmware_version")
_SENSOR_TYPE: Final = _max_length(Port, "sensor_type")


def _description_of(answer: Answer) -> tuple[object, ...]:
    """What an answer says of the unit, in the order of _DESCRIPTION and cut to what the columns hold."""
    return (
        answer.name,
        answer.group_name,
        answer.device_type[:_DEVICE_TYPE],
        answer.firmware_version[:_FIRMWARE_VERSION],
        answer.http_port,
        answer.active,
    )


def _said_by_mqtt(answer: Answer) -> dict[str, Any]:
    """What such an answer tells of the unit: an empty text is one that it leaves out."""
    description = zip(_DESCRIPTION, _description_of(answer), strict=True)
    return {name: said for name, said in description if name in _TOLD_BY_MQTT and said not in ("", None)}


def _said(sighting: Sighting) -> dict[str, Any]:
    if sighting.address is None:
        return _said_by_mqtt(sighting.answer)
    description = zip(_DESCRIPTION, _description_of(sighting.answer), strict=True)
    return dict(description) | {"address": sighting.address}


def _news_of(sighting: Sighting, device: Device) -> dict[str, Any]:
    said = _said(sighting)
    if not sighting.is_overtaken(device):
        return said
    return {name: value for name, value in said.items() if name not in _TOLD}


def _replaced(labels: Collection[str]) -> set[str]:
    """Those of the labels whose place another unit has taken."""
    if not labels:
        return set()
    return set(Replacement.objects.filter(former_assy__in=labels).values_list("former_assy", flat=True))


def _new_device(sighting: Sighting, replaced: Collection[str]) -> Device:
    answer = sighting.answer
    adoption = _first_adoption(answer.assy, replaced)
    return Device(assy=answer.assy, product=answer.product, adoption=adoption, **_said(sighting))


def _first_adoption(assy: str, replaced: Collection[str]) -> str:
    if settings.CT6_ADOPT == "all" and assy != DEFAULT_ASSY and assy not in replaced:
        return Device.Adoption.ADOPTED
    return Device.Adoption.PENDING


def _found(device: Device, replaced: Collection[str]) -> _News:
    details: dict[str, object] = {"unit": device.assy, "name": device.name, "address": device.address}
    if device.adoption == Device.Adoption.ADOPTED:
        return _News("Found a new unit; it is stored from now on", details)
    hint = "set its adoption to 'adopted' in the admin, under Devices"
    if device.assy in replaced:
        return _News("A unit that was replaced is back; nothing of it is stored", {**details, "to_store_it": hint})
    if device.assy == DEFAULT_ASSY:
        hint = "give it a serial number of its own first: every uncalibrated unit carries this label"
    return _News("Found a new unit; nothing of it is stored yet", {**details, "to_store_it": hint})


def _update(device: Device, said: Mapping[str, Any]) -> list[_News]:
    before = {name: getattr(device, name) for name, value in said.items() if getattr(device, name) != value}
    if not before:
        return []
    for name in before:
        setattr(device, name, said[name])
    device.save(update_fields=list(before))
    if before.get("address") is not None:
        # Kept, since nothing else remembers where the unit was before.
        audit.note(None, MOVED, device, before={"address": before["address"]}, after={"address": device.address})
    return [
        _News(_SENTENCES[name], {"unit": device.assy, "before": was, "now": said[name]})
        for name, was in before.items()
        if was is not None  # what an older firmware did not tell is no change
    ]


_SENTENCES: Final = {
    "name": "A unit was renamed",
    "address": "A unit has a new address",
    "group_name": "A unit's group has changed",
    "device_type": "A unit reports another type",
    "firmware_version": "A unit runs other firmware",
    "http_port": "A unit's HTTP port has changed",
    "active": "A unit reports another state of activity",
}


def _register_ports(
    devices: Mapping[str, Device], sightings: Mapping[str, Sighting], new_devices: Collection[str]
) -> list[_News]:
    known = {(port.device_id, port.number): port for port in Port.objects.filter(device__in=devices.values())}
    new: list[Port] = []
    news: list[_News] = []
    for assy, sighting in sightings.items():
        device = devices[assy]
        added: list[int] = []
        for said in sighting.answer.ports:
            port = known.get((device.pk, said.number))
            if port is None:
                added.append(said.number)
                new.append(_new_port(device, said))
            elif not sighting.is_overtaken(device):
                news += _update_port(device, port, said.name, said.sensor_type[:_SENSOR_TYPE])
        if added and assy not in new_devices:
            news.append(_News("A unit has new ports", {"unit": assy, "ports": ", ".join(map(str, added))}))
    Port.objects.bulk_create(new)
    return news


def _new_port(device: Device, said: PortValues) -> Port:
    return Port(device=device, number=said.number, name=said.name, sensor_type=said.sensor_type[:_SENSOR_TYPE])


def _update_port(device: Device, port: Port, name: str, sensor_type: str) -> list[_News]:
    before = port.name
    if (before, port.sensor_type) == (name, sensor_type):
        return []
    port.name, port.sensor_type = name, sensor_type
    port.save(update_fields=["name", "sensor_type"])
    if before == name:
        return []
    details = {"unit": device.assy, "port": port.number, "before": before, "now": name}
    return [_News("A port was renamed", details)]
