from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import ChannelError

from ct6site.folder_broker import Transport


def connection(folder: Path) -> Connection:
    options = {"data_folder_in": str(folder), "data_folder_out": str(folder), "control_folder": str(folder / "control")}
    return Connection(transport=Transport, transport_options=options)


def test_what_is_put_is_got_in_order(tmp_path: Path) -> None:
    with connection(tmp_path) as broker, broker.SimpleQueue("jobs") as queue:
        for number in range(3):
            queue.put({"number": number})
        assert [queue.get(timeout=60).payload["number"] for _ in range(3)] == [0, 1, 2]


def test_folders_of_one_process_do_not_know_each_others_queues(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        with connection(tmp_path / name) as broker, broker.SimpleQueue("jobs") as queue:
            queue.put({"folder": name})
            assert queue.get(timeout=10).payload == {"folder": name}


def test_a_message_that_is_still_being_written_is_not_found(tmp_path: Path) -> None:
    with connection(tmp_path) as broker, broker.SimpleQueue("jobs") as queue:
        (tmp_path / "1_a.part").touch()
        with pytest.raises(queue.Empty):
            queue.get(timeout=0.2)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with connection(tmp_path / "gone") as broker:
        channel: Any = broker.channel()
        with pytest.raises(ChannelError, match="cannot be written"):
            channel._put("jobs", {})


def test_it_stands_behind_the_broker_of_the_site() -> None:
    with Connection("filesystem://localhost") as broker:
        assert isinstance(broker.transport, Transport)
