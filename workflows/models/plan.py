"""The ActionPlan: data that can be run and that describes itself (SPEC FR-002)."""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from workflows.models.artifact import RunArtifact
from workflows.models.base import Model
from workflows.models.finding import Finding
from workflows.models.verification import Verification

DIFF_IN_HISTORY_BYTES = 4 * 1024


class GeneratedBy(StrEnum):
    """Who proposed the change."""

    OPERATOR = "operator"
    SYSTEM = "system"
    LLM = "llm"


class AnalyzeStep(Model):
    """What the plan rests on."""

    name: Literal["analyze"] = "analyze"
    rules: tuple[str, ...] = ()


class PatchStep(Model):
    """Files to change, relative to the workspace; empty for a plain rebuild or restart."""

    name: Literal["patch"] = "patch"
    files: tuple[str, ...] = ()


class BuildStep(Model):
    """Build the target's image, or leave it (``build`` false: restart only)."""

    name: Literal["build"] = "build"
    build: bool = True
    image: str


class RestartStep(Model):
    """Replace the target's containers only."""

    name: Literal["restart"] = "restart"
    scale: int = 1
    force_recreate: bool = False


class VerifyStep(Model):
    """What must be measured before the run may call itself succeeded."""

    name: Literal["verify"] = "verify"
    verification: Verification


class RollbackStep(Model):
    """How everything is put back on any failure."""

    name: Literal["rollback"] = "rollback"
    strategy: str
    image_id: str | None = None


PlanStep = Annotated[
    AnalyzeStep | PatchStep | BuildStep | RestartStep | VerifyStep | RollbackStep,
    Field(discriminator="name"),
]


class ActionPlan(Model):
    """Ordered typed steps and the exact diff, bound together by a digest."""

    project: str
    service: str
    revision: int = 1
    round: int = 1
    summary: str
    steps: tuple[PlanStep, ...]
    diff: str = ""
    """Masked, cut at 4 KiB for the history; the whole is the ``patch.diff`` artifact."""
    diff_sha256: str
    """SHA-256 of the real, unmasked diff bytes."""
    diff_artifact: RunArtifact | None = None
    base_hashes: dict[str, str | None] = {}
    """Path -> SHA-256 before round 1; None for a file that does not exist yet."""
    after_hashes: dict[str, str] = {}
    """Path -> SHA-256 once the diff is applied to the base."""
    findings: tuple[Finding, ...] = ()
    generated_by: GeneratedBy = GeneratedBy.SYSTEM
    policy_digest: str
    image_delta: str | None = None
    warnings: tuple[str, ...] = ()
    digest: str = ""

    @property
    def writes(self) -> bool:
        """Whether any file changes."""
        return bool(self.after_hashes)

    def for_execution(self) -> "ActionPlan":
        """The plan without its prose: what the executing steps need, small in the history."""
        return self.model_copy(update={"diff": "", "diff_artifact": None, "findings": (), "warnings": ()})

    def compute_digest(self) -> str:
        """SHA-256 over the canonical JSON of project, service, diff, bases, policy and typed steps.

        No ids, times or prose: the same plan has the same digest in every run.
        """
        bound = self.model_dump(
            mode="json",
            include={"project", "service", "diff_sha256", "base_hashes", "policy_digest", "steps"},
        )
        canonical = json.dumps(bound, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()
