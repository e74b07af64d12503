"""Around the wait for approval: does the plan still fit, and who said what (SPEC FR-009, I2)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.config_hashes import deployed_config_hash
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.policy_file import PolicySource
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import PlanStore
from activities.adapters.workspace import Workspace
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.approval import Approval
from workflows.models.base import Model
from workflows.models.policy import ApprovalGate
from workflows.models.target import Target
from workflows.overrides import expired
from workflows.restored import short


class ApprovalRecord(Model):
    """``approval.json``: every attempt, refusals included, and the rules it was judged by."""

    schema_version: int = 1
    run_id: str
    plan_digest: str
    plan_revision: int
    gate: ApprovalGate
    approvals: tuple[Approval, ...] = ()


@dataclass(frozen=True)
class Revalidate:
    """Compares what the plan was made from with what is there now; changes nothing."""

    policies: PolicySource
    plans: PlanStore
    docker: DockerEngine
    compose: ComposeRunner

    @activity.defn(name=ports.REVALIDATE.name)
    async def revalidate(self, job: ports.RevalidateInput) -> ports.RevalidateResult:
        """What no longer holds; nothing means that no earlier step need run again.

        Raises:
            OrchestratorError: ``docker_unavailable``, ``compose_invalid``.
        """
        drift = await asyncio.to_thread(self._drift, job)
        deployed = await self._deployment(job.target)
        images = await self._images(job)
        return ports.RevalidateResult(drift=(*drift, *deployed, *images))

    async def _images(self, job: ports.RevalidateInput) -> tuple[str, ...]:
        """The approval was given for a repair of the images that were there then (I2)."""
        before, target = job.snapshot, job.target
        if before is None:
            return ()
        now = await self.docker.snapshot(target)
        found = []
        if now.image_id != before.image_id:
            found.append(f"{target.image} was {short(before.image_id)} and is {short(now.image_id)}")
        ran, runs = ({c.image_id for c in snapshot.containers} for snapshot in (before, now))
        if ran != runs:
            old, new = (", ".join(map(short, sorted(images))) or "nothing" for images in (ran, runs))
            found.append(f"{target.service} ran image {old} and runs {new}")
        return tuple(found)

    async def _deployment(self, target: Target) -> tuple[str, ...]:
        """An approval may come days later: the restart must not ship an edit, nor undo a scaling (I2, I3)."""
        containers = await self.docker.containers(target.project.name, target.service)
        found = []
        if {container.config_hash for container in containers} - {target.config_hash}:
            found.append(f"{target.service} was deployed with another compose configuration")
        elif not await self._configured_as(target):
            found.append(f"the compose configuration of {target.service} was edited")
        replicas = len({container.number for container in containers})
        if replicas not in {0, target.scale}:
            found.append(f"{target.service} was scaled from {target.scale} to {replicas}")
        return tuple(found)

    async def _configured_as(self, target: Target) -> bool:
        """Whichever of the two hashes preflight took: the plain one, or that of the deployed container."""
        project, service = target.project, target.service
        if await self.compose.config_hash(project, service) == target.config_hash:
            return True
        deployed = await deployed_config_hash(self.compose, self.docker, project, service)
        return deployed == target.config_hash

    def _drift(self, job: ports.RevalidateInput) -> tuple[str, ...]:
        over = expired(job.permission, datetime.now(UTC))
        return (*over, *self._policy(job.policy_digest), *_files(job), *self._stored_plan(job))

    def _policy(self, pinned: str) -> Iterator[str]:
        try:
            if self.policies.policy().digest != pinned:
                yield "the policy was changed"
        except OrchestratorError as error:
            yield f"the policy cannot be read any more: {error.message}"

    def _stored_plan(self, job: ports.RevalidateInput) -> Iterator[str]:
        plan = job.plan
        if plan.compute_digest() != plan.digest:
            yield "the plan does not have its digest"
        if plan.writes:
            try:
                self.plans.read(job.run.run_id, plan.digest, plan.diff_sha256)
            except OrchestratorError as error:
                yield error.message


@dataclass(frozen=True)
class RecordApprovals:
    """Stores who approved, rejected or was refused."""

    artifacts: ArtifactStore

    @activity.defn(name=ports.RECORD_APPROVALS.name)
    async def record_approvals(self, job: ports.RecordApprovalsInput) -> ports.ArtifactsResult:
        """Write ``approval.json``; the attempts are cumulative, so the last one written is complete."""
        record = ApprovalRecord(
            run_id=job.run.run_id,
            plan_digest=job.plan.digest,
            plan_revision=job.plan.revision,
            gate=job.gate,
            approvals=tuple(_masked(approval) for approval in job.approvals),
        )
        name = artifact_name("approval.json", job.run.round)
        data = record.model_dump_json(indent=2).encode() + b"\n"
        return ports.ArtifactsResult(artifacts=(await self.artifacts.put(job.run.run_id, name, data),))


def _files(job: ports.RevalidateInput) -> Iterator[str]:
    workspace = Workspace(job.target)
    for path, base in sorted(job.plan.base_hashes.items()):
        try:
            if workspace.hash(path) != base:
                yield f"{path} was changed"
        except OrchestratorError as error:
            yield f"{path}: {error.message}"


def _masked(approval: Approval) -> Approval:
    """Free text of a client, without what looks like a secret (I5)."""
    mask = Redactor(()).text
    comment = None if approval.comment is None else mask(approval.comment)
    return approval.model_copy(update={"comment": comment, "message": mask(approval.message)})
