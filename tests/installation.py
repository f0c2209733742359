"""The whole product as a newcomer starts it, on a data folder and ports of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from readings.periods import format_time
from tests.processes import ROOT
from tests.servers import free_port

PASSWORD = "a demo password"
START_LIMIT_S = 150.0


class Installation:
    """``manage.py up --demo`` on a data folder and ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (folder / "log").open("ab+")
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "SECRET_KEY")},
            "CT6_DATA_DIR": str(folder / "data"),
            "CT6_ADMIN_PASSWORD": PASSWORD,
            "CT6_PORT": str(free_port()),
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DEMO": "1",
        }

    def start(self) -> None:
        command = [sys.executable, "manage.py", "up"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=self._log, stderr=self._log)

    def stop(self) -> None:
        """Ctrl-C: everything ends within seconds, and without an error."""
        parts = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0, self.said()
        assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []

    def said(self) -> str:
        self._log.seek(0)
        return self._log.read().decode()

    def get(self, path: str, token: str = "") -> tuple[int, Any]:
        request = urllib.request.Request(self.url + path)
        if token:
            request.add_header("Authorization", f"Token {token}")
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except OSError:
            return 0, None

    def token(self) -> str:
        body = json.dumps({"username": "admin", "password": PASSWORD}).encode()
        request = urllib.request.Request(self.url + "/api/v1/token/", body)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(json.load(answer)["token"])

    def newest_reading_age_s(self, token: str, device: int) -> float:
        now_s = time.time()
        span = f"start={format_time(int(now_s - 60) * 1000)}&end={format_time(int(now_s + 60) * 1000)}"
        _, series = self.get(f"/api/v1/series/?device={device}&resolution=second&{span}".replace("+", "%2B"), token)
        return min((now_s - line["times"][-1] / 1000 for line in series["series"] if line["times"]), default=1e9)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._log.close()
