"""What `make run DEMO=1` starts, as a newcomer sees it: one process to start, one to stop."""

import time
from pathlib import Path

from playwright.sync_api import Browser

from readings.periods import format_time
from tests.installation import START_LIMIT_S, Installation
from tests.processes import wait_for
from tests.screenshots import FOLDER, take_screenshots


def test_a_demo_runs_is_stopped_and_goes_on_where_it_was(tmp_path: Path, browser: Browser) -> None:
    installation = Installation(tmp_path)
    installation.start()
    try:
        wait_for(lambda: installation.get("/health/")[0] == 200, START_LIMIT_S)
        token = installation.token()
        devices = installation.get("/api/v1/devices/", token)[1]
        assert [(device["name"], device["demo"]) for device in devices] == [("Annex", True), ("House", True)]
        wait_for(lambda: max(installation.newest_reading_age_s(token, one["id"]) for one in devices) < 5)
        assert_thirty_days_of_history(installation, token, devices[0]["id"])
        assert all((FOLDER / name).stat().st_size > 10_000 for name in take_screenshots(browser, installation))
        installation.stop()

        installation.start()
        wait_for(lambda: installation.get("/health/")[0] == 200, START_LIMIT_S)
        assert installation.get("/api/v1/devices/", token)[0] == 200
        installation.stop()
        assert installation.said().count("Making thirty days") == 1
        assert "Traceback" not in installation.said()
    finally:
        installation.close()


def assert_thirty_days_of_history(installation: Installation, token: str, device: int) -> None:
    now_s = int(time.time())
    span = f"start={format_time((now_s - 29 * 86400) * 1000)}&end={format_time(now_s * 1000)}".replace("+", "%2B")
    rows = installation.get(f"/api/v1/energy/?device={device}&{span}", token)[1]
    assert len(rows) == 6
    for row in rows:
        assert row["covered_s"] > 28.9 * 86400
    assert sum(row["import_kwh"] for row in rows) > 100
