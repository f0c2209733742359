"""The database of a house after some time: something of everything that the product keeps."""

from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import Group

from ct6site.models import Alert, AlertChannel, ApiToken, User
from dashboard.models import WallDisplay
from devices.models import (
    AuditEntry,
    Calibration,
    ConfigChange,
    Device,
    FactoryConfig,
    FirmwareRelease,
    Job,
    JobLine,
    PortPast,
    Replacement,
    Rollout,
    Sweep,
)
from readings import bad_spans
from readings.archive_models import ArchiveHold
from readings.import_models import ImportedDay, ImportSource
from readings.models import DirtyBucket, Heartbeat
from readings.periods import HOUR_MS, MINUTE_MS
from tests.factories import make_device
from tests.people import PASSWORD, make_user
from tests.readings import bulk
from tests.readings.store.archive.stored import NOW, T0, archive, measure

CHANNEL = "ntfy://secret-topic"
NAMES = ["Küche ☀️🔌", 'It\'s \\ %s "Grid"', "line\nbreak", "NULL", "", "Grid"]
LONG_AGO = datetime(2026, 5, 4, 10, 0, 0, 123456, tzinfo=UTC)
WHOLE_SECOND = datetime(2026, 5, 4, 10, tzinfo=UTC)


def furnish() -> str:
    """Fill the database of the test; returns the text of a token of the user anna."""
    device = make_device(
        ports=NAMES,
        timezone="Asia/Kathmandu",
        last_answer={"time": T0, "ports": {"1": {"active_power": None, "ö": 2.5}}},
    )
    measure(device, hours=30, step_s=30, rolled_up=False)
    bulk.roll_up(NOW + 30 * HOUR_MS)
    archive(NOW + 8 * HOUR_MS)  # the last hours stay in the database
    anna = make_user("anna", sees=[device], may=["operate"], password=PASSWORD)
    _, token = ApiToken.make(anna, name="Home Assistant", scope=ApiToken.Scope.CONFIGURE)
    port = device.ports.get(number=1)
    bad_spans.mark(port, T0 + 24 * HOUR_MS, T0 + 24 * HOUR_MS + 7 * MINUTE_MS, reason="open clamp", who=anna)
    bulk.roll_up(NOW + 30 * HOUR_MS)
    _work_on(device, anna)
    _say_and_show(device, anna)
    Device.objects.create(assy="gone", timezone="UTC").delete()  # its number is never given again
    ArchiveHold.objects.create(device=device, start_ms=T0, end_ms=T0 + HOUR_MS, until=WHOLE_SECOND)
    DirtyBucket.objects.create(device=device, minute=T0)
    return token


def _work_on(device: Device, anna: User) -> None:
    release = FirmwareRelease.objects.create(
        version="12.9", sha256="a" * 64, file_name="x.zip", content=bytes(range(256)) * 300, files={"a.py": 5}, who=anna
    )
    FirmwareRelease.objects.filter(pk=release.pk).update(added=LONG_AGO)
    Rollout.objects.create(release=release, who=anna)
    job = Job.objects.create(
        device=device, kind="upgrade", asked={"release": release.pk, "ö": [1, 2.5, None]}, who=anna
    )
    JobLine.objects.create(job=job, template="Step %(n)s", values={"n": 1})
    Calibration.objects.create(device=device, job=job, target="voltage", reference=229.12345678901234, succeeded=None)
    FactoryConfig.objects.create(device=device, content='{"ASSY": "x"}', sha256="b" * 64)
    change = ConfigChange(device=device, key="CT1_NAME", wished="Küche", who=anna, said={"template": "x"})
    change.save()
    port = device.ports.get(number=2)
    port.scale, port.has_past = "1.23456", True
    port.save()
    PortPast.objects.create(port=port, until_ms=T0, name="Old", role="grid", reversed=True, scale="-0.50000")
    Replacement.objects.create(device=device, former_assy="old", new_assy=device.assy, at_ms=T0, who=anna)
    Sweep.objects.create(networks=["192.168.0.0/24"], running=None)
    AuditEntry.objects.create(who=anna, who_name="anna", device=device, action="set", before={"a": 1}, after={})


def _say_and_show(device: Device, anna: User) -> None:
    channel = AlertChannel(name="Anna", last_success=WHOLE_SECOND)
    channel.address = CHANNEL
    channel.save()
    Alert.objects.create(device=device, since=LONG_AGO, opened=LONG_AGO + timedelta(seconds=20))
    WallDisplay.objects.create(name="Kitchen", digest="c" * 64, who=anna).devices.add(device)
    Group.objects.create(name="Ünused")
    source = ImportSource.objects.create(origin="file", name="old.db", device=device, zone="UTC", period_ms=1000)
    ImportedDay.objects.create(source=source, day=LONG_AGO.date(), read=5, skipped={"no power": 2})
    Heartbeat.objects.create(part="collector", at=LONG_AGO, detail={"ended": True})
    Heartbeat.objects.create(part="Beat", at=WHOLE_SECOND)
