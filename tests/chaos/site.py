"""One Compose project of a campaign: brought up once, repaired again and again."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import docker

from tests.chaos.measure import OWNER_LABEL, Measured, measure
from tests.chaos.stack import Kind, Plan, Story, conf, make_plan, write_stack

_UP_SECONDS = 60.0
_PROJECT = "com.docker.compose.project"


@dataclass
class Site:
    """A project, its engine, and how often it was patched."""

    name: str
    directory: Path
    kind: Kind
    endpoint: str
    engine: docker.DockerClient
    protected: bool = False
    turn: int = 0

    def bring_up(self) -> None:
        """Write its files and start it as its kind wants it."""
        write_stack(self.directory, self.kind)
        self._compose("up", "--detach", "--build")
        if self.kind is Kind.STOPPED:
            self._compose("stop", "api")

    def start_afresh(self) -> None:
        """The files as in the beginning, but for the target's turn; containers are made from them."""
        for container in self.engine.containers.list(all=True, filters={"label": f"{_PROJECT}={self.name}"}):
            container.remove(force=True)
        shutil.rmtree(self.directory)
        write_stack(self.directory, self.kind)

    def make_ready(self) -> None:
        """Once more what its kind is, after a run repaired or a fault stopped it."""
        if self.kind is Kind.BROKEN:
            (self.directory / "api/one.conf").write_text(conf(self.turn, fail=True))
        for old in sorted(self.directory.glob("api/zz-*.conf"))[:-2]:
            old.unlink()
        self._compose("up", "--detach", "--build", "--remove-orphans")
        if self.kind is Kind.STOPPED:
            self._compose("stop", "api")
        self._await_quiet()

    def plan(self, story: Story) -> Plan:
        """The next patch."""
        self.turn += 1
        return make_plan(self.directory, story, self.turn)

    def measure(self) -> Measured:
        """Everything a run could change."""
        return measure(self.engine, self.name, self.directory)

    def remove(self) -> None:
        """Take away what it has on the daemon, and its files."""
        self._compose(
            "down", "--volumes", "--rmi", "local", "--remove-orphans", "--timeout", "1", check=False
        )
        mine: dict[str, str | list[str] | bool] = {"label": f"{OWNER_LABEL}={self.name}"}
        for container in self.engine.containers.list(all=True, filters=mine):
            container.remove(force=True)  # what it holds is labelled as the project's, and goes with that
        for image in self.engine.images.list(filters={"label": f"com.docker.compose.project={self.name}"}):
            self.engine.images.remove(str(image.id), force=True)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _await_quiet(self) -> None:
        """Until no container is on its way up: a health check that is starting is no before-state."""
        deadline = time.monotonic() + _UP_SECONDS
        while time.monotonic() < deadline:
            states = {c.health for c in self.measure().of("api") if c.up}
            if self.kind in {Kind.BROKEN, Kind.STOPPED} or states == {"healthy"}:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} does not become {self.kind}: {self.measure().of('api')}")

    def _compose(self, *args: str, check: bool = True) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("COMPOSE_", "DOCKER_"))}
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.name, *args],
            cwd=self.directory, env=env | {"DOCKER_HOST": self.endpoint}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0 or not check, f"compose {args}: {done.stdout}\n{done.stderr}"
