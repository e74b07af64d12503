"""Plan: findings to an ActionPlan with the exact diff, its digest, and its real bytes in the state directory.

Nothing is written to a project here. The plan of a later round is cumulative: its base is what the
files were before round 1, which the journal knows.
"""

import asyncio
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore
from activities.adapters.heartbeat import beating
from activities.adapters.journal import JournalStore
from activities.adapters.masking import Masking, masked_finding
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import PlanStore
from activities.adapters.unified_diff import FilePatch, apply, make_diff, parse
from activities.adapters.workspace import Workspace
from activities.locking.locker import Locked, Locker, LockError
from activities.manifests.edit_files import EditedFiles
from activities.manifests.errors import ManifestError
from activities.risks.gathering import RiskGatherer
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.finding import Finding, FindingKind, FindingOrigin
from workflows.models.plan import (
    DIFF_IN_HISTORY_BYTES,
    ActionPlan,
    AnalyzeStep,
    BuildStep,
    GeneratedBy,
    PatchStep,
    RestartStep,
    RollbackStep,
    VerifyStep,
)
from workflows.models.snapshot import ServiceState
from workflows.ports import PlanInput, PlanResult

_CUT = "\n[cut: the whole diff is in patch.diff]\n"


@dataclass(frozen=True)
class Plan:
    """The plan step (SPEC FR-002, FR-003, FR-004)."""

    journals: JournalStore
    plans: PlanStore
    artifacts: ArtifactStore
    masking: Masking
    risks: RiskGatherer
    locker: Locker

    @activity.defn(name=ports.PLAN.name)
    async def plan(self, job: PlanInput) -> PlanResult:
        """Make the plan and store it.

        Raises:
            OrchestratorError: ``diff_not_allowed``, ``diff_invalid``, ``diff_too_large``, ``no_safe_fix``,
                or ``journal_settled`` where somebody settled the run between its rounds, or it was reset.
        """
        async with beating("plan"):
            await self.journals.require_unwritten(job.run.run_id, job.run.generation, job.run.round)
            return await self._made(job)

    async def _made(self, job: PlanInput) -> PlanResult:
        edited = await asyncio.to_thread(self._edit, job)
        locked = await self._locked(job, edited)
        diff, patches = await asyncio.to_thread(self._checked_diff, job, edited, locked)
        plan = _plan(job, edited, diff, locked)
        found = await self.risks.risks(job, plan, edited.changed(), locked.written)
        told = tuple(warning for warning in plan.warnings if warning not in found)
        plan = plan.model_copy(update={"warnings": (*told, *found)})
        await asyncio.to_thread(self.plans.write, job.run.run_id, plan.digest, diff)
        stored = await self._store(job, plan, diff.decode("utf-8", "surrogateescape"), patches)
        return stored.model_copy(update={"risks": stored.plan.warnings[len(told) :]})

    def _edit(self, job: PlanInput) -> EditedFiles:
        workspace = Workspace(job.target)
        journal = self.journals.find(job.run.run_id, job.run.generation)

        def original(path: str) -> bytes | None:
            if journal is not None and journal.entry(path) is not None:
                return self.journals.pre_image(journal, path)
            return workspace.read(path)

        build = job.target.build
        edited = EditedFiles(original, build.target if build else None)
        if job.operator_patch is not None:
            for patch in parse(job.operator_patch):
                edited.now[patch.path] = apply(edited.bytes_of(patch.path), patch)
            if not edited.changed():  # a rebuild is another request; it must not pass for this one
                raise OrchestratorError("diff_invalid", detail="it changes nothing")
        try:
            edited.apply(job.findings)
        except ManifestError as error:
            raise OrchestratorError("no_safe_fix", detail=str(error)) from error
        return edited

    async def _locked(self, job: PlanInput, edited: EditedFiles) -> Locked:
        """Lock files by their own tools; what those say is masked before anybody sees it."""
        if job.operator_patch is not None:  # taken as it is, or not at all
            return Locked()
        try:
            return await self.locker.update(job.target, edited, job.findings)
        except LockError as error:
            redactor = await self.masking.redactor(job.target)
            raise OrchestratorError("no_safe_fix", detail=redactor.text(str(error))) from error

    def _checked_diff(
        self, job: PlanInput, edited: EditedFiles, locked: Locked
    ) -> tuple[bytes, tuple[FilePatch, ...]]:
        """The diff, read back with the parser that guards it: allow list and limits before any write (I1)."""
        parts = [make_diff(path, before, after) for path, (before, after) in edited.changed().items()]
        text = "".join(parts)
        patches = parse(text)
        workspace = Workspace(job.target)
        for patch in patches:
            workspace.resolve(patch.path)
        generated = _lines(patch for patch in patches if patch.path in locked.written)
        lines = _lines(patches) - generated
        if len(patches) > job.limits.max_files:
            detail = f"{len(patches)} files, {job.limits.max_files} are permitted"
            raise OrchestratorError("diff_too_large", detail=detail)
        if lines > job.limits.max_changed_lines:
            detail = f"{lines} changed lines, {job.limits.max_changed_lines} are permitted"
            raise OrchestratorError("diff_too_large", detail=detail)
        if generated > job.limits.max_changed_lock_lines:
            detail = (
                f"{generated} changed lines of lock files, {job.limits.max_changed_lock_lines} are permitted"
            )
            raise OrchestratorError("diff_too_large", detail=detail)
        return text.encode("utf-8", "surrogateescape"), patches

    async def _store(
        self, job: PlanInput, plan: ActionPlan, diff: str, patches: tuple[FilePatch, ...]
    ) -> PlanResult:
        run_id = job.run.run_id
        redactor = await self.masking.redactor(job.target)
        masked = redactor.text(diff)
        stored: list[RunArtifact] = []
        if patches:
            shown = masked.encode("utf-8", "replace")
            stored.append(await self.artifacts.put(run_id, "patch.diff", shown, "text/x-diff"))
            plan = plan.model_copy(update={"diff_artifact": stored[0], "diff": _for_history(masked)})
        plan = _masked(plan, redactor)
        whole = plan.model_copy(update={"diff": masked}).model_dump_json(indent=2).encode("utf-8", "replace")
        stored.insert(0, await self.artifacts.put(run_id, "plan.json", whole, "application/json"))
        return PlanResult(plan=plan, artifacts=tuple(stored))


