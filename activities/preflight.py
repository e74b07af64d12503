"""Everything that can be known before anything is touched; fails within seconds, names the remedy."""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.compose_model import ComposeModel, ComposeService
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.config_hashes import deployed_config_hash
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.docker_permissions import check_permitted
from activities.adapters.heartbeat import beating
from activities.adapters.holds import HoldStore
from activities.adapters.image_users import image_users
from activities.adapters.journal import JournalStore
from activities.adapters.journal_history import runs_begun
from activities.adapters.masking import Masking
from activities.adapters.own_container import OWN_MOUNTS, own_container
from activities.adapters.policy_file import PolicySource
from activities.checks.calling import compose_call, same_place
from activities.checks.fitness import cautions, refuse_shared_namespace, refuse_unfit
from activities.checks.gate import approval_gate, run_limits, unknown_fields
from activities.checks.own_place import refuse_elsewhere, refuse_own
from activities.checks.permitting import permitted_now
from activities.checks.surroundings import (
    check_directories,
    in_order,
    require_compose,
    store_warnings,
)
from activities.checks.targeting import buildable, find_service, make_target, other_names
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.policy import ProjectPolicy, ServicePolicy
from workflows.models.policy_rules import Permission
from workflows.models.request import Intent, IntentKind, RunRequest
from workflows.models.snapshot import ServiceSnapshot
from workflows.models.target import ComposeProject, Target
from workflows.overrides import granted
from workflows.planning import parse_instruction, parse_patch_request


