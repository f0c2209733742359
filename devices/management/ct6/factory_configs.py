"""The actions below factory: copies of the unit's factory configuration."""

from __future__ import annotations

from devices import factory
from devices.jobs import queue
from devices.management.ct6.call import Call, Failed, add_row, keep, table, when
from devices.management.ct6.following import see_through
from devices.models import FactoryConfig, Job

_NEWEST = 50


def show_copies(call: Call) -> None:
    copies = list(FactoryConfig.objects.filter(device=call.device).select_related("who")[:_NEWEST])
    shown = table(f"Factory configurations of {call.device}", "Id", "Taken", "Reason", "SHA-256", "By")
    for one in copies:
        add_row(shown, one.pk, when(one.taken), one.get_reason_display(), one.sha256[:16], one.who)
    data = [{name: getattr(one, name) for name in ("id", "taken", "reason", "sha256", "content")} for one in copies]
    call.show({"unit": call.device.assy, "copies": data}, shown)


def back_up(call: Call) -> None:
    see_through(call, queue.ask(call.device, Job.Kind.BACKUP, who=call.who))


def compare(call: Call) -> None:
    first = _copy(call, call.options["id"])
    second = _copy(call, call.options["other"])
    found = factory.compare(first, second)
    shown = table(f"From {when(first.taken)} to {when(second.taken)}", "Key", "Was", "Is")
    for one in found:
        add_row(shown, one.key, one.was, one.now)
    call.show({"differences": [one._asdict() for one in found]}, shown if found else "They are the same.")


def restore(call: Call) -> None:
    see_through(call, factory.ask_restore(_copy(call, call.options["id"]), call.device, call.who))


def download(call: Call) -> None:
    copy = _copy(call, call.options["id"])
    name = call.options["to"] or f"factory-{call.device.assy}-{copy.taken:%Y%m%d-%H%M}.cfg"
    keep(call, copy.content.encode(), name)


def _copy(call: Call, number: int | None) -> FactoryConfig:
    """The copy with this id, else the newest."""
    copies = FactoryConfig.objects.filter(device=call.device).select_related("device")
    found = copies.first() if number is None else copies.filter(pk=number).first()
    if found is None:
        which = "There is no copy" if number is None else f"{number} is no copy"
        raise Failed(f"{which} of the factory configuration of {call.device}; factory list lists them.")
    return found


ACTIONS = {"list": show_copies, "backup": back_up, "compare": compare, "restore": restore, "download": download}
