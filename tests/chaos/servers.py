"""The Temporal server and the worker of a campaign: each can be killed alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

BIN = Path(sys.executable).parent
HOST = "chaos"
_START_SECONDS = 60.0


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Killable:
    """A process in a session of its own, with its output in a file."""

    argv: list[str]
    env: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start it; its log goes on where it was."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.argv, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, cwd=self.log.parent,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL, to the whole process group."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self, seconds: float = 30) -> None:
        """SIGTERM, and SIGKILL where that takes too long."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds)
            self.process = None
        except subprocess.TimeoutExpired:
            self.kill()

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None


def temporal_server(root: Path, port: int) -> Killable:
    """The real server on its database file, on one port that it takes again after a kill."""
    (root / "temporal").mkdir()
    argv = [
        str(BIN / "temporal"), "server", "start-dev", "--headless", "--ip", "127.0.0.1",
        "--port", str(port), "--db-filename", str(root / "temporal" / "server.db"), "--log-level", "error",
    ]  # fmt: skip
    return Killable(argv, _plain_environment() | {"HOME": str(root)}, root / "temporal.log")


def worker(root: Path, settings: dict[str, str]) -> Killable:
    """The installed ``mm-orchestrator worker``."""
    log = root / "worker.log"
    return Killable([str(BIN / "mm-orchestrator"), "worker"], _plain_environment() | settings, log)


def await_server(server: Killable, port: int) -> None:
    """Wait until the server takes connections.

    Raises:
        AssertionError: it does not, or it ended.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        said = server.log.read_text(errors="replace")[-1500:]
        late = not server.alive or time.monotonic() > deadline
        assert not late, f"no Temporal server: {said}"
        time.sleep(0.05)


def await_worker(process: Killable, from_byte: int = 0) -> None:
    """Wait until the worker says that it serves.

    Raises:
        AssertionError: it does not, or it ended.
    """
    deadline = time.monotonic() + _START_SECONDS
    while True:
        said = process.log.read_bytes()[from_byte:]
        if b'"worker started"' in said:
            return
        text = said[-2000:].decode(errors="replace")
        late = not process.alive or time.monotonic() > deadline
        assert not late, f"no worker: {text}"
        time.sleep(0.05)


def _plain_environment() -> dict[str, str]:
    steered = ("COMPOSE_", "MM_ORCHESTRATOR_", "TEMPORAL_", "DOCKER_")
    return {key: value for key, value in os.environ.items() if not key.startswith(steered)}
