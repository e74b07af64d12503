"""What the diagnosis is given: texts that were measured, and facts about the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class Phase(StrEnum):
    """When a text was written."""

    BUILD = "build"
    RUN = "run"
    HEALTH = "health"


@dataclass(frozen=True)
class SourceText:
    """One text of evidence under the name that quotes will carry."""

    name: str
    text: str
    phase: Phase = Phase.RUN
    first_line: int = 1
    """Number of the text's first line, where the text is the end of something longer."""


@dataclass(frozen=True)
class ContainerFacts:
    """What `docker inspect` says about the container that failed; defaults mean not known."""

    exit_code: int | None = None
    oom_killed: bool = False
    error: str = ""
    """`State.Error`: why the container could not start at all."""


@dataclass(frozen=True)
class Evidence:
    """Everything the rules may look at; nothing else is read but the files of the build context."""

    service: str = ""
    sources: tuple[SourceText, ...] = ()
    """The text that speaks for the present state first: build log of a broken build, then container log,
    then health log."""
    container: ContainerFacts = field(default_factory=ContainerFacts)
    workspace: Path | None = None
    """Absolute; targets and paths in quotes are relative to it. The context where left out."""
    context: Path | None = None
    """Absolute path of the build context, where there is one."""
    dockerfile: Path | None = None
    """Absolute; `context/Dockerfile` where left out."""
    build_target: str = ""
    """Compose's `build.target`; the last stage where empty."""
    base_image: str = ""
    """Image reference; read from the Dockerfile where empty."""
    python_version: str = ""
    """`3.13`; read from tracebacks and the base image where empty."""
    release: str = ""
    """Distribution code name such as `trixie`; read from the base image where empty."""
    package_manager: str = ""
    """`apt`, `apk` or `yum`; read from the Dockerfile where empty."""
