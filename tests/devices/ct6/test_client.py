"""The client against the captured bytes of the real web server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from devices.ct6.client import UnitClient
from devices.ct6.errors import (
    DestructiveValue,
    UnitRefused,
    WrongUnit,
)
from devices.ct6.exchange import body_of
from devices.ct6.torn_json import read_object
from tests.devices.ct6.captured import SAMPLES, answer, captured, captured_json, client_of, replaying

ASSY = "ASY0398_V003.300_SN00001801"
LOOPBACK = "127.0.0.1"
CONFIG = captured("get_config.http")


# Every captured answer is read right


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.http")), ids=lambda path: path.stem)
def test_every_captured_answer_is_read(path: Any) -> None:
    text = body_of("unit", path.read_bytes())
    body = path.with_suffix(".json")
    if body.exists():
        assert json.loads(text) == json.loads(body.read_bytes())
        assert text.startswith("[") or read_object(text) == json.loads(text)
    else:
        # These are no JSON: test_torn_json says how they are read.
        assert path.stem in {"config_squote", "config_dquote", "config_utf8", "stats_squote", "set_squote"}
        assert read_object(text)


@pytest.mark.parametrize(
    ("sample", "command", "ask", "expected"),
    [
        ("get_stats", "get_stats", UnitClient.stats, captured_json("get_stats")),
        ("get_config", "get_config", UnitClient.config, captured_json("get_config")),
        ("get_config", "get_config", UnitClient.assy_label, ASSY),
        ("fw_version", "fw_version", UnitClient.firmware_version, "3.1"),
        ("get_uptime", "get_uptime", UnitClient.uptime_s, 12),
        ("get_sys_stats", "get_sys_stats", UnitClient.system_stats, captured_json("get_sys_stats")),
        ("get_file_list", "get_file_list", UnitClient.file_list, captured_json("get_file_list")),
        ("get_active_app_folder", "get_active_app_folder", UnitClient.active_folder, "/app1"),
        ("active_after_swap", "get_active_app_folder", UnitClient.active_folder, "/app2"),
        ("get_inactive_app_folder", "get_inactive_app_folder", UnitClient.inactive_folder, "/app2"),
    ],
)
def test_a_question_gives_what_the_unit_answered(
    sample: str, command: str, ask: Callable[[UnitClient], object], expected: object
) -> None:
    with replaying(**{command: captured(f"{sample}.http")}) as server:
        assert ask(client_of(server)) == expected
        assert server.requests == [f"GET /{command} HTTP/1.1\r\nHost: {LOOPBACK}\r\n\r\n".encode()]


@pytest.mark.parametrize(
    ("sample", "command", "change"),
    [
        ("save_factory_cfg", "save_factory_cfg", UnitClient.save_factory_config),
        ("init_atm90e32_devs", "init_atm90e32_devs", UnitClient.init_meter_chips),
        ("erase_offline_app", "erase_offline_app", UnitClient.erase_inactive_folder),
        ("rmfile_on_dir", "rmfile?file=/notes.txt", lambda unit: unit.remove_file("/notes.txt")),
        ("mkdir", "mkdir?dir=/rigdir", lambda unit: unit.make_folder("/rigdir")),
        ("rmdir", "rmdir?dir=/rigdir", lambda unit: unit.remove_folder("/rigdir")),
    ],
)
def test_a_change_makes_sure_of_the_unit_and_is_sent_once(
    sample: str, command: str, change: Callable[[UnitClient], None]
) -> None:
    name = command.partition("?")[0]
    with replaying(get_config=CONFIG, **{name: captured(f"{sample}.http")}) as server:
        change(client_of(server, assy=ASSY))
        assert [request.split(b" ")[1].decode() for request in server.requests] == ["/get_config", f"/{command}"]


@pytest.mark.parametrize(
    "change",
    [
        lambda unit: unit.set_config({"CT1_NAME": "Solar"}),
        UnitClient.save_factory_config,
        UnitClient.init_meter_chips,
        UnitClient.reboot,
        UnitClient.power_cycle,
        UnitClient.erase_inactive_folder,
        UnitClient.swap_active_folder,
        lambda unit: unit.remove_file("/notes.txt"),
        lambda unit: unit.make_folder("/rigdir"),
        lambda unit: unit.remove_folder("/rigdir"),
        lambda unit: unit.send_file("a.txt", "/app2", b"x"),
        lambda unit: unit.reset_to_defaults(meant_for=ASSY),
        UnitClient.restart_after_reset,
    ],
)
def test_nothing_is_changed_on_another_unit(change: Callable[[UnitClient], None]) -> None:
    with replaying(get_config=CONFIG) as server:
        with pytest.raises(WrongUnit, match=f"{ASSY} answers at") as error:
            change(client_of(server, assy="ASY0398_V003.300_SN00009999"))
        assert server.commands == ["get_config"]
    assert error.value.unit == "ASY0398_V003.300_SN00009999"
    assert not error.value.retryable


def test_without_a_label_any_unit_is_right() -> None:
    with replaying(rmdir=captured("rmdir.http")) as server:
        client_of(server).check_identity()
        client_of(server).remove_folder("/rigdir")
        assert server.commands == ["rmdir"]


def test_identity_is_read_past_a_name_that_tears_the_answer() -> None:
    with replaying(get_config=captured("config_squote.http")) as server:
        client_of(server, assy=ASSY).check_identity()
        assert client_of(server).config()["CT1_NAME"] == "Dad's"


@pytest.mark.parametrize("command", ["reboot", "power_cycle"])
def test_a_restart_makes_sure_of_the_unit_and_of_its_application(command: str) -> None:
    with replaying(
        get_config=CONFIG,
        get_active_app_folder=captured("get_active_app_folder.http"),
        get_file_list=captured("get_file_list.http"),
        **{command: captured(f"{command}.http")},
    ) as server:
        getattr(client_of(server, assy=ASSY), command)()
        assert server.commands == ["get_config", "get_active_app_folder", "get_file_list", command]


# Settings


def test_settings_go_out_as_given_separated_by_commas_and_what_was_accepted_comes_back() -> None:
    with replaying(get_config=CONFIG, set_config=captured("set_two.http")) as server:
        accepted = client_of(server, assy=ASSY).set_config({"CT1_NAME": "Solar", "CT2_NAME": "E%20V"})
        assert server.requests[1].startswith(b"GET /set_config?CT1_NAME=Solar,CT2_NAME=E%20V HTTP/1.1\r\n")
    assert accepted == {"CT1_NAME": "Solar", "CT2_NAME": "EV"}


@pytest.mark.parametrize(
    "settings", [{"CT1_NAME": "nan"}, {"CT1_NAME": "a b"}, {"MQTT_SERVER_PORT": ""}, {"ASSY": "x"}, {"FOO": "1"}]
)
def test_a_destructive_value_is_refused_before_anything_is_sent(settings: dict[str, str]) -> None:
    with replaying(get_config=CONFIG, set_config=captured("set_two.http")) as server:
        with pytest.raises(DestructiveValue, match=f"^{ASSY}: ") as refusal:
            client_of(server, assy=ASSY).set_config(settings)
        assert server.requests == []
    assert refusal.value.key in settings


def test_what_the_unit_refuses_is_said_in_its_words() -> None:
    refused = pytest.raises(UnitRefused, match="Config parameter unset")
    with replaying(set_config=captured("set_none.http")) as server, refused as error:
        client_of(server).set_config({"CT1_NAME": "Solar"})
    assert not error.value.retryable


# Files and folders


@pytest.mark.parametrize(
    ("sample", "path", "content"),
    [
        ("get_file_bootlog", "/bootlog.txt", "Booting\nactiveApp=1\n"),
        ("file_ok_read_back", "/rigdir/hello.txt", "hello world\n"),
    ],
)
def test_a_text_file_is_read(sample: str, path: str, content: str) -> None:
    with replaying(get_file=captured(f"{sample}.http")) as server:
        assert client_of(server).read_file(path) == content


def test_the_factory_settings_are_json_inside_the_answer() -> None:
    with replaying(get_file=captured("get_file_factory.http")) as server:
        assert json.loads(client_of(server).read_file("factory.cfg"))["ASSY"] == ASSY


@pytest.mark.parametrize("sample", ["get_file_missing", "get_file_binary", "get_file_no_arg"])
def test_a_file_that_cannot_be_read_is_refused(sample: str) -> None:
    with replaying(get_file=captured(f"{sample}.http")) as server, pytest.raises(UnitRefused):
        client_of(server).read_file("/nope.txt")


@pytest.mark.parametrize(
    ("sample", "command", "change"),
    [
        ("mkdir_again", "mkdir", lambda unit: unit.make_folder("/rigdir")),
        ("rmdir_not_empty", "rmdir", lambda unit: unit.remove_folder("/rigdir")),
        ("rmdir_missing", "rmdir", lambda unit: unit.remove_folder("/rigdir")),
        ("rmfile_missing", "rmfile", lambda unit: unit.remove_file("/nope")),
        ("unknown", "get_file_list", UnitClient.file_list),
    ],
)
def test_a_refused_command_is_an_error(sample: str, command: str, change: Callable[[UnitClient], object]) -> None:
    said = captured_json(sample)["ERROR"]
    with replaying(**{command: captured(f"{sample}.http")}) as server, pytest.raises(UnitRefused) as error:
        change(client_of(server))
    assert said in error.value.message


def test_a_file_is_sent_in_one_line_with_a_lower_case_hash_and_its_bytes() -> None:
    data = bytes(range(256)) * 5
    with replaying(FILE=captured("file_binary.http")) as server:
        client_of(server).send_file("bin.dat", "/rigdir", data)
        [request] = server.requests
    digest = b"d414b085826eb06778483ba35564dc849e643359f69ed9747878ba6e54985bed"
    assert request == b"FILE bin.dat /rigdir 1280 " + digest + b" HTTP/1.1\n" + data


def test_an_empty_file_can_be_sent() -> None:
    with replaying(FILE=captured("file_empty.http")) as server:
        client_of(server).send_file("empty.txt", "/", b"")
        assert server.requests[0].startswith(b"FILE empty.txt / 0 e3b0c442")


@pytest.mark.parametrize("sample", ["file_bad_sha", "file_sha_upper"])
def test_a_file_that_arrived_wrong_is_refused(sample: str) -> None:
    with replaying(FILE=captured(f"{sample}.http")) as server, pytest.raises(UnitRefused, match="XFER ERROR"):
        client_of(server).send_file("bad.txt", "/rigdir", b"hello world\n")


@pytest.mark.parametrize("argument", ["", "a b", "a,b", "a?b", "a=b", "ä", "a\nb", "a\r\n\r\nGET /reboot"])
@pytest.mark.parametrize(
    "use",
    [
        UnitClient.read_file,
        UnitClient.remove_file,
        UnitClient.make_folder,
        UnitClient.remove_folder,
        lambda unit, name: unit.send_file(name, "/app2", b"x"),
        lambda unit, folder: unit.send_file("a.mpy", folder, b"x"),
    ],
)
def test_a_path_that_the_unit_would_cut_is_refused(use: Callable[[UnitClient, str], object], argument: str) -> None:
    with replaying() as server:
        with pytest.raises(DestructiveValue):
            use(client_of(server), argument)
        assert server.requests == []


@pytest.mark.parametrize(
    "change",
    [
        lambda unit: unit.send_file("this.machine.cfg", "/", b"{}"),
        lambda unit: unit.send_file("this.machine.cfg", "/app2/..", b"{}"),
        lambda unit: unit.send_file("main.py", "/", b""),
        lambda unit: unit.remove_file("/this.machine.cfg"),
        lambda unit: unit.remove_file("this.machine.cfg"),
        lambda unit: unit.remove_file("//main.py"),
    ],
)
def test_the_files_that_a_unit_starts_with_are_left_alone(change: Callable[[UnitClient], None]) -> None:
    with replaying() as server:
        with pytest.raises(DestructiveValue, match="could not start"):
            change(client_of(server))
        assert server.requests == []


def test_swapping_gives_the_folder_that_starts_next() -> None:
    files = answer('["/app1/", "/app1/app.mpy", "/app2/", "/app2/app.mpy"]')
    with replaying(
        get_inactive_app_folder=captured("get_inactive_app_folder.http"),
        get_file_list=files,
        swap_active_app=captured("swap_active_app.http"),
    ) as server:
        assert client_of(server).swap_active_folder() == "/app2"


def test_swapping_to_an_empty_folder_is_refused() -> None:
    with replaying(
        get_inactive_app_folder=captured("get_inactive_app_folder.http"),
        get_file_list=captured("get_file_list.http"),  # /app2 has folders in it, but no file
        swap_active_app=captured("swap_active_app.http"),
    ) as server:
        with pytest.raises(DestructiveValue, match="never come back"):
            client_of(server).swap_active_folder()
        assert "swap_active_app" not in server.commands
