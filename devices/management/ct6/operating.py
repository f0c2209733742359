"""The actions status, reboot, power-cycle, reset, jobs and job."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta

from django.utils import timezone
from rich.table import Table

from devices import restarting, status
from devices.confirmation import name_to_type
from devices.jobs import queue
from devices.management.ct6.call import Call, Failed, add_row, answered, table, when
from devices.management.ct6.following import as_json, end_of, see_through
from devices.models import Job
from devices.status import Status

_NEWEST_JOBS = 50
_UNKNOWN = "not known"


# --- Status -----------------------------------------------------------------------------------------------------


def show_status(call: Call) -> None:
    if call.options["kept"]:
        found = status.kept_status(call.device)
        if found is None:
            raise Failed(f"{call.device.assy}: its status was never read; leave --kept out to do that.")
    else:
        found = status.read_status(call.device, now=timezone.now())
    device = call.device
    unit = {name: getattr(device, name) for name in ("assy", "name", "address", "adoption", "active", "last_seen")}
    told = asdict(found) | {"flash_free_bytes": found.flash_free_bytes}
    shown = [_status_table(call, found)]
    raw = [found.stats_text, status.as_json(found.last_answer)] if call.options["raw"] else []
    call.show({"unit": unit, **told}, *shown, *raw)


def _status_table(call: Call, found: Status) -> Table:
    shown = Table(title=f"{call.device} ({call.device.assy})", title_justify="left", show_header=False)
    drift = found.clock_drift_s
    rows = {
        "Asked": when(found.at),
        "Address": call.device.address,
        "Firmware": found.firmware_version,
        "Running for": str(timedelta(seconds=found.uptime_s)),
        "Restarts seen": f"{found.restarts} since {when(found.restarts_since)}",
        "RAM": _used(found.ram_used_bytes, found.ram_total_bytes),
        "Flash": _used(found.flash_used_bytes, found.flash_total_bytes),
        "Starts from": found.active_folder or _UNKNOWN,
        "Clock": _UNKNOWN if drift is None else f"{abs(drift):g} s {'ahead' if drift >= 0 else 'behind'}",
        "Last heard": when(call.device.last_seen) or "never; asked over HTTP only",
        "Asked by others": {True: "yes: its means are cut short", False: "no", None: _UNKNOWN}[found.other_poller],
    }
    if found.also_claimed_from:
        rows["Label claimed from"] = found.also_claimed_from
    for name, text in rows.items():
        add_row(shown, name, text)
    return shown


def _used(used: int | None, total: int | None) -> str:
    if used is None:
        return _UNKNOWN
    return f"{used:,} bytes used" + (f" of {total:,} ({100 * used / total:.0f} %)" if total else "")


# --- Restarting -------------------------------------------------------------------------------------------------


def reboot(call: Call) -> None:
    _confirmed(call, restarting.ask_for_reboot)


def power_cycle(call: Call) -> None:
    _confirmed(call, restarting.ask_for_power_cycle)


def reset(call: Call) -> None:
    if call.options["yes_name"] is None:
        for sentence in restarting.what_a_reset_does():
            call.news.print(f"- {sentence}", markup=False, highlight=False)
    _confirmed(call, restarting.ask_for_reset)


def _confirmed(call: Call, ask: Callable[..., Job]) -> None:
    typed = call.options["yes_name"]
    if typed is None:
        question = f"To confirm, type the unit's name ({name_to_type(call.device)}):"
        typed = answered(call, question, "the unit's name with --yes-name")
    see_through(call, ask(call.device, who=call.who, typed_name=typed))


# --- Jobs -------------------------------------------------------------------------------------------------------


def show_list_of_jobs(call: Call) -> None:
    jobs = list(Job.objects.filter(device=call.device).select_related("device", "who")[:_NEWEST_JOBS])
    shown = table(f"Jobs of {call.device}, newest first", "Id", "What", "State", "%", "Asked", "By", "Ended", "Said")
    for job in jobs:
        cells = (job.pk, job.get_kind_display(), job.get_state_display(), job.percent, when(job.made), job.who or "")
        add_row(shown, *cells, when(job.ended), end_of(job) if job.is_over else "")
    call.show({"jobs": [as_json(job) for job in jobs]}, shown)


def job(call: Call) -> None:
    found = Job.objects.filter(device=call.device, pk=call.options["id"]).select_related("device", "who").first()
    if found is None:
        raise Failed(f"{call.options['id']} is no job of {call.device}; jobs lists them.")
    if call.options["cancel"]:
        _cancel(call, found)
    elif found.is_over or call.options["no_wait"]:
        lines = [f"{when(line.at)}  {line.text}" for line in found.lines.all()]
        call.show(as_json(found), *lines, *([] if found.is_over else [end_of(found)]))
    else:
        see_through(call, found)


def _cancel(call: Call, found: Job) -> None:
    if not queue.cancel(found, timezone.now(), who=call.who):
        raise Failed("It is over, or stopping it now would leave the unit half-changed.")
    found.refresh_from_db()
    if found.is_over:
        call.show(as_json(found), end_of(found))
    else:
        call.show(as_json(found), "It stops at the next place where the unit is left as it was.")
