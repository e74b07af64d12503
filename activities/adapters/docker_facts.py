"""Docker's answers as typed facts. Pure; containers' environments are read for masking only (I5)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from workflows.models.marks import ImageMark
from workflows.models.snapshot import ContainerState

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"
CONFIG_HASH = "com.docker.compose.config-hash"
CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIR = "com.docker.compose.project.working_dir"
ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"

Inspect = Mapping[str, object]
"""One object of ``docker inspect``, as the daemon sends it."""

_ANONYMOUS = re.compile(r"[0-9a-f]{64}")
_FRACTION = re.compile(r"(\.\d{6})\d+")


@dataclass(frozen=True)
class DaemonInfo:
    """Which daemon answers."""

    id: str
    name: str
    server_version: str
    endpoint: str


@dataclass(frozen=True)
class ProjectLabels:
    """How Compose was called when it made the project's newest container (COMPOSE fact 2)."""

    config_files: tuple[str, ...]
    working_dir: str
    environment_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mount:
    """One mount of a container."""

    kind: str
    """``bind``, ``volume`` or ``tmpfs``."""
    name: str
    """The volume's name; empty for others."""
    source: str
    destination: str

    @property
    def anonymous(self) -> bool:
        """A volume that nobody named: Compose carries it from container to container."""
        return self.kind == "volume" and _ANONYMOUS.fullmatch(self.name) is not None


@dataclass(frozen=True)
class ImageFacts:
    """What an image says about itself."""

    id: str
    working_dir: str
    virtual_env: str
    volumes: tuple[str, ...]
    has_healthcheck: bool
    created: datetime | None = None
    """When its newest layer was made; a build that finds everything in its cache keeps the old instant."""


@dataclass(frozen=True)
class ContainerEvent:
    """One entry of the daemon's event log."""

    at: datetime
    action: str
    """``die``, ``kill``, ``start``, ``health_status: healthy`` ..."""
    container_id: str
    service: str
    attributes: Mapping[str, str]

    @property
    def exit_code(self) -> int | None:
        """Of a ``die``."""
        code = self.attributes.get("exitCode", "")
        return int(code) if code.lstrip("-").isdigit() else None


def section(of: object, *path: str) -> Mapping[str, object]:
    """A nested object, or an empty one where it is missing or null."""
    for key in path:
        of = of.get(key) if isinstance(of, Mapping) else None
    return of if isinstance(of, Mapping) else {}


def labels(inspected: Inspect) -> Mapping[str, str]:
    """The labels of an inspected container."""
    return {str(key): str(value) for key, value in section(inspected, "Config", "Labels").items()}


def environment(inspected: Inspect) -> dict[str, str]:
    """The environment of an inspected container or image, for masking only."""
    entries = section(inspected, "Config").get("Env")
    pairs = (str(entry).partition("=") for entry in entries) if isinstance(entries, list) else ()
    return {name: value for name, _, value in pairs}


def container_state(inspected: Inspect) -> ContainerState:
    """The facts of one container, without its environment."""
    state, tags = section(inspected, "State"), labels(inspected)
    health = str(section(state, "Health").get("Status") or "none")
    return ContainerState(
        id=str(inspected["Id"]),
        name=str(inspected.get("Name", "")).lstrip("/"),
        service=tags.get(SERVICE, ""),
        number=_integer(tags.get(NUMBER), default=1),
        status=str(state.get("Status", "")),
        exit_code=_integer(state.get("ExitCode")),
        oom_killed=bool(state.get("OOMKilled")),
        error=str(state.get("Error") or ""),
        restart_count=_integer(inspected.get("RestartCount")),
        created_at=moment(inspected.get("Created")),
        started_at=moment(state.get("StartedAt")),
        finished_at=moment(state.get("FinishedAt")),
        image_id=str(inspected.get("Image", "")),
        config_hash=tags.get(CONFIG_HASH, ""),
        health=None if health == "none" else health,
        restart_policy=str(section(inspected, "HostConfig", "RestartPolicy").get("Name") or "no"),
        pid=_integer(state.get("Pid")),
    )


