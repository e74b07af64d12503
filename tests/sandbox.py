"""A real Compose project for one test: written, started, inspected, and taken away again."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import docker
from docker.models.containers import Container

COMMAND_TIMEOUT_SECONDS = 180
PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"


def unique_project_name() -> str:
    """A Compose project name that no other test, on this daemon, has."""
    return f"mmt-{uuid4().hex[:8]}"


def write_files(directory: Path, files: dict[str, str]) -> None:
    """Write `files` (relative path -> content) below `directory`."""
    for relative, content in files.items():
        path = directory / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


@dataclass(frozen=True)
class Fingerprint:
    """What must not change in a container that nobody is allowed to touch (I3)."""

    container_id: str
    started_at: str
    image_id: str
    config_hash: str


@dataclass(frozen=True)
class ComposeSandbox:
    """A Compose project `name` in `directory`, driven by the real `docker compose`."""

    name: str
    directory: Path
    engine: docker.DockerClient

    def compose(self, *args: str, expect_rc: int | None = 0) -> subprocess.CompletedProcess[str]:
        """Run `docker compose ARGS` in the project; `expect_rc=None` accepts any exit code."""
        done = subprocess.run(
            ["docker", "compose", "--project-name", self.name, *args],
            cwd=self.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
        if expect_rc is not None and done.returncode != expect_rc:
            raise AssertionError(
                f"docker compose {' '.join(args)} ended with {done.returncode}, expected {expect_rc}\n"
                f"--- stdout\n{done.stdout}\n--- stderr\n{done.stderr}"
            )
        return done

    def up(self, *services: str, expect_rc: int = 0) -> subprocess.CompletedProcess[str]:
        """Build and start `services` (all, where none is named), detached."""
        return self.compose("up", "--detach", "--build", *services, expect_rc=expect_rc)

    def containers(self, service: str | None = None) -> list[Container]:
        """Every container of `service` (of the project where None), running or not, by name."""
        labels = [f"{PROJECT_LABEL}={self.name}"]
        if service is not None:
            labels.append(f"{SERVICE_LABEL}={service}")
        found = self.engine.containers.list(all=True, filters={"label": labels})
        return sorted(found, key=lambda container: str(container.name))

    def container(self, service: str) -> Container:
        """The one container of `service`; fails where there is none or several."""
        found = self.containers(service)
        assert len(found) == 1, f"{service} has {len(found)} containers: {[c.name for c in found]}"
        return found[0]

    def fingerprints(self, *, without: str | None = None) -> dict[str, Fingerprint]:
        """Container name -> fingerprint, of all services but `without`."""
        return {
            str(container.name): fingerprint(container)
            for container in self.containers()
            if container.labels[SERVICE_LABEL] != without
        }

    def write(self, relative: str, content: str) -> None:
        """Replace (or make) one project file."""
        write_files(self.directory, {relative: content})

    def read(self, relative: str) -> str:
        """The text of one project file."""
        return (self.directory / relative).read_text(encoding="utf-8")

    def checksums(self) -> dict[str, str]:
        """Relative path -> SHA-256, of every file of the project directory."""
        return {
            path.relative_to(self.directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.directory.rglob("*"))
            if path.is_file()
        }

    def remove(self) -> None:
        """Take away all that the project has on the daemon, even where its files no longer parse."""
        self.compose("down", "-v", "--rmi", "local", "--remove-orphans", "-t", "1", expect_rc=None)
        for container in self.containers():
            container.remove(force=True, v=True)
        mine = {"label": f"{PROJECT_LABEL}={self.name}"}
        for network in self.engine.networks.list(filters=mine):
            network.remove()
        for volume in self.engine.volumes.list(filters=mine):
            volume.remove(force=True)
        self._remove_holds()
        for image in self.engine.images.list(filters=mine):
            self.engine.images.remove(str(image.id), force=True)

    def _remove_holds(self) -> None:
        """What a run of the orchestrator that never ended still holds of this project's images."""
        holders: dict[str, str | list[str] | bool] = {
            "label": f"io.moonmind.orchestrator.project={self.name}"
        }
        for container in self.engine.containers.list(all=True, filters=holders):
            image = container.image
            container.remove(force=True)
            held = [tag for tag in (image.tags if image else ()) if tag.startswith("mm-orchestrator/held:")]
            for tag in held:
                self.engine.images.remove(tag, force=True)


def fingerprint(container: Container) -> Fingerprint:
    """Read a container's fingerprint afresh from the daemon."""
    container.reload()
    return Fingerprint(
        container_id=str(container.id),
        started_at=container.attrs["State"]["StartedAt"],
        image_id=container.attrs["Image"],
        config_hash=container.labels.get("com.docker.compose.config-hash", ""),
    )


def _environment() -> dict[str, str]:
    # COMPOSE_FILE, COMPOSE_PROJECT_NAME and the like of whoever runs the tests must not steer them.
    return {key: value for key, value in os.environ.items() if not key.startswith("COMPOSE_")}
