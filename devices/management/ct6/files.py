"""The actions below files: what lies on a unit."""

from __future__ import annotations

from pathlib import Path

from django.utils import timezone

from devices import unit_files
from devices.management.ct6.call import Call, add_row, keep, read_local, table


def show_files(call: Call) -> None:
    listing = unit_files.list_files(call.device, who=call.who, now=timezone.now())
    below = (call.options["path"] or "").rstrip("/")
    paths = [path for path in sorted(listing.paths) if path.startswith(f"{below}/") and path != "/"]
    shown = table(f"Files of {call.device}; it starts from {listing.active_folder}", "Path", "")
    entries = []
    for path in paths:
        protected = listing.is_protected(path.rstrip("/"))
        add_row(shown, path, "protected" if protected else "")
        entries.append({"path": path.rstrip("/"), "folder": path.endswith("/"), "protected": protected})
    call.show({"unit": call.device.assy, "active_folder": listing.active_folder, "entries": entries}, shown)


def show_file(call: Call) -> None:
    path = call.options["path"]
    text = unit_files.view(call.device, path, who=call.who, now=timezone.now())
    call.show({"path": path, "text": text}, text)


def get(call: Call) -> None:
    path = call.options["path"]
    content = unit_files.download(call.device, path, who=call.who, now=timezone.now())
    keep(call, content, call.options["to"] or path.rpartition("/")[2])


def put(call: Call) -> None:
    content = read_local(call.options["file"])
    path = unit_files.upload(
        call.device,
        call.options["folder"],
        call.options["name"] or Path(call.options["file"]).name,
        content,
        who=call.who,
        now=timezone.now(),
        replace=call.options["replace"],
    )
    call.show({"path": path, "bytes": len(content)}, f"{path} is on the unit: {len(content)} bytes.")


def remove(call: Call) -> None:
    unit_files.delete(call.device, call.options["path"], who=call.who, now=timezone.now())
    _say_removed(call)


def make_folder(call: Call) -> None:
    path = unit_files.make_folder(call.device, call.options["path"], who=call.who, now=timezone.now())
    call.show({"path": path}, f"{path} was made.")


def remove_folder(call: Call) -> None:
    unit_files.remove_folder(call.device, call.options["path"], who=call.who, now=timezone.now())
    _say_removed(call)


def _say_removed(call: Call) -> None:
    call.show({"removed": call.options["path"]}, f"{call.options['path']} was removed.")


ACTIONS = {
    "list": show_files,
    "show": show_file,
    "get": get,
    "put": put,
    "rm": remove,
    "mkdir": make_folder,
    "rmdir": remove_folder,
}
