"""A unit's factory configuration (/factory.cfg): its label, gains and offsets, kept here and put back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import structlog
from django.db.models import Q
from django.utils.translation import gettext_noop

from devices import audit, gains
from devices.ct6.client import UnitClient
from devices.ct6.errors import DestructiveValue, UnitError, WrongUnit
from devices.holding import alone, client_of
from devices.jobs import queue
from devices.jobs.patience import patiently
from devices.jobs.progress import Progress
from devices.models import Device, FactoryConfig, Job
from devices.querysets import silence_limit

log = structlog.get_logger(__name__)

PATIENCE_S: Final = 60.0  # a unit that restarts is away for that long
_Reason = FactoryConfig.Reason


class RestoreRefused(UnitError):
    """This copy is not put onto this unit; nothing was sent."""


class RestoreUnfinished(UnitError):
    """The unit was lost in the middle of a restore."""


class Difference(NamedTuple):
    """A key that two copies have different values for; None where one has none."""

    key: str
    was: object
    now: object


@dataclass(frozen=True, slots=True)
class Night:
    """What became of all units' copies: those that were kept since they had changed, how many had not, and why some
    could not be asked, by label.
    """

    kept: tuple[FactoryConfig, ...] = ()
    unchanged: int = 0
    failed: Mapping[str, UnitError] = field(default_factory=dict)


# --- Keeping copies ---------------------------------------------------------------------------------------------


def back_up(device: Device, reason: FactoryConfig.Reason, who: Any, client: UnitClient | None = None) -> FactoryConfig:
    """Keep a copy of the unit's factory configuration, or give the newest copy if that is the same.

    The caller holds the unit (see `alone`). Raises UnitError: NoFactoryConfig if the unit has none, WrongUnit if it
    is another unit's.
    """
    return _kept(device, reason, who, client)[0]


def back_up_all_changed(now: datetime) -> Night:
    """Keep a copy of each adopted unit's factory configuration that differs from the newest copy. Units that cannot be
    reached, or that somebody else talks to, are left for the next time.
    """
    kept: list[FactoryConfig] = []
    failed: dict[str, UnitError] = {}
    unchanged = 0
    for device in _reachable(now):
        try:
            with alone(device, datetime.now(UTC)):
                copy, is_new = _kept(device, _Reason.NIGHTLY, None, None)
        except UnitError as error:
            log.warning("A factory configuration was not looked at", unit=device.assy, reason=error.message)
            failed[device.assy] = error
            continue
        if is_new:
            kept.append(copy)
        else:
            unchanged += 1
    return Night(tuple(kept), unchanged, failed)


def values_of(copy: FactoryConfig) -> dict[str, object]:
    """What the copy says, by key. Raises UnitAnsweredBadly if it cannot be read."""
    return gains.factory_values(copy.device.assy, copy.content)


def compare(a: FactoryConfig, b: FactoryConfig) -> list[Difference]:
    """Where the second copy differs from the first, by key."""
    was, now = values_of(a), values_of(b)
    return [
        Difference(key, was.get(key), now.get(key))
        for key in sorted(was.keys() | now.keys())
        if was.get(key) != now.get(key)
    ]


def back_up_job(progress: Progress) -> None:
    """The job that keeps a copy by hand."""
    device = progress.job.device
    progress.step(10, gettext_noop("Reading the factory configuration."))
    copy, is_new = _kept(device, _Reason.BY_HAND, progress.job.who, client_of(device))
    progress.remember(factory_config=copy.pk)
    if is_new:
        progress.result(gettext_noop("A copy of the factory configuration was kept."))
    else:
        template = gettext_noop("The factory configuration is the same as in the copy of %(taken)s.")
        progress.result(template, taken=f"{copy.taken:%Y-%m-%d %H:%M} UTC")


def _kept(
    device: Device, reason: FactoryConfig.Reason, who: Any, client: UnitClient | None
) -> tuple[FactoryConfig, bool]:
    """The copy, and whether it is a new one."""
    content = gains.factory_content(client or client_of(device))
    values = gains.factory_values(device.assy, content)
    if values.get("ASSY") != device.assy:
        template = gettext_noop("its factory configuration is that of %(found)s, so no copy of it was kept.")
        raise WrongUnit(device.assy, template, {"found": str(values.get("ASSY"))})
    newest = device.factory_configs.first()
    if newest is not None and values_of(newest) == values:
        return newest, False
    sha256 = hashlib.sha256(content.encode()).hexdigest()
    copy = FactoryConfig.objects.create(device=device, reason=reason, content=content, sha256=sha256, who=who)
    before = {} if newest is None else {d.key: d.was for d in compare(newest, copy)}
    audit.note(
        who, "factory_config_kept", device, before=before, after={"factory_config": copy.pk, "reason": str(reason)}
    )
    log.info("A factory configuration was kept", unit=device.assy, reason=str(reason))
    return copy, True


def _reachable(now: datetime) -> list[Device]:
    """Units that answered just now, and inactive ones: these are silent, but for their web server."""
    devices = Device.objects.adopted().filter(address__isnull=False, claimed_from=None)
    return list(devices.filter(Q(last_seen__gte=now - silence_limit()) | Q(active=False)))


# --- Putting one back -------------------------------------------------------------------------------------------


def ask_restore(copy: FactoryConfig, device: Device, who: Any) -> Job:
    """Ask for a job that puts the copy's gains and offsets back. Raises RestoreRefused."""
    _gains_to_restore(copy, device)
    return queue.ask(device, Job.Kind.RESTORE, who=who, asked={"factory_config": copy.pk})


