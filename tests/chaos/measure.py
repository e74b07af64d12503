"""Everything a run could change, measured with the operating system's and Docker's own words only.

Mtime policy: a file that the run wrote and put back has its content, mode and owner, and a new time; who
builds incrementally by time sees one more change, which is safe. Every other file keeps its time.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import docker
from docker.errors import ImageNotFound, NotFound
from docker.models.containers import Container

RUN_LABEL = "io.moonmind.orchestrator.run"
OWNER_LABEL = "io.moonmind.orchestrator.project"
_PROJECT = "com.docker.compose.project"
_UP = {"running", "restarting", "paused"}


@dataclass(frozen=True)
class FileFacts:
    """One file or directory of the project."""

    sha256: str
    """Empty for a directory; a link's target for a link."""
    mode: int
    uid: int
    gid: int
    changed_ns: int = field(default=0, compare=False)
    """Time of the last change of its content."""


@dataclass(frozen=True)
class ContainerFacts:
    """One container, as ``docker inspect`` has it."""

    id: str
    name: str
    service: str
    image: str
    config_hash: str
    status: str
    started_at: str
    restart_count: int
    health: str | None

    @property
    def up(self) -> bool:
        """Running, or about to run again."""
        return self.status in _UP


@dataclass(frozen=True)
class Measured:
    """A whole project at one instant."""

    files: dict[str, FileFacts]
    containers: tuple[ContainerFacts, ...]
    reference: str | None
    """Image id that the target's image name stands for."""
    images: frozenset[str]
    """Every image that Compose built for the project."""
    networks: frozenset[str]
    volumes: frozenset[str]
    holds: frozenset[str]
    """Run ids that hold an image of the project."""

    def of(self, service: str) -> tuple[ContainerFacts, ...]:
        """The containers of one service, by name."""
        return tuple(c for c in self.containers if c.service == service)

    def others(self, target: str) -> tuple[ContainerFacts, ...]:
        """The neighbours' containers."""
        return tuple(c for c in self.containers if c.service != target)


def measure(engine: docker.DockerClient, project: str, directory: Path, target: str = "api") -> Measured:
    """Measure one project. Blocking; raises what Docker raises while it does not answer."""
    mine: dict[str, str | list[str] | bool] = {"label": f"{_PROJECT}={project}"}
    listed = engine.containers.list(all=True, filters=mine, ignore_removed=True)
    return Measured(
        files=_files(directory),
        containers=tuple(sorted(_facts(listed), key=lambda c: c.name)),
        reference=_image_id(engine, f"{project}-{target}"),
        images=frozenset(str(image.id) for image in engine.images.list(filters=mine)),
        networks=frozenset(str(n.name) for n in engine.networks.list(filters=mine)),
        volumes=frozenset(str(v.name) for v in engine.volumes.list(filters=mine)),
        holds=_holds(engine, project),
    )


def inside(engine: docker.DockerClient, container_id: str, path: str) -> bytes | None:
    """The content of a file of a container; None where there is none.

    Copied out, not printed by a command in it: what a short command prints can get lost on a busy daemon
    (seed 106 read nothing from one of six files, once).
    """
    container = engine.containers.get(container_id)
    try:
        stream, _ = container.get_archive(path)
    except NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
        member = archive.extractfile(archive.getmembers()[0])
        return member.read() if member is not None else None


def journals(state: Path, run_id: str) -> list[dict[str, object]]:
    """Journals of one run, oldest generation first; not those that were never opened."""
    paths = sorted((state / "journals").glob(f"{run_id}.*/journal.json"))
    found = [json.loads(path.read_text()) for path in paths]
    return [journal for journal in found if "never_opened" not in journal]


def _files(directory: Path) -> dict[str, FileFacts]:
    found = {}
    for path in sorted(directory.rglob("*")):
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        facts = FileFacts(content, status.st_mode, status.st_uid, status.st_gid, status.st_mtime_ns)
        found[path.relative_to(directory).as_posix()] = facts
    return found


def _facts(containers: Iterable[Container]) -> list[ContainerFacts]:
    return [
        ContainerFacts(
            id=str(c.id),
            name=str(c.name),
            service=c.labels.get("com.docker.compose.service", ""),
            image=c.attrs["Image"],
            config_hash=c.labels.get("com.docker.compose.config-hash", ""),
            status=c.attrs["State"]["Status"],
            started_at=c.attrs["State"]["StartedAt"],
            restart_count=c.attrs["RestartCount"],
            health=(c.attrs["State"].get("Health") or {}).get("Status"),
        )
        for c in containers
    ]


def _image_id(engine: docker.DockerClient, reference: str) -> str | None:
    try:
        return str(engine.images.get(reference).id)
    except (ImageNotFound, NotFound):
        return None


def _holds(engine: docker.DockerClient, project: str) -> frozenset[str]:
    listed = engine.containers.list(
        all=True, filters={"label": f"{OWNER_LABEL}={project}"}, ignore_removed=True
    )
    return frozenset(c.labels.get(RUN_LABEL, "") for c in listed)
