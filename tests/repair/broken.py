"""End-to-end cases: small real services, how each is broken, and what must come of its repair."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

PLACE = Path(__file__).parents[1] / "corpus" / "end_to_end"
"""``<id>/case.yaml`` and ``<id>/project/``; ``<id>/broken/`` is laid over a project that was healthy."""


class Damage(StrEnum):
    """How a service was broken: the classes of the table."""

    DROPPED_DEPENDENCY = "dropped dependency"
    BROKEN_PIN = "broken pin"
    MISSPELT = "misspelt"
    REMOVED_NAME = "removed name"
    SYSTEM_PACKAGE = "system package removed"
    NEWER_BASE_IMAGE = "newer base image"
    LOCK_OUT_OF_STEP = "lock out of step"
    NO_DEPENDENCY = "not a dependency"


class Begin(StrEnum):
    """How the service stands before the run."""

    CRASHING = "crashing"
    """Built and started, and it does not stay up."""
    UNBUILT = "unbuilt"
    """Its image cannot be built; there is no container."""
    HEALTHY = "healthy"
    """It runs; then the files of ``broken/`` are laid over the project, not deployed yet."""


class End(StrEnum):
    """What a run may come to."""

    REPAIRED = "repaired"
    DECLINED = "declined"
    ROLLED_BACK = "rolled back"
    WRONG = "wrong"
    """Anything else: another change than expected, or something left that was not there before."""
    NOT_PLAYED = "not played"
    """It could not even be set up here: a registry or a base image that this host does not reach."""


class Broken(BaseModel):
    """One case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: str
    ecosystem: str
    damage: Damage
    begin: Begin
    end: End
    service: str = "api"
    instruction: str = "repair the api service"
    images: tuple[str, ...] = ("python:3.13-slim",)
    """What the build and its repair start from."""
    changed: tuple[str, ...] = ()
    """Exactly these files differ after a repair."""
    diff: tuple[str, ...] = ()
    """Beginnings of lines that the diff must hold, with their sign; `a | b`: one of them."""
    not_in_diff: tuple[str, ...] = ()
    """Words that no added or removed line may hold."""
    says: str = ""
    """Words that the failure's message or the finding's reason must hold."""
    max_wait_seconds: float = 30
    short: bool = False
    """Part of ``make test``."""

    @property
    def project(self) -> Path:
        """The files as they are before the run, or were when it was healthy."""
        return PLACE / self.id / "project"

    @property
    def overlay(self) -> Path:
        """The files of the damage, for a service that was healthy."""
        return PLACE / self.id / "broken"


def load_broken(place: Path = PLACE) -> list[Broken]:
    """Every case, by id.

    Raises:
        ValueError: a file is no case.
    """
    yaml = YAML(typ="safe")
    return [
        Broken.model_validate({**yaml.load(path), "id": path.parent.name})
        for path in sorted(place.glob("*/case.yaml"))
    ]
