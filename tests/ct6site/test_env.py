"""A wrong environment value refuses the start and says the variable, the problem and an example."""

import contextlib
import re
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ct6site import env
from devices.ct6.broker import Broker

ROOT = Path(__file__).resolve().parents[2]


def test_an_unset_flag_takes_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEMO", raising=False)
    assert env.read_flag("DEMO", default=True) is True


@pytest.mark.parametrize(("text", "value"), [("1", True), ("Yes", True), ("off", False), ("", False)])
def test_a_flag_is_read(monkeypatch: pytest.MonkeyPatch, text: str, value: bool) -> None:
    monkeypatch.setenv("DEMO", text)
    assert env.read_flag("DEMO", default=not value) is value


def test_a_wrong_flag_names_itself_and_gives_an_example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEMO", "perhaps")
    with pytest.raises(env.WrongSetting, match=r"DEMO is 'perhaps', which is neither yes nor no.* DEMO=1"):
        env.read_flag("DEMO", default=False)


@pytest.mark.parametrize("text", ["eight", "", "8.5"])
def test_a_port_that_is_no_whole_number_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("PORT", text)
    with pytest.raises(env.WrongSetting, match="PORT is .* no whole number.* PORT=8000"):
        env.read_integer("PORT", default=8000, lowest=1, highest=65535)


def test_a_port_out_of_range_is_refused_with_the_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "70000")
    with pytest.raises(env.WrongSetting, match="outside 1 to 65535"):
        env.read_integer("PORT", default=8000, lowest=1, highest=65535)


@pytest.mark.parametrize("text", ["nan", "inf", "0.1", "1e9"])
def test_a_period_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CT6_PERIOD", text)
    with pytest.raises(env.WrongSetting, match="CT6_PERIOD"):
        env.read_number("CT6_PERIOD", default=1.0, lowest=0.25, highest=300.0)


def test_an_unknown_choice_names_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_ADOPT", "some")
    with pytest.raises(env.WrongSetting, match="only all, ask are known"):
        env.read_choice("CT6_ADOPT", ["all", "ask"], default="all")


def test_addresses_may_be_unicast_broadcast_or_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_ADDRESSES", "127.0.0.61, 127.255.255.255,auto")
    assert env.read_addresses("CT6_ADDRESSES") == ["127.0.0.61", "127.255.255.255", "auto"]


def test_a_name_among_the_addresses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_ADDRESSES", "meter.local")
    with pytest.raises(env.WrongSetting, match="'meter.local', which is neither an IPv4 address nor the word auto"):
        env.read_addresses("CT6_ADDRESSES")


@pytest.mark.parametrize("text", ["0.0.0.0", "239.255.255.250"])
def test_an_address_that_no_unit_has_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CT6_ADDRESSES", text)
    with pytest.raises(env.WrongSetting, match=f"CT6_ADDRESSES holds {text}, which is neither the address of a unit"):
        env.read_addresses("CT6_ADDRESSES")


def test_networks_to_search_are_local_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_SWEEP_NETWORKS", "192.168.0.0/24, 10.1.0.0/24")
    assert env.read_networks("CT6_SWEEP_NETWORKS") == ["192.168.0.0/24", "10.1.0.0/24"]


def test_no_network_is_searched_unless_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CT6_SWEEP_NETWORKS", raising=False)
    assert env.read_networks("CT6_SWEEP_NETWORKS") == []


@pytest.mark.parametrize("text", ["8.8.8.0/24", "10.0.0.0/8", "lan"])
def test_a_network_that_must_not_be_searched_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("CT6_SWEEP_NETWORKS", text)
    with pytest.raises(env.WrongSetting, match=r"CT6_SWEEP_NETWORKS cannot be used: .*=192\.168\.1\.0/24"):
        env.read_networks("CT6_SWEEP_NETWORKS")


def test_a_mysql_url_without_its_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://ct6:pass@db/meters")
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(
        env.WrongSetting, match=r"DATABASE_URL .*pip install --require-hashes -r requirements/lock/mysql"
    ):
        env.read_database("DATABASE_URL", "sqlite:///x")


