"""What may be written behind `manage.py ct6`."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, RawDescriptionHelpFormatter
from typing import Any

from devices.management.ct6.calibrating import TARGETS
from devices.management.ct6.settings import names_of_settings


def add_arguments(parser: ArgumentParser) -> None:
    """The unit, and the actions with their own options; those common to all may stand before or behind the action."""
    parser.add_argument("unit", metavar="UNIT", help="its name, label, id or address")
    _add_common(parser, as_user=None, json=False)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_looking(actions)
    _add_settings(actions)
    _add_ports(actions)
    _add_restarting(actions)
    _add_upgrade(actions)
    _add_calibration(actions)
    _add_factory(actions)
    _add_files(actions)
    _add_jobs(actions)


def _add_common(parser: ArgumentParser, **defaults: Any) -> None:
    as_user, as_json = defaults.get("as_user", SUPPRESS), defaults.get("json", SUPPRESS)
    parser.add_argument(
        "--as",
        dest="as_user",
        metavar="USER",
        default=as_user,
        help="who this is, for the audit log (default: the user of the system)",
    )
    parser.add_argument("--json", action="store_true", default=as_json, help="print JSON instead of tables")


def _add(actions: Any, name: str, text: str, *, job: bool = False, **more: Any) -> ArgumentParser:
    parser: ArgumentParser = actions.add_parser(name, help=text, description=more.pop("description", text), **more)
    _add_common(parser)
    if job:
        parser.add_argument("--no-wait", action="store_true", help="ask for the job, print its id and leave")
    return parser


def _add_looking(actions: Any) -> None:
    status = _add(actions, "status", "how it does: firmware, uptime, memory, flash, clock")
    status.add_argument("--kept", action="store_true", help="what it said last, without asking it")
    status.add_argument("--raw", action="store_true", help="also its last answers as they came")


def _add_settings(actions: Any) -> None:
    config = _add(actions, "config", "its settings as last told, what is wished, and the differences")
    config.add_argument("--history", action="store_true", help="also who changed what, with ids for undo")
    _add(actions, "pull", "read its settings now, and show them").set_defaults(history=False)
    _add(actions, "push", "write what is wished now")
    names = ", ".join(sorted(name for name in names_of_settings() if "_of_" not in name))
    change = _add(
        actions,
        "set",
        "wish settings and write them",
        description=f"Settings: {names}, port1 (name), port1_type, ...; or the unit's own names. No value clears one.",
        formatter_class=RawDescriptionHelpFormatter,
    )
    change.add_argument("setting", nargs="*", metavar="KEY=VALUE", help="such as name=Garage port1=Oven active=yes")
    change.add_argument("--ask-mqtt-password", action="store_true", help="ask for it, so that no history keeps it")
    change.add_argument(
        "--mqtt-unchecked", action="store_true", help="also if the MQTT server takes no test message from here"
    )
    undo = _add(actions, "undo", "take a change of a setting back, and write that")
    undo.add_argument("id", type=int, metavar="ID", help="as config --history lists it")


def _add_ports(actions: Any) -> None:
    text = "what its ports are and were, and changing that; a name is wished, and written by the workers or with push"
    ports = _add(actions, "ports", "what its ports are and were, and changing that", description=text)
    add = ports.add_argument
    add("port", nargs="?", metavar="PORT", help="3 or CT3; without one they are listed")
    add(
        "change",
        nargs="*",
        metavar="KEY=VALUE",
        help="name=, role=, direction=normal|reversed, scale=; without --from also enabled=yes|no",
    )
    since = (
        "from this hour on, with the past kept: 2026-03-10T12:00 (the unit's time zone) or with its offset; without "
    )
    add("--from", dest="since", metavar="TIME", help=f"{since}it, for all since the last such change")
    add("--take-back", type=int, metavar="ID", help="undo a port's last change from a moment on, as listed")


def _add_restarting(actions: Any) -> None:
    texts = {
        "reboot": "restart it, and wait until it is back",
        "power-cycle": "let it cut its own supply for some seconds, and wait until it is back",
        "reset": "set it back to its defaults; it leaves the network until somebody sets its WiFi up over Bluetooth",
    }
    for name, text in texts.items():
        parser = _add(actions, name, text, job=True)
        parser.add_argument("--yes-name", metavar="NAME", help="the unit's name, instead of being asked to type it")


def _add_upgrade(actions: Any) -> None:
    upgrade = _add(actions, "upgrade", "give it new firmware; without a release list the releases", job=True)
    add = upgrade.add_argument
    add("release", nargs="?", metavar="FILE|RELEASE", help="a zip or tar, or the version or id of a release")
    add("--across-2.8", dest="across_2_8", action="store_true", help="yes, every port will be calibrated again")
    add("--also", nargs="+", action="extend", default=[], metavar="UNIT", help="others, once this one has succeeded")
    add("--keep-going", action="store_true", help="do not stop at the first failure among the others")
    add("--at", metavar="TIME", help="not before 02:00 or 2026-11-23T02:00")
    add("--notes", default="", help="kept with a release that is new")


def _add_calibration(actions: Any) -> None:
    calibrate = _add(actions, "calibrate", "find gains or an offset against a reference", job=True)
    add = calibrate.add_argument
    add("target", choices=list(TARGETS), help="voltage of both chips, or current or its offset of a port")
    add("--port", type=int, metavar="N", help="of current and offset")
    add("--reference", type=float, metavar="V|A", help="what is really there")
    add("--hz", type=int, choices=(50, 60), help="line frequency (default: as the unit has it)")
    add("--mains-side-is-safe", action="store_true", help="yes: somebody works at live parts meanwhile")
    listed = _add(actions, "calibrations", "what its calibrations did", job=True)
    which = listed.add_mutually_exclusive_group()
    which.add_argument("id", nargs="?", type=int, metavar="ID", help="one of them, with its rounds")
    which.add_argument("--drift", action="store_true", help="how its gains changed over time")
    which.add_argument("--restore", type=int, metavar="ID", help="put the gains of an earlier one back")


def _add_factory(actions: Any) -> None:
    below = _add(actions, "factory", "copies of its factory configuration")
    what = below.add_subparsers(dest="what", metavar="WHAT", required=True)
    _add(what, "list", "those that are kept")
    _add(what, "backup", "keep one, unless it is as the newest", job=True)
    compare = _add(what, "compare", "where the newest copy, or another one, differs from a copy")
    compare.add_argument("id", type=int, metavar="ID")
    compare.add_argument("other", type=int, nargs="?", metavar="OTHER")
    restore = _add(what, "restore", "put the gains and offsets of a copy back, never its label", job=True)
    restore.add_argument("id", type=int, metavar="ID")
    download = _add(what, "download", "write a copy into a file here")
    download.add_argument("id", type=int, nargs="?", metavar="ID", help="default: the newest")
    download.add_argument("--to", metavar="FILE", help="- is the standard output")


def _add_files(actions: Any) -> None:
    below = _add(actions, "files", "what lies on its flash")
    what = below.add_subparsers(dest="what", metavar="WHAT", required=True)
    _add(what, "list", "all paths").add_argument("path", nargs="?", metavar="FOLDER")
    texts = {
        "show": "print a text file, with passwords hidden",
        "get": "fetch a text file",
        "rm": "remove a file",
        "mkdir": "make a folder",
        "rmdir": "remove an empty folder",
    }
    parsers = {name: _add(what, name, text) for name, text in texts.items()}
    for parser in parsers.values():
        parser.add_argument("path", metavar="PATH")
    parsers["get"].add_argument("to", nargs="?", metavar="FILE", help="- is the standard output")
    put = _add(what, "put", "send a file")
    put.add_argument("file", metavar="FILE")
    put.add_argument("folder", metavar="FOLDER", help="on the unit; / is fine")
    put.add_argument("--name", help="there, if it is not the same as here")
    put.add_argument("--replace", action="store_true", help="overwrite a file that is there already")


def _add_jobs(actions: Any) -> None:
    _add(actions, "jobs", "what was done on it, and is to be done")
    job = _add(actions, "job", "follow a job, or see what one said", job=True)
    job.add_argument("id", type=int, metavar="ID")
    job.add_argument("--cancel", action="store_true", help="stop it where that leaves the unit as it was")