def health_log(inspected: Inspect) -> str:
    """The health check's last answers, each after a line with its exit code."""
    entries = section(inspected, "State", "Health").get("Log")
    if not isinstance(entries, list):
        return ""
    return "".join(
        f"exit code {entry.get('ExitCode')} at {entry.get('Start')}\n"
        f"{str(entry.get('Output', '')).rstrip()}\n"
        for entry in entries
        if isinstance(entry, dict)
    )


def project_labels(tags: Mapping[str, str]) -> ProjectLabels | None:
    """How Compose was called, or None for a container that does not say."""
    if WORKING_DIR not in tags:
        return None
    return ProjectLabels(
        config_files=_paths(tags.get(CONFIG_FILES, "")),
        working_dir=tags[WORKING_DIR],
        environment_files=_paths(tags.get(ENVIRONMENT_FILE, "")),
    )


def mounts(inspected: Inspect) -> tuple[Mount, ...]:
    """All mounts of a container, by destination."""
    entries = inspected.get("Mounts")
    found = (
        Mount(
            kind=str(entry.get("Type", "")),
            name=str(entry.get("Name", "")),
            source=str(entry.get("Source", "")),
            destination=str(entry.get("Destination", "")),
        )
        for entry in (entries if isinstance(entries, list) else [])
    )
    return tuple(sorted(found, key=lambda mount: mount.destination))


def image_facts(inspected: Inspect) -> ImageFacts:
    """The parts of an image's configuration that say where dependencies are installed."""
    config = section(inspected, "Config")
    test = section(config, "Healthcheck").get("Test")
    return ImageFacts(
        id=str(inspected["Id"]),
        working_dir=str(config.get("WorkingDir") or "/"),
        virtual_env=environment(inspected).get("VIRTUAL_ENV", ""),
        volumes=tuple(sorted(section(config, "Volumes"))),
        has_healthcheck=bool(test) and test != ["NONE"],
        created=moment(inspected.get("Created")),
    )


def image_mark(inspected: Inspect) -> ImageMark:
    """Whose image it is; a build that is wholly cached makes no image anew, but names it anew."""
    tags = labels(inspected)
    times = (moment(inspected.get("Created")), moment(section(inspected, "Metadata").get("LastTagTime")))
    return ImageMark(
        id=str(inspected["Id"]),
        project=tags.get(PROJECT, ""),
        service=tags.get(SERVICE, ""),
        touched_at=max((at for at in times if at is not None), default=None),
    )


def container_event(event: Inspect) -> ContainerEvent:
    """One decoded line of the daemon's event stream."""
    attributes = {str(k): str(v) for k, v in section(event, "Actor", "Attributes").items()}
    seconds = _integer(event.get("timeNano")) / 1e9
    return ContainerEvent(
        at=datetime.fromtimestamp(seconds, UTC),
        action=str(event.get("Action", "")),
        container_id=str(section(event, "Actor").get("ID", "")),
        service=attributes.get(SERVICE, ""),
        attributes=attributes,
    )


_INSIDE_ONLY = (
    "exec_", "health_status", "top", "attach", "detach", "resize", "export", "archive-path", "copy",
)  # fmt: skip


def might_matter(event: Inspect, project: str) -> bool:
    """Whether a plain ``up`` of a project might do something else after an event than before it."""
    if event.get("Type") != "container":
        return True  # images, networks and volumes say nothing of whose they are
    of = str(section(event, "Actor", "Attributes").get(PROJECT, ""))
    return of in {"", project} and not str(event.get("Action", "")).startswith(_INSIDE_ONLY)


def moment(value: object) -> datetime | None:
    """Docker's timestamps; its year 1 means never."""
    text = str(value or "")
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(_FRACTION.sub(r"\1", text)).astimezone(UTC)


def by_number(states: Iterable[ContainerState]) -> tuple[ContainerState, ...]:
    """In the order people count them."""
    return tuple(sorted(states, key=lambda state: (state.service, state.number, state.name)))


def _paths(label: str) -> tuple[str, ...]:
    return tuple(path for path in label.split(",") if path)


def _integer(value: object, default: int = 0) -> int:
    try:
        return int(str(value))
    except ValueError:
        return default
