"""What a client asks for, and what the orchestrator understood of it."""

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from workflows.models.base import Model

Instruction = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
ServiceName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
ProjectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=128)]
Identity = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]


class RunRequest(BaseModel):
    """One instruction (SPEC FR-002), the single input object of the workflow.

    Types are strict: a wrong one fails the run at once with ``invalid_request``. Unknown fields are
    kept only to be reported as warnings.
    """

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    instruction: Instruction
    service: ServiceName | None = None
    project: ProjectName | None = None
    requested_by: Identity | None = None
    plan_only: bool = False
    patch: Annotated[str, StringConstraints(max_length=256 * 1024)] | None = None
    approval_token: str | None = None
    max_rounds: Annotated[int, Field(ge=1, le=20)] | None = None
    retry_of: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{36}$")] | None = None
    """Run id of the run that this one repeats; only kept on record."""

    @property
    def unknown_fields(self) -> tuple[str, ...]:
        """Names of fields this version does not know, sorted."""
        return tuple(sorted(self.model_extra or {}))


class IntentKind(StrEnum):
    """What kind of help the instruction asks for."""

    REPAIR = "repair"
    ADD_PACKAGE = "add_package"
    ADD_SYSTEM_PACKAGE = "add_system_package"
    REMOVE_PACKAGE = "remove_package"
    REMOVE_SYSTEM_PACKAGE = "remove_system_package"
    PIN_PACKAGE = "pin_package"
    UPGRADE_PACKAGE = "upgrade_package"
    """To the newest release that suits."""
    CHANGE_BASE_IMAGE = "change_base_image"
    REBUILD = "rebuild"
    RESTART = "restart"
    OPERATOR_PATCH = "operator_patch"


class Ecosystem(StrEnum):
    """Whose packages are meant, where the sentence says so."""

    PYTHON = "python"
    NODE = "node"
    RUBY = "ruby"
    GO = "go"
    PHP = "php"
    JAVA = "java"
    RUST = "rust"
    APT = "apt"
    APK = "apk"
    YUM = "yum"


class Intent(Model):
    """An instruction as understood: what to do, and with which package."""

    kind: IntentKind
    service: str | None = None
    package: str | None = None
    """A package as its ecosystem writes it (``uvicorn[standard]``, ``@types/node``), a system package, an
    image (``python:3.12-slim``), or what an image is made of (``node``)."""
    version: str | None = None
    """To add: a specifier (``>=3``); to pin: a version or a specifier; system packages: the exact version;
    base image: a tag, or the version of what ``package`` names."""
    ecosystem: Ecosystem | None = None
    """None: the service's manifests decide."""