def restore_job(progress: Progress) -> None:
    """The job that puts a copy's gains, offsets and line frequency back, never its label."""
    device = progress.job.device
    copy = FactoryConfig.objects.filter(pk=progress.job.asked.get("factory_config")).first()
    if copy is None:
        raise RestoreRefused(device.assy, gettext_noop("the copy to restore is gone. Nothing was sent."))
    wanted = _gains_to_restore(copy, device)
    client = client_of(device)
    before = _backed_up_before(progress, client)
    label = values_of(copy).get("ASSY")
    if label != device.assy:
        progress.warn(gettext_noop("The copy is of the label that this unit carried before, %(label)s."), label=label)
    progress.forbid_cancel()
    progress.step(40, gettext_noop("Writing the gains and offsets of the copy, and saving them on the unit."))
    _write(progress, client, wanted, before)
    progress.step(90, gettext_noop("Keeping a copy of what the unit has now."))
    back_up(device, _Reason.AFTER_RESTORE, progress.job.who, client)
    audit.note(progress.job.who, "factory_config_restored", device, before=before, after=wanted)
    progress.result(
        gettext_noop("The unit measures with the gains of the copy of %(taken)s, and starts with them."),
        taken=f"{copy.taken:%Y-%m-%d %H:%M} UTC",
    )


def _gains_to_restore(copy: FactoryConfig, device: Device) -> gains.Gains:
    """What the copy would put onto the unit. Raises RestoreRefused if it must not."""
    values = values_of(copy)
    labels = {device.assy, *device.replacements.values_list("former_assy", flat=True)}
    if copy.device_id != device.pk or values.get("ASSY") not in labels:
        template = gettext_noop(
            "the copy is of %(label)s: another unit's gains would make this one measure wrong. Nothing was sent."
        )
        raise RestoreRefused(device.assy, template, {"label": str(values.get("ASSY"))})
    wanted = gains.gains_in(values)
    if not wanted:
        raise RestoreRefused(device.assy, gettext_noop("the copy holds no gains. Nothing was sent."))
    try:
        gains.as_sent(wanted)
    except DestructiveValue as refusal:
        raise RestoreRefused(device.assy, refusal.template, refusal.values) from refusal
    return wanted


def _backed_up_before(progress: Progress, client: UnitClient) -> gains.Gains:
    """The gains that the unit held before this job, of which a copy is kept first."""
    memory = progress.job.memory
    if "before" not in memory:
        progress.step(10, gettext_noop("Keeping a copy of what the unit has now."))
        try:
            back_up(progress.job.device, _Reason.BEFORE_RESTORE, progress.job.who, client)
        except gains.NoFactoryConfig as nothing:
            progress.warn(nothing.template, **nothing.values)
        progress.remember(before=gains.held(client))
    before: gains.Gains = progress.job.memory["before"]
    return before


def _write(progress: Progress, client: UnitClient, wanted: gains.Gains, before: gains.Gains) -> None:
    def write_and_save() -> None:
        gains.load_and_read_back(client, wanted)
        gains.save(client, wanted)

    try:
        patiently(progress, write_and_save, within_s=PATIENCE_S)
    except UnitError as error:
        progress.warn(error.template, **error.values)
        template = gettext_noop(
            "the restore was not finished. The unit may hold the gains of the copy (%(wanted)s) or those of before "
            "(%(before)s), and at its next start those that were saved last. Ask for the restore again once it answers."
        )
        values = {"wanted": gains.in_words(wanted), "before": gains.in_words(before)}
        raise RestoreUnfinished(progress.job.device.assy, template, values) from error