@dataclass(frozen=True)
class Preflight:
    """Measures the starting point and pins the rules of one run."""

    engine: DockerEngine
    compose: ComposeRunner
    policies: PolicySource
    journals: JournalStore
    artifacts: ArtifactStore
    holds: HoldStore
    masking: Masking
    announced: bool = False
    """Whether somebody is told when a run waits."""
    own_mounts: Path = OWN_MOUNTS
    """Tells in which container the worker runs, if in any."""

    @activity.defn(name=ports.PREFLIGHT.name)
    async def preflight(self, job: ports.PreflightInput) -> ports.PreflightResult:
        """Check everything in the order in which an operator would want to hear of it.

        Raises:
            OrchestratorError: any code of the catalogue's sections "request" and "preflight".
        """
        async with beating("preflight"):
            return await self._measured(job)

    async def _measured(self, job: ports.PreflightInput) -> ports.PreflightResult:
        request = job.request
        await asyncio.to_thread(self._require_free, job)
        policy = await asyncio.to_thread(self.policies.policy)
        rules = self.policies.project(job.project, policy)
        await self._reach_docker()
        call = await self._call(job.project, rules)
        await self.masking.learn(call)
        model = await self._model(call)
        intent = understand(request, model)
        service = find_service(model, intent.service or "")
        service_rules = rules.services.get(service.name, ServicePolicy())
        gate = approval_gate(policy, service_rules, request, service.name)
        limits, lowered = run_limits(policy, request)
        own = await own_container(self.engine.client, self.own_mounts)
        refuse_own(own, model, service.name)
        refuse_shared_namespace(model, service)
        grant = granted(policy, job.project, service.name, rules, self.journals.now())
        untimely = await asyncio.to_thread(self._permitted, job, service.name, grant.permission)
        target, snapshot = await self._measure(call, service, rules)
        builds = intent.kind is not IntentKind.RESTART
        sharing = image_users(model, service.name) if builds else ()
        allow = (*target.allow, *grant.widened)
        target = target.model_copy(update={"allow": allow, "shares_image_with": sharing})
        refuse_elsewhere(own, target)
        warnings = await self._check(service, intent.kind, target, snapshot)
        return ports.PreflightResult(
            target=target,
            intent=intent,
            snapshot=snapshot,
            gate=gate.model_copy(update={"announced": self.announced}),
            limits=limits,
            verification=service_rules.verification,
            policy_digest=policy.digest,
            permission=grant.permission,
            may_ask_llm=service_rules.llm,
            instruction=self.masking.known.mask(request.instruction),
            warnings=(*unknown_fields(request), *lowered, *grant.warnings, *untimely, *warnings),
        )

    async def _reach_docker(self) -> None:
        """One daemon for API and command line, with all that a repair needs, and a Compose we can trust."""
        await in_order(
            self.engine.check_cli(),
            check_permitted(self.engine.client),
            require_compose(self.compose),
        )

    async def _call(self, name: str, rules: ProjectPolicy) -> ComposeProject:
        labels = await self.engine.compose_labels(name)
        call = await asyncio.to_thread(compose_call, name, rules, labels)
        if self.policies.zero_config and self.policies.project_dir is not None:
            same_place(call, self.policies.project_dir)
        return call

    def _require_free(self, job: ports.PreflightInput) -> None:
        """First of all: what is measured in the middle of another run's changes means nothing (I7)."""
        if not job.request.plan_only:
            self.holds.check(job.project)
        for journal in self.journals.unsettled(job.project):
            if journal.run_id != job.run.run_id:
                raise OrchestratorError("project_busy", run_id=journal.run_id, project=job.project)

    def _permitted(self, job: ports.PreflightInput, service: str, permission: Permission) -> tuple[str, ...]:
        """The circuit breaker and the maintenance windows."""
        begun = runs_begun(self.journals, job.project, service, besides=job.run.run_id)
        plan_only = job.request.plan_only
        return permitted_now(permission, begun, self.journals.now(), service, plan_only=plan_only)

    async def _model(self, call: ComposeProject) -> ComposeModel:
        model = await self.compose.model(call)
        self.masking.known.learn(model.secret_values)
        if model.unset:
            raise OrchestratorError("unset_variables", names=", ".join(model.unset))
        return model

    async def _measure(
        self, call: ComposeProject, service: ComposeService, rules: ProjectPolicy
    ) -> tuple[Target, ServiceSnapshot]:
        """The target as configured and as running, which must be the same thing."""
        config_hash, containers = await asyncio.gather(
            self.compose.config_hash(call, service.name), self.engine.containers(call.name, service.name)
        )
        labels = {container.config_hash for container in containers}
        if labels - {config_hash}:
            config_hash = await deployed_config_hash(self.compose, self.engine, call, service.name)
        if labels - {config_hash}:
            raise OrchestratorError("config_drift", service=service.name)
        target = make_target(
            call,
            service,
            rules,
            implicit=self.policies.zero_config,
            replicas=len({container.number for container in containers}),
            config_hash=config_hash,
        )
        target = target.model_copy(update={"forbidden": self._forbidden()})
        return target, await self.engine.snapshot(target)

    def _forbidden(self) -> tuple[str, ...]:
        """What no run may write although a policy says so: its own rules and its own memory (I1)."""
        policy = (str(self.policies.path),) if self.policies.path is not None else ()
        return tuple(os.path.realpath(path) for path in (*policy, str(self.journals.state.root)))

    async def _check(
        self, service: ComposeService, kind: IntentKind, target: Target, snapshot: ServiceSnapshot
    ) -> tuple[str, ...]:
        """Refuse what cannot work; return what the operator should know anyway."""
        refuse_unfit(service, kind, snapshot)
        if kind is not IntentKind.RESTART:
            await asyncio.to_thread(check_directories, target, self.journals.state)
        stored = await store_warnings(self.artifacts)
        return (*cautions(service, target), *stored)


def understand(request: RunRequest, model: ComposeModel) -> Intent:
    """The instruction in the light of the project's services.

    Raises:
        OrchestratorError: ``unsupported_instruction``, ``ambiguous_service``.
    """
    read = parse_patch_request if request.patch is not None else parse_instruction
    return read(
        request.instruction,
        model.services,
        request.service,
        buildable=buildable(model),
        also=other_names(model),
    )
