"""Private servers for tests and benchmarks: MariaDB, Redis, Mosquitto on scratch folders and free ports of 127.0.0.1.

``python -m tests.servers -- COMMAND`` starts them once, runs the command with their addresses in
CT6_TEST_MARIADB_URL and CT6_TEST_REDIS_URL, and ends them. The machine's own servers are never touched.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

SERVER_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
START_LIMIT_S = 30.0


class ServerError(RuntimeError):
    """A private server that cannot be used; the message says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str) -> str:
    found = shutil.which(name, path=SERVER_PATH)
    if found is None:
        raise ServerError(f"{name} is not installed; `sh tests/install.sh` installs what the tests need")
    return found


@contextlib.contextmanager
def running(arguments: list[str], port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server as a child process, from the moment that it takes connections until the block ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(arguments, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_for(process, port, log)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise ServerError(f"{process.args!r} did not start: {log.read_text(errors='replace')[-2000:]}")


class MariaDB:
    """A private MariaDB: ``url(database)`` for Django; ``start`` again after ``stop`` keeps its data."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.socket = folder / "s"

    def install(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        install = [
            program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--tmpdir={self.folder}",  # two that are made at the same moment would meet in the common one
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--innodb-log-file-size=48M",
            *self._as_root(),
        ]
        result = subprocess.run(install, check=False, capture_output=True, text=True, timeout=120)
        if result.returncode:
            raise ServerError(f"MariaDB cannot make its data folder: {result.stdout}{result.stderr}")

    @contextlib.contextmanager
    def run(self, *, buffer_pool: str = "256M") -> Iterator[subprocess.Popen[bytes]]:
        arguments = [
            program("mariadbd"),
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-log-file-size=48M",
            f"--innodb-buffer-pool-size={buffer_pool}",
            "--innodb-flush-log-at-trx-commit=2",
            "--character-set-server=utf8mb4",
            *self._as_root(),
        ]
        with running(arguments, self.port, self.folder / "log") as process:
            self._make_user()
            yield process

    def url(self, database: str = "ct6") -> str:
        return f"mysql://ct6:ct6@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str) -> str:
        arguments = [program("mariadb"), "--no-defaults", "-uroot", f"-S{self.socket}", "-N", "-e", statement]
        return subprocess.run(arguments, check=True, capture_output=True, text=True, timeout=60).stdout

    def _make_user(self) -> None:
        self.sql(
            "create user if not exists ct6@'127.0.0.1' identified by 'ct6'; grant all on *.* to ct6@'127.0.0.1';"
            "create database if not exists ct6 character set utf8mb4"
        )

    @staticmethod
    def _as_root() -> list[str]:
        return ["--user=root"] if os.geteuid() == 0 else []


class Redis:
    """A private Redis that keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()

    @contextlib.contextmanager
    def run(self) -> Iterator[subprocess.Popen[bytes]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = [
            program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1",
            "--save", "", "--appendonly", "no", "--dir", str(self.folder),
        ]  # fmt: skip
        with running(arguments, self.port, self.folder / "log") as process:
            yield process

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


class Mosquitto:
    """A private MQTT server that keeps nothing on disk; with a user it lets in no others."""

    def __init__(
        self,
        folder: Path,
        username: str = "",
        password: str = "",
        *,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self._user = username, password
        self._certificate = certificate, key

    @contextlib.contextmanager
    def run(self) -> Iterator[subprocess.Popen[bytes]]:
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = [f"listener {self.port} 127.0.0.1", "persistence false", "user root"]
        if self._user[0]:
            passwords = self.folder / "passwords"
            command = [program("mosquitto_passwd"), "-b", "-c", str(passwords), *self._user]
            subprocess.run(command, check=True, capture_output=True, timeout=20)
            lines += ["allow_anonymous false", f"password_file {passwords}"]
        else:
            lines.append("allow_anonymous true")
        if self._certificate[0] is not None:
            lines += [f"certfile {self._certificate[0]}", f"keyfile {self._certificate[1]}"]
        configuration = self.folder / "mosquitto.conf"
        configuration.write_text("\n".join([*lines, ""]))
        with running([program("mosquitto"), "-c", str(configuration)], self.port, self.folder / "log") as process:
            yield process

    def url(self, topic: str = "ct6", *, user: str = "") -> str:
        return f"mqtt://{user + '@' if user else ''}127.0.0.1:{self.port}/{topic}"


def main(command: list[str]) -> int:
    with tempfile.TemporaryDirectory(prefix="ct6-servers-") as scratch:
        mariadb, redis = MariaDB(Path(scratch) / "mariadb"), Redis(Path(scratch) / "redis")
        mariadb.install()
        with mariadb.run(), redis.run():
            environment = {**os.environ, "CT6_TEST_MARIADB_URL": mariadb.url(), "CT6_TEST_REDIS_URL": redis.url}
            return subprocess.run(command, check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[sys.argv.index("--") + 1 :]))
