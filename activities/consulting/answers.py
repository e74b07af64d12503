"""Questions to an image's package tool and its answers, checked before anything is made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from workflows.models.base import Model

Version = Annotated[str, Field(pattern=r"^(?:[0-9][A-Za-z0-9.!+_-]*)?$", max_length=64)]
"""Of Python or npm; '' where there is none. What passes here may stand in a manifest."""
Words = Annotated[str, Field(max_length=2000)]


class PackageQuestion(Model):
    """One package that a finding installs."""

    name: str
    specifier: str = ""
    module: str = ""
    """What the code imports, where the evidence says it."""
    attribute: str = ""
    """What the code takes from that module."""


class Question(Model):
    """What one container is asked."""

    packages: tuple[PackageQuestion, ...]
    constraints: tuple[str, ...] = ()
    """Requirements of the manifest, without extras."""
    beside: tuple[str, ...] = ()
    """Requirements of the manifest that are installed together with the new ones."""
    seconds: float


class PackageAnswer(Model):
    """What is known of one package; defaults mean not known."""

    found: bool | None = None
    """False: the index says that it has no such package."""
    complete: bool = False
    """False: there was no time to find out which release suits."""
    releases: int = 0
    first_uploaded: datetime | None = None
    newest: Version = ""
    chosen: Version = ""
    """The newest release that suits interpreter, constraints and the code."""
    uploaded: datetime | None = None
    """When `chosen` was."""
    wheel: Words = ""
    place: Words = ""
    """Where the wheel has the module; '' with a wheel: it does not have it."""
    hooks: bool = False
    """The wheel has start-up hooks (.pth), which can provide modules that are no files."""
    last_with: Version = ""
    first_without: Version = ""
    opened: int = 0
    problem: Words = ""
    """What the package tool itself answered instead of a release."""


class Answer(Model):
    """What one container answered."""

    reached: bool = False
    interpreter: Version = ""
    packages: dict[str, PackageAnswer] = {}
