"""Which editor understands which Python manifest."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Protocol

from packaging.requirements import Requirement

from activities.manifests import pipfile, pyproject, requirements, setup_cfg

_REQUIREMENTS = re.compile(
    r"^(?:.*requirements.*|constraints.*|(?:pip[-_]?)?reqs?(?:[-_.]\w+)*|(?:\w+[-_])?deps|dependencies)\.txt$",
    re.IGNORECASE,
)


class ManifestEditor(Protocol):
    """Pure text in, text out; every function raises ManifestError instead of guessing."""

    def declared(self, text: str) -> set[str]:
        """Canonical names the manifest asks for."""

    def requirement_of(self, text: str, name: str) -> Requirement | None:
        """What it asks for under `name`."""

    def add(self, text: str, name: str, specifier: str = "") -> str:
        """The text with `name` added."""

    def pin(self, text: str, name: str, version: str) -> str:
        """The text with the version of `name` replaced."""


def editor_for(path: str) -> ManifestEditor | None:
    """The editor for a manifest by its file name; None for files that are not Python manifests.

    Dockerfiles have their own functions in `activities.manifests.dockerfile`.
    """
    file = PurePosixPath(path.replace("\\", "/"))
    if file.name == "pyproject.toml":
        return pyproject
    if file.name == "Pipfile":
        return pipfile
    if file.name == "setup.cfg":
        return setup_cfg
    in_folder = file.suffix == ".txt" and file.parent.name == "requirements"
    return requirements if in_folder or _REQUIREMENTS.match(file.name) else None


def is_dockerfile(path: str) -> bool:
    """Whether the file name says Dockerfile."""
    name = PurePosixPath(path.replace("\\", "/")).name
    return bool(re.match(r"^(?:Docker|Container)file(?:[.-].*)?$|^.+\.[Dd]ockerfile$", name))
