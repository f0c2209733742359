"""The actions about a unit's settings: config, pull, push, set, undo."""

from __future__ import annotations

import re
from collections.abc import Mapping

from django.utils import timezone
from rich.table import Table

from devices import configuration
from devices.configuration import ACTIVE, OFF, ON, Pushed
from devices.ct6.protocol import SETTABLE_KEYS
from devices.management.ct6.call import FAILED, UNREACHABLE, WRONG_USE, Call, Failed, add_row, answered, table, when
from devices.models import ConfigChange

MQTT_PASSWORD = "MQTT_PASSWORD"  # noqa: S105 - the name of the setting
_NEWEST_CHANGES = 50
_SWITCH = {
    **dict.fromkeys(("1", "yes", "on", "true", "active"), ON),
    **dict.fromkeys(("0", "no", "off", "false", "inactive"), OFF),
}
_PORT = re.compile(r"(?:port|ct)_?([1-9]\d?)(?:_(name|type))?", re.ASCII)


def names_of_settings() -> dict[str, str]:
    """What people call the settings, and the unit's own names of them."""
    wishable = [key for key in sorted(SETTABLE_KEYS) if configuration.can_be_wished(key)]
    return {_plain(configuration.setting_name(key)): key for key in wishable}


def show_config(call: Call) -> None:
    call.device.refresh_from_db()
    settings = configuration.settings_of(call.device)
    changes = list(ConfigChange.objects.filter(device=call.device).select_related("who")[:_NEWEST_CHANGES])
    data = {
        "unit": call.device.assy,
        "told_at": call.device.told_at,
        "settings": [
            {
                **{name: getattr(one, name) for name in ("key", "held", "wished", "differs")},
                "name": configuration.setting_name(one.key),
            }
            for one in settings
        ],
        "differences": [one.key for one in settings if one.differs],
        "history": [_change_as_json(change) for change in changes] if call.options.get("history") else None,
    }
    told = table(f"Settings of {call.device}", "Setting", "Key", "Holds", "Wished", "Differs")
    for one in settings:
        held, wished = _shown(one.key, one.held, "?"), _shown(one.key, one.wished, "")
        cells = (configuration.setting_name(one.key), one.key, held, wished, "differs" if one.differs else "")
        add_row(told, *cells, style="yellow" if one.differs else "")
    shown = [told]
    if call.options.get("history"):
        shown.append(_history(changes))
    note = "" if call.device.told_at else "The unit's web server was never read; pull does that."
    call.show(data, *shown, *([note] if note else []))


def pull(call: Call) -> None:
    configuration.pull(call.device, now=timezone.now())
    show_config(call)


def push(call: Call) -> None:
    _show_pushed(call, configuration.push(call.device, now=timezone.now()))


def set_settings(call: Call) -> None:
    """Wish and push. What the unit cannot take now is kept, and tried again by the workers."""
    wished = _wished(call)
    if not call.options["mqtt_unchecked"]:
        configuration.refuse_silent_mqtt(call.device, wished)
    configuration.wish(call.device, wished, call.who, now=timezone.now())
    push(call)


def undo(call: Call) -> None:
    change = ConfigChange.objects.filter(device=call.device, pk=call.options["id"]).first()
    if change is None:
        raise Failed(f"{call.options['id']} is no change of this unit's settings; config --history lists them.")
    configuration.undo(change, call.who, now=timezone.now())
    push(call)


def _wished(call: Call) -> dict[str, str]:
    wished = {}
    for given in call.options["setting"]:
        name, equals, text = given.partition("=")
        if not equals:
            raise Failed(f"'{given}' is no setting: write it as KEY=VALUE.", WRONG_USE)
        key = _key_of(name)
        if key in wished:
            raise Failed(f"{name} is given more than once.", WRONG_USE)
        wished[key] = _SWITCH.get(text.strip().lower(), text) if key == ACTIVE else text
    if call.options["ask_mqtt_password"]:
        instead = "mqtt_password=..."
        wished[MQTT_PASSWORD] = answered(call, "MQTT password:", instead, hidden=True)
    if not wished:
        raise Failed("Nothing to set: write it as KEY=VALUE.", WRONG_USE)
    return wished


def _key_of(name: str) -> str:
    """The unit's own name of a setting. One that nobody knows stays as it is, and is refused with the reason."""
    plain = _plain(name)
    if of_port := _PORT.fullmatch(plain):
        return f"CT{of_port[1]}_{(of_port[2] or 'name').upper()}"
    return names_of_settings().get(plain, name.strip().upper())


def _plain(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())


def _show_pushed(call: Call, pushed: Pushed) -> None:
    answers = {key: str(answer) for key, answer in pushed.answers.items()}
    waiting = [change.key for change in pushed.waiting]
    data = {
        "unit": call.device.assy,
        "confirmed": {change.key: answers[change.key] for change in pushed.confirmed},
        "refused": {change.key: answers[change.key] for change in pushed.refused},
        "waiting": waiting,
        "reason": str(pushed.error) if pushed.error else None,
    }
    sentences = [f"{configuration.setting_name(change.key)}: {answers[change.key]}" for change in pushed.confirmed]
    call.show(data, *(sentences or ([] if pushed.refused or waiting else ["Nothing waits to be written."])))
    if pushed.refused:
        raise Failed("; ".join(f"{change.key}: {answers[change.key]}" for change in pushed.refused))
    if pushed.error is not None:
        kept = f"Kept, and tried again by the workers: {', '.join(waiting)}."
        raise Failed(f"{pushed.error} {kept}", UNREACHABLE if pushed.error.retryable else FAILED)


def _shown(key: str, text: str | None, unknown: str) -> str:
    if key == ACTIVE and text is not None:
        return "yes" if text == ON else "no"
    return unknown if text is None else text


def _history(changes: list[ConfigChange]) -> Table:
    shown = table("Changes, newest first", "Id", "When", "Key", "Before", "Wished", "What became of it", "By", "Said")
    for change in changes:
        before = change.before if change.before_known else "?"
        cells = (change.pk, when(change.made), change.key, before, change.wished, change.get_state_display())
        add_row(shown, *cells, change.who or "", change.answer)
    return shown


def _change_as_json(change: ConfigChange) -> Mapping[str, object]:
    return {
        **{name: getattr(change, name) for name in ("key", "wished", "state", "made", "settled", "attempts", "answer")},
        "id": change.pk,
        "before": change.before if change.before_known else None,
        "who": str(change.who) if change.who else None,
        "can_be_undone": configuration.why_not_undone(change) is None,
    }