def test_a_comment_never_stands_behind_a_value_in_the_example_file() -> None:
    """systemd would keep it as part of the value."""
    lines = re.findall(r"^#?[A-Z0-9_]+=.*$", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert [line for line in lines if "#" in line[1:]] == []


def test_an_mqtt_server_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_MQTT_URL", "mqtt://meter:secret@192.168.0.10/ct6,annex")
    wanted = Broker("192.168.0.10", 1883, ("ct6", "annex"), "meter", "secret")
    assert env.read_broker("CT6_MQTT_URL") == wanted


def test_a_wrong_mqtt_server_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_MQTT_URL", "mqtt://meter:hidden@192.168.0.10")
    with pytest.raises(env.WrongSetting, match=r"CT6_MQTT_URL names no topic behind the host\. .*=mqtt://") as refused:
        env.read_broker("CT6_MQTT_URL")
    assert "hidden" not in str(refused.value)


def test_whoever_asks_nobody_has_to_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_ASK", "off")
    assert env.read_asking("CT6_ASK", Broker("192.168.0.10", 1883, ("ct6",))) is False
    with pytest.raises(env.WrongSetting, match="CT6_ASK is off and CT6_MQTT_URL names no MQTT server"):
        env.read_asking("CT6_ASK", None)


def test_an_unknown_time_zone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CT6_TIMEZONE", "London")
    with pytest.raises(env.WrongSetting, match="no IANA time zone.*Europe/London"):
        env.read_timezone("CT6_TIMEZONE")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgres://u:p@h/db", "only sqlite and mysql are known"),
        ("ct6", "only sqlite and mysql are known"),
        ("mysql://u:p@h:3306/", "names no database"),
        ("mysql://u:p@h:port/db", "cannot be read"),
    ],
)
def test_a_wrong_database_url_says_what_is_wrong(monkeypatch: pytest.MonkeyPatch, url: str, problem: str) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    with pytest.raises(env.WrongSetting, match=problem):
        env.read_database("DATABASE_URL", "sqlite:///x")


def test_a_mysql_url_becomes_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://ct6:p%40ss@db:3307/meters")
    entry = env.read_database("DATABASE_URL", "sqlite:///x")
    wanted = {"NAME": "meters", "USER": "ct6", "PASSWORD": "p@ss", "HOST": "db", "PORT": 3307}
    assert {key: entry[key] for key in wanted} == wanted


def test_a_secret_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))
    assert env.read_secret("SECRET_KEY") == "from the file"


def test_a_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(env.WrongSetting, match="SECRET_KEY_FILE names .*none, which cannot be read"):
        env.read_secret("SECRET_KEY")


def test_the_secret_key_is_made_once_and_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    key = env.read_secret_key(tmp_path / "key", make_it=True)
    assert len(key) == 64
    assert env.read_secret_key(tmp_path / "key", make_it=True) == key
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_the_server_set_up_wants_its_own_secret_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECRET_KEY", raising=False)
    with pytest.raises(env.WrongSetting, match="SECRET_KEY is not set.*openssl rand"):
        env.read_secret_key(tmp_path / "key", make_it=False)


@given(st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20))
def test_any_text_for_a_number_is_read_or_refused(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CT6_PERIOD", text)
        with contextlib.suppress(env.WrongSetting):
            assert 0.25 <= env.read_number("CT6_PERIOD", default=1.0, lowest=0.25, highest=300.0) <= 300.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", "/default"),
        ("off", ""),
        ("OFF", ""),
        ("/var/lib/ct6/archive", "/var/lib/ct6/archive"),
        ("file:///var/lib/ct6/archive", "file:///var/lib/ct6/archive"),
        ("s3://bucket/ct6?region=eu-central-1", "s3://bucket/ct6?region=eu-central-1"),
    ],
)
def test_an_archive_is_off_a_folder_or_a_store(monkeypatch: pytest.MonkeyPatch, text: str, value: str) -> None:
    monkeypatch.setenv("CT6_ARCHIVE", text)
    assert env.read_archive("CT6_ARCHIVE", Path("/default")) == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ftp://host/ct6", "starts with 'ftp'; known are off, a folder, and file, s3, gs, gcs, abfs, abfss"),
        ("hdfs://host/ct6", "starts with 'hdfs'; known are off, a folder, and file, s3"),
        ("s3://", r"names no bucket.* CT6_ARCHIVE=s3://my-bucket/ct6"),
        ("file://archive", "is no absolute path"),
        (__file__, "is no folder"),
    ],
)
def test_a_wrong_archive_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, problem: str) -> None:
    monkeypatch.setenv("CT6_ARCHIVE", text)
    with pytest.raises(env.WrongSetting, match=problem):
        env.read_archive("CT6_ARCHIVE", Path("/default"))


def test_every_variable_is_documented_in_the_example_file() -> None:
    sources = [*ROOT.glob("ct6site/**/*.py"), *ROOT.glob("devices/**/*.py"), *ROOT.glob("readings/**/*.py")]
    read = {name for path in sources for name in re.findall(r'read_\w+\(\s*"([A-Z0-9_]+)"', path.read_text())}
    documented = set(re.findall(r"^#?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read - documented == set()
    assert documented - read == {"MYSQL_PASSWORD"}  # docker/compose.yaml's own
