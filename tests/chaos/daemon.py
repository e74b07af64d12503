"""A Docker daemon of the test's own: faults of a daemon must never hit the user's.

It has its own data, sockets and network namespace: a second daemon beside the first would take its
``docker0`` away. Containers of these tests need no network beyond their own. The base image is carried
over with ``docker save | docker load``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import DockerException

START_SECONDS = 60.0
STOP_SECONDS = 40.0
_POOL = "10.213.0.0/16"


def cannot_run() -> str | None:
    """Why this host cannot have a second Docker daemon; None where it can."""
    if os.geteuid() != 0:
        return "a Docker daemon of the test's own needs root"
    missing = [name for name in ("dockerd", "ip", "mount", "nsenter") if shutil.which(name) is None]
    return f"this host has no {' and no '.join(missing)}" if missing else None


@dataclass
class OwnDaemon:
    """One dockerd below ``root``; ``start`` it before use, ``remove`` it afterwards."""

    root: Path
    namespace: str
    """Name of its network namespace; made at the start, removed at the end."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Of the daemon, beside that of the tests: BuildKit has settings that are only there."""
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def endpoint(self) -> str:
        """For ``DOCKER_HOST``."""
        return f"unix://{self.root}/docker.sock"

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            AssertionError: it does not; the end of its log is quoted.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self._make_namespace()
        with (self.root / "dockerd.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._argv(),
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            late = self._process.poll() is not None or time.monotonic() > deadline
            assert not late, f"no second dockerd: {self._log_end()}"
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether its API answers now."""
        try:
            client = docker.DockerClient(base_url=self.endpoint, timeout=5)
        except DockerException:
            return False
        try:
            return bool(client.ping())
        except (DockerException, OSError):
            return False
        finally:
            client.close()

    def load(self, image: str) -> None:
        """Copy an image from the user's daemon."""
        saving = subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE)
        loading = ["docker", "--host", self.endpoint, "load", "--quiet"]
        subprocess.run(loading, stdin=saving.stdout, stdout=subprocess.DEVNULL, timeout=300, check=True)
        assert saving.wait(30) == 0, f"docker save {image} failed"

    def end(self, *, hard: bool) -> None:
        """Stop it: with SIGTERM, or as a crash would."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGKILL if hard else signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None

    def remove(self) -> None:
        """Take everything away: containers, networks, processes, mounts, files, the namespace."""
        if self._process is not None and self.answers():
            self._remove_containers()
        self.end(hard=False)
        self._end_the_rest()
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            place = line.split()[1]
            if place.startswith(f"{self.root}/"):
                subprocess.run(["umount", "--lazy", place], check=False)
        subprocess.run(["ip", "netns", "delete", self.namespace], check=False, capture_output=True)
        shutil.rmtree(self.root, ignore_errors=True)

    def _remove_containers(self) -> None:
        client = docker.DockerClient(base_url=self.endpoint, timeout=60)
        try:
            for container in client.containers.list(all=True, ignore_removed=True):
                try:
                    container.remove(force=True, v=True)
                except DockerException:
                    continue
            client.networks.prune()  # of this daemon only: it removes the bridges of its projects
        finally:
            client.close()

    def _end_the_rest(self) -> None:
        """containerd and shims outlive a daemon that was killed."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            of_ours = any(f"{self.root}/".encode() in word for word in words)
            if of_ours and re.search(rb"containerd|dockerd", words[0]):
                os.kill(int(entry.name), signal.SIGKILL)

    def _make_namespace(self) -> None:
        """It outlives each start of the daemon, as a host's network does."""
        if Path("/run/netns", self.namespace).exists():
            return
        subprocess.run(["ip", "netns", "add", self.namespace], check=True)
        subprocess.run(["ip", "-n", self.namespace, "link", "set", "lo", "up"], check=True)

    def _argv(self) -> list[str]:
        return [
            "nsenter", f"--net=/run/netns/{self.namespace}",
            "dockerd", "--data-root", f"{self.root}/data", "--exec-root", f"{self.root}/exec",
            "--pidfile", f"{self.root}/docker.pid", "--host", self.endpoint,
            "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
            "--userland-proxy=false", "--default-address-pool", f"base={_POOL},size=24",
            "--shutdown-timeout", "5", "--log-level", "warn",
        ]  # fmt: skip

    def _log_end(self) -> str:
        return (self.root / "dockerd.log").read_text(errors="replace")[-2000:]