def _lines(patches: Iterable[FilePatch]) -> int:
    return sum(patch.added + patch.removed for patch in patches)


def _plan(job: PlanInput, edited: EditedFiles, diff: bytes, locked: Locked) -> ActionPlan:
    changed = edited.changed()
    kinds = {finding.kind for finding in job.findings}
    only_restart = kinds == {FindingKind.RESTART}
    steps = (
        AnalyzeStep(rules=tuple(sorted({finding.rule for finding in job.findings}))),
        PatchStep(files=tuple(changed)),
        BuildStep(build=not only_restart, image=job.target.image),
        RestartStep(scale=job.target.scale, force_recreate=not changed),
        VerifyStep(verification=job.verification),
        RollbackStep(strategy=_strategy(job), image_id=job.snapshot.container_image_id),
    )
    plan = ActionPlan(
        project=job.target.project.name,
        service=job.target.service,
        revision=job.revision,
        round=job.run.round,
        summary=_summary(job.findings, tuple(changed)),
        steps=steps,
        diff_sha256=hashlib.sha256(diff).hexdigest(),
        base_hashes={path: _sha256(before) for path, (before, _) in changed.items()},
        after_hashes={path: hashlib.sha256(after).hexdigest() for path, (_, after) in changed.items()},
        findings=job.findings,
        generated_by=_author(job),
        policy_digest=job.policy_digest,
        warnings=(*_warnings(edited, job.findings), *locked.warnings),
    )
    return plan.model_copy(update={"digest": plan.compute_digest()})


