from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from devices.ct6.simulator.fleet import Fleet
from tests.faults.databases import OwnMariaDB, TestsOwn, own_mariadb
from tests.faults.table import note_without_line

_FIRST_NET = 60


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        note_without_line(item.nodeid, "FAILED")
    elif report.skipped:
        note_without_line(item.nodeid, "left out")
    return report


@pytest.fixture
def net(worker_id: str) -> str:
    """The first half of addresses that no other worker of a parallel run uses."""
    worker = 0 if worker_id == "master" else int(worker_id.removeprefix("gw"))
    return f"127.{_FIRST_NET + worker}"


@pytest.fixture
def fleet(net: str) -> Iterator[Fleet]:
    """Three units that have been running for a while."""
    with Fleet(3, f"{net}.1.2", http_port=0, ayt_port=0, uptime_s=60.0) as units:
        yield units


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[OwnMariaDB]:
    with own_mariadb(tmp_path / "mariadb") as server:
        yield server


@pytest.fixture
def sqlite(transactional_db: None) -> TestsOwn:
    return TestsOwn()
