"""What the operator permits: the policy file's schema (SPEC FR-003, FR-009)."""

import hashlib
import json
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from workflows.models.base import Model
from workflows.models.request import Identity, ProjectName, ServiceName
from workflows.models.verification import Verification

Glob = Annotated[str, Field(min_length=1, pattern=r"^(?!/)(?!.*(^|/)\.\.(/|$)).+$")]


class Trust(StrEnum):
    """Which approvals count: signed tokens, or a bare name where the operator says so."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"


class _PolicyModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_PolicyModel):
    """Upper bounds of one run."""

    max_rounds: Annotated[int, Field(ge=1, le=20)] = 5
    max_files: Annotated[int, Field(ge=1)] = 10
    max_changed_lines: Annotated[int, Field(ge=1)] = 200


class ServicePolicy(_PolicyModel):
    """Rules for one service; what is left out keeps the zero-configuration default."""

    allow: tuple[Glob, ...] | None = None
    verification: Verification = Verification()
    protected: bool = False
    approver_roles: tuple[str, ...] | None = None


class ProjectPolicy(_PolicyModel):
    """One Compose project the orchestrator may touch."""

    workspace: Annotated[str, Field(pattern=r"^/")]
    compose_files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    host: str | None = None
    services: dict[ServiceName, ServicePolicy] = {}


class ApprovalPolicy(_PolicyModel):
    """Who may approve, how many must, and for how long a run waits."""

    trust: Trust = Trust.SIGNED
    time_limit_seconds: Annotated[float, Field(gt=0, le=30 * 86400)] = 3600.0
    approver_roles: tuple[str, ...] = ()
    quorum: Annotated[int, Field(ge=1, le=10)] = 1


class Policy(_PolicyModel):
    """The whole policy. Zero configuration is ``Policy()`` plus one implicit project."""

    version: Annotated[int, Field(ge=1, le=1)] = 1
    projects: dict[ProjectName, ProjectPolicy] = {}
    approvals: ApprovalPolicy = ApprovalPolicy()
    roles: dict[str, tuple[Identity, ...]] = {}
    limits: Limits = Limits()

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical JSON: formatting and comments do not change it."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


class ApprovalGate(Model):
    """The approval rules of one run, pinned at preflight (SPEC ApprovalGate)."""

    protected: bool = False
    reasons: tuple[str, ...] = ()
    trust: Trust = Trust.SIGNED
    approver_roles: tuple[str, ...] = ()
    quorum: int = 1
    time_limit_seconds: float = 3600.0
    identities: dict[str, tuple[str, ...]] = {}
    """Approver identity -> its roles."""
