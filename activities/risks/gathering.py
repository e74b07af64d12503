"""Gathers what the risk rules ask about one plan; what no rule asks for is not looked up."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from activities.adapters.compose_model import ComposeModel
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import JournalStore
from activities.manifests.editors import is_dockerfile
from activities.risks.dockerfile_changes import base_image_changes, changes_beyond_packages
from activities.risks.sharing import manifest_users
from activities.risks.undeployed import newer_files
from activities.risks.unknown_packages import Changed, text_of, unknown_packages
from workflows.models.finding import FindingOrigin
from workflows.models.plan import ActionPlan, BuildStep, GeneratedBy
from workflows.models.policy_rules import RiskRule
from workflows.models.target import Target
from workflows.ports import PlanInput
from workflows.risk import RiskFacts, risks


@dataclass(frozen=True)
class RiskGatherer:
    """Looks at the plan's texts, at the other services, and at the running image."""

    engine: DockerEngine
    compose: ComposeRunner
    journals: JournalStore

    async def risks(
        self, job: PlanInput, plan: ActionPlan, changed: Changed, generated: frozenset[str] = frozenset()
    ) -> tuple[str, ...]:
        """One sentence per risk of the plan; lock files in `generated` follow from their manifests.

        Raises:
            OrchestratorError: ``compose_invalid``, ``docker_unavailable``, ``journal_unreadable``.
        """
        rules, target = _rules(job, plan), job.target
        if not rules:
            return ()
        builds = any(isinstance(step, BuildStep) and step.build for step in plan.steps)
        shared = RiskRule.SHARED_MANIFEST in rules
        model = await self.compose.model(target.project) if shared else None
        newer = await self._undeployed(job) if builds and RiskRule.UNDEPLOYED_CHANGES in rules else ()
        facts = RiskFacts(
            unknown_packages=unknown_packages({p: t for p, t in changed.items() if p not in generated}),
            young_packages=_doubts(job, RiskRule.YOUNG_PACKAGE),
            similar_names=_doubts(job, RiskRule.SIMILAR_NAME),
            base_images=tuple(_base_images(changed, target)),
            beyond_packages=tuple(_beyond(changed, target)),
            image=target.image,
            image_users=target.shares_image_with if builds else (),
            manifest_users=await asyncio.to_thread(_manifest_users, model, target, tuple(changed)),
            undeployed=newer,
            by_llm=plan.generated_by is GeneratedBy.LLM,
            operator_patch=job.operator_patch is not None,
        )
        return risks(rules, facts)

    async def _undeployed(self, job: PlanInput) -> tuple[str, ...]:
        image_id = job.snapshot.container_image_id or job.snapshot.image_id
        image = await self.engine.image(image_id) if image_id else None
        if image is None or image.created is None or job.target.build is None:
            return ()
        ours = await asyncio.to_thread(self._ours, job)
        return await asyncio.to_thread(newer_files, job.target.build, image.created, ours)

    def _ours(self, job: PlanInput) -> dict[str, set[str]]:
        """Contents this run wrote, or any run put back: the file's time says nothing about the operator."""
        contents: dict[str, set[str]] = {}
        for journal in self.journals.all(job.target.project.name):
            for entry in journal.entries:
                known = contents.setdefault(str(Path(journal.target.workspace) / entry.resolved), set())
                known |= {entry.before} if entry.before else set()
                known |= set(entry.written) if journal.run_id == job.run.run_id else set()
        return contents


def _doubts(job: PlanInput, rule: RiskRule) -> tuple[str, ...]:
    """The findings' own lines under a rule, without its name.

    Where nobody could approve, the operator's instruction that names the package is the decision.
    """
    counted = (one for one in job.findings if job.approvable or one.origin is not FindingOrigin.OPERATOR)
    lines = (line.partition(": ") for finding in counted for line in finding.doubts)
    return tuple(dict.fromkeys(said for name, _, said in lines if name == rule))


def _rules(job: PlanInput, plan: ActionPlan) -> tuple[RiskRule, ...]:
    """The policy's; a package that only a language model knows needs an approval whatever they say."""
    unproven = any(finding.origin is FindingOrigin.LLM and finding.doubts for finding in plan.findings)
    return (*job.requires_approval_when, *((RiskRule.LLM,) if unproven else ()))


def _manifest_users(
    model: ComposeModel | None, target: Target, paths: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    return manifest_users(model, target, paths) if model else {}


def _dockerfiles(changed: Changed, target: Target) -> Iterator[tuple[str, str, str]]:
    """Path, text before and after of each changed Dockerfile: by its name, or because it is built."""
    built = target.build.dockerfile if target.build else ""
    for path, (before, after) in changed.items():
        if is_dockerfile(path) or str(Path(target.workspace) / path) == built:
            yield path, text_of(before), text_of(after)


def _base_images(changed: Changed, target: Target) -> Iterator[str]:
    for path, before, after in _dockerfiles(changed, target):
        yield from (f"{path}: {change}" for change in base_image_changes(before, after))


def _beyond(changed: Changed, target: Target) -> Iterator[str]:
    for path, before, after in _dockerfiles(changed, target):
        yield from (f"{path}: {change}" for change in changes_beyond_packages(before, after))
