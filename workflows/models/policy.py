"""What the operator permits: the policy file's schema (SPEC FR-003, FR-009)."""

import base64
import hashlib
import json
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from workflows.models.base import Model
from workflows.models.policy_rules import (
    DEFAULT_RISKS,
    RISK_NAMES,
    Glob,
    MaintenanceWindow,
    Override,
    RiskRule,
)
from workflows.models.policy_rules import PolicyModel as _PolicyModel
from workflows.models.request import Identity, ProjectName, ServiceName
from workflows.models.verification import Verification


def _ed25519(key: str) -> str:
    try:
        raw = base64.b64decode(key, validate=True)
    except ValueError:
        raw = b""
    if len(raw) != ED25519_BYTES:
        raise ValueError("the key is not an Ed25519 public key in base64")
    return key


ED25519_BYTES = 32
RelativeOrAbsolute = Annotated[str, Field(min_length=1)]
VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Role = Annotated[str, Field(min_length=1, max_length=128)]


class Trust(StrEnum):
    """Which approvals count: signed tokens, or a bare name where the operator says so."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"


class Limits(_PolicyModel):
    """Upper bounds of one run, and of a day's runs on one service."""

    max_rounds: int = Field(default=5, ge=1, le=20, description="1 to 20")
    max_files: int = Field(default=10, ge=1, description="a number, 1 or more")
    max_changed_lines: int = Field(default=200, ge=1, description="a number, 1 or more")
    max_changed_lock_lines: int = Field(default=20_000, ge=1, description="a number, 1 or more")
    """Of lock files that their own tool wrote; all other lines count for ``max_changed_lines``."""
    min_package_age_days: int = Field(default=14, ge=0, description="days, 0 or more")
    """For the rule ``young_package``."""
    repairs_per_day: int | None = Field(
        default=None, ge=1, description="runs on one service within 24 hours, a number, 1 or more"
    )
    """The circuit breaker; None: no limit."""


class ServicePolicy(_PolicyModel):
    """Rules for one service; what is left out keeps the zero-configuration default."""

    allow: tuple[Glob, ...] | None = Field(
        default=None, description="globs relative to the workspace, such as api/requirements*.txt"
    )
    verification: Verification = Verification()
    protected: bool = Field(default=False, description="true or false")
    approver_roles: tuple[Role, ...] | None = Field(default=None, description="a list of roles")
    repairs_per_day: int | None = Field(
        default=None, ge=1, description="runs on this service within 24 hours, a number, 1 or more"
    )
    requires_approval_when: tuple[RiskRule, ...] | None = Field(
        default=None, description=f"a list of {RISK_NAMES}"
    )
    maintenance_windows: tuple[MaintenanceWindow, ...] | None = Field(
        default=None, description="a list of windows, each with days, start, end and timezone"
    )
    llm: bool = Field(default=True, description="true or false")
    """Whether a language model may be shown the masked evidence of this service, where one is configured."""


class ProjectPolicy(_PolicyModel):
    """One Compose project the orchestrator may touch."""

    workspace: Annotated[str, Field(pattern=r"^/", description="an absolute directory")]
    compose_files: tuple[RelativeOrAbsolute, ...] = Field(
        default=(), description="a list of files, relative to the workspace or absolute"
    )
    env_files: tuple[RelativeOrAbsolute, ...] = Field(
        default=(), description="a list of files, relative to the workspace or absolute"
    )
    profiles: tuple[RelativeOrAbsolute, ...] = Field(default=(), description="a list of Compose profiles")
    environment: tuple[VariableName, ...] = Field(
        default=(), description="a list of names of environment variables"
    )
    host: str | None = Field(default=None, description="the name of the Docker host, as its worker gives it")
    maintenance_windows: tuple[MaintenanceWindow, ...] = Field(
        default=(), description="a list of windows, each with days, start, end and timezone"
    )
    services: dict[ServiceName, ServicePolicy] = Field(default={}, description="service name: its rules")


class ApprovalPolicy(_PolicyModel):
    """Who may approve, how many must, and for how long a run waits."""

    trust: Trust = Field(default=Trust.SIGNED, description="signed or unsigned")
    time_limit_seconds: float = Field(
        default=3600.0, gt=0, le=30 * 86400, description="seconds, above 0 and up to 2592000 (30 days)"
    )
    approver_roles: tuple[Role, ...] = Field(default=(), description="a list of roles")
    quorum: int = Field(default=1, ge=1, le=10, description="how many different people, 1 to 10")
    validity_seconds: float = Field(
        default=3600.0, gt=0, le=30 * 86400, description="seconds, above 0 and up to 2592000 (30 days)"
    )
    warn_before_seconds: float = Field(default=600.0, ge=0, description="seconds, 0 or more")
    shared_secret_file: Annotated[str, Field(pattern=r"^/")] | None = Field(
        default=None, description="an absolute path of a private file with at least 32 bytes"
    )


class ApproverKey(_PolicyModel):
    """With what one approver signs."""

    public_key: Annotated[str, AfterValidator(_ed25519)] = Field(
        description="an Ed25519 public key in base64, as mm-orchestrator keys new prints it"
    )


class Policy(_PolicyModel):
    """The whole policy. Zero configuration is ``Policy()`` plus one implicit project."""

    version: int = Field(default=1, ge=1, le=1, description="1")
    projects: dict[ProjectName, ProjectPolicy] = Field(default={}, description="project name: its rules")
    approvals: ApprovalPolicy = ApprovalPolicy()
    roles: dict[Role, tuple[Identity, ...]] = Field(default={}, description="role: a list of people")
    approvers: dict[Identity, ApproverKey] = Field(default={}, description="identity: its key")
    limits: Limits = Limits()
    requires_approval_when: tuple[RiskRule, ...] = Field(
        default=DEFAULT_RISKS, description=f"a list of {RISK_NAMES}"
    )
    overrides: tuple[Override, ...] = Field(
        default=(), description="a list of exceptions, each with project, until, reason and by"
    )

    def roles_for(self, rules: ServicePolicy) -> tuple[str, ...]:
        """The roles that may approve for a service: its own list, else the general one."""
        return self.approvals.approver_roles if rules.approver_roles is None else rules.approver_roles

    def risks_for(self, rules: ServicePolicy) -> tuple[RiskRule, ...]:
        """What makes a plan for a service need an approval: its own list, else the general one."""
        own = rules.requires_approval_when
        return self.requires_approval_when if own is None else own

    @property
    def identities(self) -> dict[str, tuple[str, ...]]:
        """Identity -> its roles."""
        found: dict[str, tuple[str, ...]] = {}
        for role, people in sorted(self.roles.items()):
            for person in people:
                found[person] = (*found.get(person, ()), role)
        return found

    def can_sign(self, identity: str) -> bool:
        """Whether this person has a key, or may use the shared secret."""
        return identity in self.approvers or self.approvals.shared_secret_file is not None

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
    validity_seconds: float = 3600.0
    """How long an approval counts after it was given."""
    warn_before_seconds: float = 600.0
    identities: dict[str, tuple[str, ...]] = {}
    """Approver identity -> its roles."""
    requires_approval_when: tuple[RiskRule, ...] = ()
    """The risk rules that the plan step evaluates."""
    announced: bool = False
    """Whether somebody is told that the run waits: a webhook is configured on the project's host."""
