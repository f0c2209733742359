"""Our collector goes on where another application has stored a unit's readings."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet
from readings.models import DeviceReading
from readings.periods import to_datetime
from tests.readings.collect.arrivals import NOON_MS, Collecting, answer_of, arrival
from tests.readings.importing.stored import bring
from tests.readings.importing.their_database import Row, Their, only_power, write_sqlite

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.engines]


def test_a_mean_reaches_back_over_no_time_in_which_the_other_application_may_have_asked(tmp_path: Path) -> None:
    """Of an outage of ours the unit's mean would tell; here it tells about the time since the other's last question."""
    noon = to_datetime(NOON_MS).replace(tzinfo=None)
    rows: list[Row] = [(noon + timedelta(seconds=n), only_power(float(n))) for n in range(3)]
    with Fleet(1, "127.20.19.2", http_port=0, ayt_port=0, uptime_s=20_000.0) as fleet:
        [unit] = fleet.units
        bring(write_sqlite(tmp_path / "unit.db", Their(rows, assy=unit.assy)), zone="UTC")
        payload = answer_of(unit.assy, SERVICE_LIST=f"WEB:{unit.http_port}")
        collecting = Collecting(period_s=1.0)
        for at_ms in (3_600_000, 3_601_000):
            collecting.take(arrival(at_ms, payload, address=unit.address))
        end = time.monotonic() + 10
        while DeviceReading.objects.count() < 5:
            assert time.monotonic() < end, "it did not happen in time"
            collecting.take(at_ms=3_601_000)
            threading.Event().wait(0.02)
    assert list(DeviceReading.objects.order_by("time").values_list("window_ms", "recovered")) == [
        (0, False), (1000, False), (1000, False), (0, False), (1000, False),
    ]  # fmt: skip
