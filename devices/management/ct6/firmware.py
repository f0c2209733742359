"""The action upgrade: new firmware for one unit, or for several in waves."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime, parse_time

from devices.firmware import releases, rollouts
from devices.firmware.compiling import CompilerUnusable
from devices.firmware.preflight import CrossingRefused
from devices.firmware.refusal import ReleaseRefused
from devices.management.ct6.call import WRONG_USE, Call, Failed, add_row, read_local, table, unit_named, when
from devices.management.ct6.following import see_through
from devices.models import Device, FirmwareRelease, Job


def upgrade(call: Call) -> None:
    if call.options["release"] is None:
        _show_releases(call)
        return
    not_before = moment(call.options["at"], timezone.now()) if call.options["at"] else None
    others = [unit_named(text) for text in call.options["also"]]
    release = _release(call, call.options["release"])
    for device in (call.device, *others):
        if device.firmware_version == release.version:
            sentence = f"{device} runs {release.version} already, and is given it again."
            call.news.print(sentence, markup=False, highlight=False, soft_wrap=True)
    try:
        jobs = _asked(call, release, others, not_before)
    except CrossingRefused as refusal:
        raise Failed(f"{str(refusal).removesuffix('.')}: --across-2.8.") from refusal
    see_through(call, *jobs)


def _asked(call: Call, release: FirmwareRelease, others: list[Device], not_before: datetime | None) -> list[Job]:
    across_2_8 = call.options["across_2_8"]
    if not others:
        return [rollouts.ask_upgrade(call.device, release, who=call.who, not_before=not_before, across_2_8=across_2_8)]
    rollout = rollouts.roll_out(
        release,
        [call.device, *others],
        who=call.who,
        not_before=not_before,
        stop_at_failure=not call.options["keep_going"],
        across_2_8=across_2_8,
    )
    return list(Job.objects.filter(rollout=rollout).select_related("device").order_by("pk"))


def moment(text: str, now: datetime) -> datetime:
    """A moment such as 02:00 (the next one) or 2026-11-23T02:00, in the site's time zone where it names none."""
    zone = ZoneInfo(settings.CT6_TIMEZONE)
    try:
        day, time = parse_datetime(text), parse_time(text)
    except ValueError:
        day = time = None
    if time is not None and day is None:
        local = now.astimezone(zone)
        day = local.replace(hour=time.hour, minute=time.minute, second=time.second, microsecond=0)
        if day <= now:
            day = (day.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    if day is None:
        raise Failed(f"'{text}' is no moment: write it as 02:00 or 2026-11-23T02:00.", WRONG_USE)
    day = day if day.tzinfo else day.replace(tzinfo=zone)
    if day <= now:
        raise Failed(f"{text} ({day.tzname()}) has passed.", WRONG_USE)
    return day


def _release(call: Call, text: str) -> FirmwareRelease:
    """The release with this id or version, or the one in this file, which is looked through first."""
    if Path(text).is_file():
        try:
            return releases.accept(read_local(text), text, notes=call.options["notes"], who=call.who)
        except (ReleaseRefused, CompilerUnusable) as error:
            raise Failed(str(error)) from error
    known = FirmwareRelease.objects.defer("content")
    found = list(known.filter(pk=int(text)) if text.isascii() and text.isdigit() else known.filter(version=text))
    if len(found) == 1:
        return found[0]
    if not found:
        sentence = f"{text} is neither a file here nor a release; upgrade alone lists the releases."
        raise Failed(sentence, WRONG_USE)
    several = "; ".join(f"{one.pk} ({one.file_name}, {when(one.added)})" for one in found)
    raise Failed(f"There are several releases {text}. Say which by its id: {several}", WRONG_USE)


def _show_releases(call: Call) -> None:
    found = list(FirmwareRelease.objects.defer("content").select_related("who"))
    shown = table("Firmware releases, newest first", "Id", "Version", "File", "SHA-256", "Uploaded", "By", "Notes")
    for one in found:
        add_row(shown, one.pk, one.version, one.file_name, one.sha256[:16], when(one.added), one.who, one.notes)
    names = ("id", "version", "file_name", "sha256", "files", "notes", "added")
    call.show({"releases": [{name: getattr(one, name) for name in names} for one in found]}, shown)