def _masked(plan: ActionPlan, redactor: Redactor) -> ActionPlan:
    """Nothing unmasked leaves: quotes and reasons come from logs (I5)."""
    findings = tuple(masked_finding(finding, redactor) for finding in plan.findings)
    warnings = tuple(redactor.text(warning) for warning in plan.warnings)
    summary = redactor.text(plan.summary)
    return plan.model_copy(update={"findings": findings, "summary": summary, "warnings": warnings})


def _for_history(masked: str) -> str:
    data = masked.encode("utf-8", "replace")
    if len(data) <= DIFF_IN_HISTORY_BYTES:
        return data.decode()
    return data[: DIFF_IN_HISTORY_BYTES - len(_CUT)].decode("utf-8", "ignore") + _CUT


def _sha256(data: bytes | None) -> str | None:
    return None if data is None else hashlib.sha256(data).hexdigest()


def _strategy(job: PlanInput) -> str:
    back = {
        ServiceState.ABSENT: "remove the container, image and volumes this run made",
        ServiceState.STOPPED: "previous image, container stopped as before",
        ServiceState.RUNNING: "previous image tagged again, container recreated from it",
    }
    return f"files byte for byte from the journal; {back[job.snapshot.state]}"


def _author(job: PlanInput) -> GeneratedBy:
    if any(finding.origin is FindingOrigin.LLM for finding in job.findings):
        return GeneratedBy.LLM  # one guess among proofs makes the plan a guess
    operator = any(finding.origin is FindingOrigin.OPERATOR for finding in job.findings)
    return GeneratedBy.OPERATOR if operator else GeneratedBy.SYSTEM


_VERBS = {
    FindingKind.ADD_SYSTEM_PACKAGE: "install {names} in {target}",
    FindingKind.REMOVE_SYSTEM_PACKAGE: "no longer install {names} in {target}",
    FindingKind.CHANGE_BASE_IMAGE: "build from {names} in {target}",
    FindingKind.REBUILD: "rebuild the image",
    FindingKind.RESTART: "restart without a build",
    FindingKind.OPERATOR_PATCH: "apply the operator's patch",
}
_VERBS_BY_FIRST_WORD = {
    "add": "add {names} to {target}",
    "remove": "remove {names} from {target}",
    "change": "pin {names} to {version} in {target}",
}


def _verb(finding: Finding) -> str:
    """What a finding does, in words; the kind itself where there are no better ones."""
    first, _, rest = finding.kind.partition("_")
    of_all = _VERBS_BY_FIRST_WORD.get(first, "") if first != "change" or rest.endswith("_version_pin") else ""
    return _VERBS.get(finding.kind) or of_all or str(finding.kind)


def _summary(findings: tuple[Finding, ...], files: tuple[str, ...]) -> str:
    said = [
        _verb(finding).format(names=", ".join(finding.names), target=finding.target, version=finding.version)
        for finding in findings
    ]
    what = "; ".join(dict.fromkeys(said))
    return what if files or not said else f"{what} (no file changes)"


def _warnings(edited: EditedFiles, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    idle = tuple(
        f"{', '.join(finding.names)} stands in {finding.target} already; the image is only rebuilt"
        for finding in edited.idle
    )
    doubts = tuple(dict.fromkeys(line for finding in findings for line in finding.doubts))
    return idle + tuple(_unpinned(edited)) + doubts


def _unpinned(edited: EditedFiles) -> list[str]:
    """A bare name in a file whose other lines are all pinned is said aloud: the next build may differ."""
    warnings = []
    for path, (before, after) in edited.changed().items():
        old = {
            line
            for line in (before or b"").splitlines()
            if line.strip() and not line.lstrip().startswith(b"#")
        }
        new = [line for line in after.splitlines() if line not in old and line.strip()]
        pinned = old and all(b"==" in line for line in old)
        if path.endswith(".txt") and pinned and any(b"==" not in line for line in new):
            warnings.append(
                f"{path} pins its packages, the added ones are not pinned; pin them when you commit"
            )
    return warnings
