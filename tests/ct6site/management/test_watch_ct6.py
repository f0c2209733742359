"""The watch beside a real collector and simulated units, with a real server where its messages arrive."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from ct6site.models import Alert, AlertChannel
from ct6site.operations import watching
from ct6site.operations.alerting import Rules
from ct6site.operations.delivery import Delivery
from ct6site.operations.watching import Watch
from devices.ct6.simulator.fleet import Fleet
from devices.models import Device
from readings import heartbeats
from readings.models import Heartbeat
from tests.ct6site.receivers import WebReceiver, web_receiver
from tests.factories import make_device
from tests.processes import ROOT, database_url, running, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

SEEN_WITHIN_S = 30.0
# Shorter than in life, where parts have 20 s and an end is waited for a minute.
RULES = Rules(unit_after_s=10.0, part_after_s=10.0, well_for_s=2.0)


@pytest.fixture
def phone() -> Iterator[WebReceiver]:
    """An ntfy server, to which the one channel there is leads."""
    with web_receiver() as receiver:
        channel = AlertChannel(name="phone")
        channel.address = receiver.ntfy
        channel.save()
        yield receiver


@pytest.fixture
def unit() -> Iterator[Fleet]:
    with Fleet(1, "127.23.1.2", http_port=0, ayt_port=0, names=None) as fleet:
        yield fleet


def kept() -> set[tuple[str, bool]]:
    """The parts of all alerts, empty for a unit, and whether each is open."""
    return {(alert.part, alert.ended is None) for alert in Alert.objects.all()}


@contextmanager
def collecting(fleet: Fleet, folder: Path) -> Iterator[None]:
    asking = ["--address", fleet.units[0].address, "--port", str(fleet.ayt_port), "--period", "0.25"]
    with running(["manage.py", "collect_ct6", *asking], {"CT6_DATA_DIR": str(folder)}):
        yield


@contextmanager
def being_watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """By a watch that looks more often than in life, and gives nobody time to start."""
    monkeypatch.setattr(watching, "LOOK_EVERY_S", 0.2)
    monkeypatch.setattr(watching, "_UNITS_ANSWER_WITHIN_S", 2.0)
    stop = threading.Event()
    watch = Watch(RULES, Delivery(), starting_s=3_600.0)
    thread = threading.Thread(target=watch.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def seen(assured: Callable[[], bool]) -> None:
    wait_for(assured, SEEN_WITHIN_S)


def test_a_unit_and_a_collector_that_fall_silent_are_told_once_each(
    phone: WebReceiver, unit: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    with being_watched(monkeypatch):
        with collecting(unit, tmp_path):
            seen(lambda: Device.objects.filter(last_seen__isnull=False).exists())
            name = str(Device.objects.get())
            for _ in range(2):
                let_collector_be_heard()

            unit.units[0].settings["ACTIVE"] = 0
            told.append(f"CT6: {name} is silent")
            seen(lambda: phone.titles == told)
            unit.units[0].settings["ACTIVE"] = 1
            told.append(f"CT6: {name} is back")
            seen(lambda: phone.titles == told)
        told.append("CT6: collector is silent")
        seen(lambda: phone.titles == told)
        seen(lambda: kept() == {("", False), ("collector", True)})


def let_collector_be_heard() -> None:
    """Until it has given another sign of life, and the unit with it."""
    before = heartbeats.collector_seen()
    seen(lambda: heartbeats.collector_seen() != before)


def test_the_command_watches_until_it_is_stopped(phone: WebReceiver, tmp_path: Path) -> None:
    house = make_device(name="House", ports=(), last_seen=timezone.now())
    with running(["manage.py", "watch_ct6"], {"CT6_DATA_DIR": str(tmp_path), "CT6_ALERT_AFTER": "10"}):
        seen(lambda: Heartbeat.objects.filter(part="watch").exists())
        answers_until = timezone.now() + timedelta(seconds=5)

        def told() -> bool:
            heartbeats.note("collector", timezone.now())
            if timezone.now() < answers_until:
                Device.objects.filter(pk=house.pk).update(last_seen=timezone.now())
            return phone.titles == ["CT6: House is silent"]

        seen(told)


def test_a_second_one_stands_by_and_goes_on_when_the_first_is_killed(phone: WebReceiver, tmp_path: Path) -> None:
    command, environment = ["manage.py", "watch_ct6"], {"CT6_DATA_DIR": str(tmp_path), "CT6_ALERT_AFTER": "10"}
    everything = {**os.environ, "DATABASE_URL": database_url(), **environment}
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, env=everything) as first:
        try:
            seen(lambda: telling() == first.pid)
            with running(command, environment):
                first.kill()
                first.wait()
                seen(lambda: telling() not in (first.pid, None))
        finally:
            first.kill()
    assert telling() is None  # the second one has said that it ends
    assert phone.titles == []


def telling() -> object:
    """The process that sends the alerts."""
    detail = Heartbeat.objects.filter(part=watching.LEASE_PART).values_list("detail", flat=True).first()
    return (detail or {}).get("pid")
