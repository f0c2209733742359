"""The schedule and the workers, through the brokers of both set-ups: a real Redis, and a folder."""

from datetime import datetime
from pathlib import Path

import pytest
from celery import Celery
from celery.schedules import crontab
from django.conf import settings

from ct6site.celery import app
from devices.models import Device
from readings.models import Heartbeat, PortDay, PortMinute
from tests.factories import make_device, store_reading
from tests.processes import running, wait_for

NOON_MS = 1_795_305_600_000 + 12 * 3_600_000
DAY_S = 86_400
SCHEDULE = sorted(settings.CELERY_BEAT_SCHEDULE.items())
WORKER = ["-m", "celery", "--quiet", "-A", "ct6site", "worker", "-Q", "rollups", "--loglevel", "WARNING"]


@pytest.mark.parametrize(("name", "entry"), SCHEDULE, ids=[name for name, _ in SCHEDULE])
def test_every_entry_of_the_schedule_is_a_task_that_expires_before_its_next_turn(
    name: str, entry: dict[str, object]
) -> None:
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks
    options = entry["options"]
    assert isinstance(options, dict)
    schedule = entry["schedule"]
    assert isinstance(schedule, float | crontab)
    assert options["expires"] < (schedule if isinstance(schedule, float) else DAY_S)
    assert options["queue"] in ("rollups", "jobs")


def roll_up_by_a_worker(device: Device, client: Celery, environment: dict[str, str]) -> None:
    with running([*WORKER, "--pool", "solo"], environment):
        client.send_task("readings.tasks.roll_up", queue="rollups")
        wait_for(lambda: PortDay.objects.filter(port__device=device).count() == 6)
        wait_for(lambda: Heartbeat.objects.filter(part="rollups").exists())


@pytest.mark.engines
@pytest.mark.redis
@pytest.mark.django_db(transaction=True)
def test_a_worker_rolls_up_what_redis_tells_it_to(redis_url: str) -> None:
    device = make_device()
    store_reading(device, NOON_MS, 1000, [100.0] * 6)
    roll_up_by_a_worker(device, Celery(broker=redis_url), {"REDIS_URL": redis_url})
    assert PortMinute.objects.values_list("positive_energy", flat=True).distinct().get() == 1000 * 1000


@pytest.mark.django_db(transaction=True)
def test_a_worker_rolls_up_what_a_folder_tells_it_to(tmp_path: Path) -> None:
    device = make_device()
    store_reading(device, NOON_MS, 1000, [100.0] * 6)
    client = Celery(broker="filesystem://localhost")
    client.conf.broker_transport_options = {
        "data_folder_in": str(tmp_path / "broker"),
        "data_folder_out": str(tmp_path / "broker"),
        "control_folder": str(tmp_path / "broker" / "control"),
    }
    (tmp_path / "broker" / "control").mkdir(parents=True)
    roll_up_by_a_worker(device, client, {"CT6_DATA_DIR": str(tmp_path)})


@pytest.mark.django_db(transaction=True)
def test_the_schedule_gives_signs_of_life_of_its_own(tmp_path: Path) -> None:
    beat = ["-m", "celery", "--quiet", "-A", "ct6site", "beat", "--loglevel", "WARNING", "--pidfile", ""]

    def seen_at() -> datetime | None:
        return Heartbeat.objects.filter(part="beat").values_list("at", flat=True).first()

    with running(beat, {"CT6_DATA_DIR": str(tmp_path)}):
        wait_for(lambda: seen_at() is not None)
        first = seen_at()
        wait_for(lambda: seen_at() != first, 10)
