"""The actions calibrate and calibrations."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from devices import calibration, configuration
from devices.configuration import LINE_FREQUENCY
from devices.gains import gains_in, in_words
from devices.management.ct6.call import WRONG_USE, Call, Failed, add_row, table, when
from devices.management.ct6.following import see_through
from devices.models import Calibration

TARGETS = {
    "voltage": Calibration.Target.VOLTAGE,
    "current": Calibration.Target.CURRENT_GAIN,
    "offset": Calibration.Target.CURRENT_OFFSET,
}
_NEWEST = 50


def calibrate(call: Call) -> None:
    options = call.options
    asked: dict[str, Any] = {
        "target": str(TARGETS[options["target"]]),
        "line_freq_hz": options["hz"] or _line_frequency(call),
        "mains_side_is_safe": options["mains_side_is_safe"],
    }
    asked |= {name: options[name] for name in ("port", "reference") if options[name] is not None}
    job = calibration.ask(call.device, asked, call.who)
    try:
        see_through(call, job)
    finally:
        made = Calibration.objects.filter(job=job).first()
        if made is not None and made.rounds and not options["json"]:
            call.out.print(_rounds(made))


def calibrations(call: Call) -> None:
    if call.options["restore"] is not None:
        see_through(call, calibration.restore(_of(call, call.options["restore"]), call.who))
    elif call.options["id"] is not None:
        one = _of(call, call.options["id"])
        call.show(_as_json(one), _table_of([one]), _rounds(one))
    elif call.options["drift"]:
        _show_drift(call)
    else:
        found = list(Calibration.objects.filter(device=call.device).select_related("who")[:_NEWEST])
        call.show({"calibrations": [_as_json(one) for one in found]}, _table_of(found))


def _line_frequency(call: Call) -> int:
    text = configuration.held(call.device).get(LINE_FREQUENCY, "")
    if text not in ("50", "60"):
        raise Failed("Say the line frequency with --hz: it was never read from the unit.", WRONG_USE)
    return int(text)


def _of(call: Call, number: int) -> Calibration:
    one = Calibration.objects.filter(device=call.device, pk=number).select_related("device", "job", "who").first()
    if one is None:
        raise Failed(f"{number} is no calibration of {call.device}; calibrations lists them.")
    return one


def _show_drift(call: Call) -> None:
    found = calibration.drift(call.device)
    shown = table(f"How the gains of {call.device} changed", "Setting", "When", "Value", "Change", "Calibration")
    for key, values in found.items():
        for one in values:
            change = "" if one.change_percent is None else f"{one.change_percent:+.2f} %"
            add_row(shown, key, when(one.at), f"{one.value:g}", change, one.calibration)
    names = ("at", "value", "change_percent", "calibration")
    data = {key: [{name: getattr(one, name) for name in names} for one in values] for key, values in found.items()}
    call.show({"unit": call.device.assy, "settings": data}, shown)


def _table_of(found: list[Calibration]) -> Table:
    shown = table("Calibrations", "Id", "When", "What", "Port", "Reference", "Before", "After", "Succeeded", "By")
    for one in found:
        succeeded = {True: "yes", False: "no", None: "not yet"}[one.succeeded]
        cells = (one.pk, when(one.made), one.get_target_display(), one.port_number, one.reference)
        before, after = in_words(gains_in(one.before)), in_words(gains_in(one.after))
        add_row(shown, *cells, before, after, succeeded, one.who)
    return shown


def _rounds(one: Calibration) -> Table:
    shown = table("Rounds", "Setting", "Port", "Value", "Reading", "Error")
    for made in one.rounds:
        cells = (made["setting"], f"CT{made['port']}", made["value"], made["reading"], f"{made['error']:+g}")
        add_row(shown, *cells)
    return shown


def _as_json(one: Calibration) -> dict[str, Any]:
    names = ("id", "target", "port_number", "reference", "before", "after", "rounds", "succeeded", "made")
    return {name: getattr(one, name) for name in names} | {"job": one.job_id, "who": str(one.who) if one.who else None}
