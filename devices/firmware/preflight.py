"""What is looked at before anything is changed on a unit that shall get new firmware."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from django.utils.translation import gettext_noop as _

from devices import factory
from devices.ct6.client import UnitClient
from devices.ct6.errors import UnitError
from devices.firmware.compiling import flash_bytes
from devices.firmware.starting import last_start, make_active
from devices.firmware.unit_at_hand import UnitAtHand
from devices.firmware.values import is_heard, sane_over_http
from devices.firmware.versions import has_old_gains
from devices.gains import NoFactoryConfig
from devices.models import FactoryConfig, FirmwareRelease

FOLDERS: Final = ("/app1", "/app2")


class UpgradeRefused(UnitError):
    """The upgrade is not begun, or not gone on with; the unit runs what it ran."""


class CrossingRefused(UpgradeRefused):
    """It would cross 2.8, and nobody has said that the ports will be calibrated again."""


def crosses_2_8(before: str, after: str) -> bool:
    """Whether the current gains have to be calibrated again between these versions, in either direction."""
    return has_old_gains(before) != has_old_gains(after)


def crossing_refused(assy: str, before: str, after: str) -> CrossingRefused:
    """The refusal of an upgrade across 2.8 for which nobody has said that the ports will be calibrated again."""
    template = _(
        "from %(before)s to %(after)s the meaning of the current gains changes (at 2.8): every port must be calibrated "
        "again afterwards. Nothing was changed. Ask for it with this confirmed."
    )
    return CrossingRefused(assy, template, {"before": before, "after": after})


def look_before(unit: UnitAtHand, release: FirmwareRelease, files: Mapping[str, bytes]) -> None:
    """Find out whether the unit can be upgraded, back its calibration up, and remember what it was like.

    Raises UpgradeRefused or another UnitError with nothing changed; but for this: a unit that was swapped and never
    restarted is set back to start what it runs, which is what makes it whole again.
    """
    progress = unit.progress
    progress.step(1, _("Looking at the unit."))
    unit.ask(UnitClient.check_identity)
    version = unit.ask(UnitClient.firmware_version)
    _refuse_unasked_crossing(unit, version, release.version)
    if version == release.version:
        progress.warn(_("It runs %(version)s already, and is given it again."), version=version)
    active = _whole_active_folder(unit)
    _refuse_too_big(unit, files)
    sane = unit.ask(sane_over_http)
    if not sane >= {"voltage", "frequency"}:
        progress.warn(_("What it measures now makes no sense already, so little can be told after the upgrade."))
    heard = is_heard(unit.device(), datetime.now(UTC).timestamp())
    other = FOLDERS[1 - FOLDERS.index(active)]
    progress.remember(
        version_before=version, folder_before=active, folder_after=other, sane_before=sorted(sane), heard=heard
    )
    progress.note(
        _("It runs %(version)s from %(folder)s and will get %(new)s in %(other)s."),
        version=version,
        folder=active,
        new=release.version,
        other=other,
    )
    _back_up_once(unit)


def _refuse_unasked_crossing(unit: UnitAtHand, before: str, after: str) -> None:
    if not crosses_2_8(before, after):
        return
    if unit.progress.job.asked.get("across_2_8") is not True:
        raise crossing_refused(unit.assy, before, after)
    template = _(
        "Between %(before)s and %(after)s the meaning of the current gains changes: calibrate every port afterwards."
    )
    unit.progress.warn(template, before=before, after=after)


def _whole_active_folder(unit: UnitAtHand) -> str:
    """The folder that the unit both runs and starts next."""
    active = unit.ask(UnitClient.active_folder)
    if active not in FOLDERS:
        template = _("it names %(folder)s as its application's folder, which is none. Nothing was changed.")
        raise UpgradeRefused(unit.assy, template, {"folder": active})
    start = unit.ask(last_start)
    if start is not None and start.runs in FOLDERS and start.runs != active:
        unit.progress.warn(
            _(
                "Somebody told it to start %(other)s next and never restarted it. It is set back to start %(folder)s, "
                "which it runs."
            ),
            other=active,
            folder=start.runs,
        )
        active = start.runs
        unit.ask(lambda client: make_active(client, active))
    paths = unit.ask(UnitClient.file_list)
    if not any(path.startswith(f"{active}/app.") for path in paths):
        template = _(
            "the application in %(folder)s is not whole (no app file), so it could not be changed back to. Nothing was "
            "changed. Install the firmware over USB."
        )
        raise UpgradeRefused(unit.assy, template, {"folder": active})
    return active


def _refuse_too_big(unit: UnitAtHand, files: Mapping[str, bytes]) -> None:
    total_bytes = unit.ask(flash_of)[0]
    needed = flash_bytes(files)
    if needed > total_bytes // 2:
        template = _(
            "the firmware needs %(needed)d bytes, more than half of its flash (%(total)d). Nothing was changed."
        )
        raise UpgradeRefused(unit.assy, template, {"needed": needed, "total": total_bytes})


def flash_of(client: UnitClient) -> tuple[int, int]:
    """How many bytes the unit's flash has, and how many of them are free."""
    stats = client.system_stats()
    used, percent = stats.get("DISK_USED_BYTES"), stats.get("DISK_PERCENTAGE_USED")
    usable = isinstance(used, int | float) and isinstance(percent, int | float) and used > 0 and 0 < percent <= 100
    if not usable:
        template = _("it does not tell how full its flash is, so it is not known whether the firmware fits.")
        raise UpgradeRefused(client.assy or client.address, template)
    total = round(float(str(used)) * 100 / float(str(percent)))
    return total, total - round(float(str(used)))


def _back_up_once(unit: UnitAtHand) -> None:
    if "factory_config" in unit.memory:
        return
    progress = unit.progress
    progress.step(3, _("Keeping a copy of its factory configuration."))
    job = progress.job
    try:
        copy = unit.ask(lambda c: factory.back_up(job.device, FactoryConfig.Reason.BEFORE_UPGRADE, job.who, c))
    except NoFactoryConfig as nothing:
        progress.warn(nothing.template, **nothing.values)
        progress.remember(factory_config=None)
    else:
        progress.remember(factory_config=copy.pk)
