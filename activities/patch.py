"""Patch: the journal first, then the plan's files, each in one step, none over somebody's work.

    1. nobody else has unsettled changes to this project (I7)
    2. every file is checked before any is written: allow list, base hash, exact fit (I1, I8)
    3. the journal holds the originals, durably (I4)
    4. each file is replaced, read back and compared

A retry finds each file as it was or as it should be; anything else is ``foreign_change``. A later
round applies its cumulative plan to the originals, and files that left the plan go back to them.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from temporalio import activity

from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.git_diff import GitDiff
from activities.adapters.heartbeat import beating
from activities.adapters.holds import HoldStore
from activities.adapters.journal import Guard, Journal, JournalEntry, JournalStore
from activities.adapters.journal_history import runs_begun
from activities.adapters.masking import Masking
from activities.adapters.neighbour_proof import NeighbourProver
from activities.adapters.process import uninterrupted
from activities.adapters.project_resources import ProjectResources
from activities.adapters.redaction import Redactor
from activities.adapters.state_dir import PlanStore
from activities.adapters.unified_diff import FilePatch, apply, make_diff, parse
from activities.adapters.workspace import FileImage, Workspace
from workflows import ports
from workflows.budget import require_budget
from workflows.errors import OrchestratorError
from workflows.maintenance import require_open
from workflows.models.artifact import RunArtifact
from workflows.models.plan import ActionPlan
from workflows.models.record import FileTouched
from workflows.overrides import expired
from workflows.ports import PatchInput, PatchResult

_NO_GIT = "# The workspace is not a git checkout with a commit, so uncommitted edits are not known.\n"


@dataclass(frozen=True)
class Change:
    """What one file is now and what it is to become; ``wanted.data`` None: it goes away again."""

    path: str
    resolved: str
    base: FileImage
    """Before round 1."""
    current: FileImage
    wanted: FileImage
    recorded: bool
    """Whether the journal has its pre-image already."""
    planned: bool
    """False for a file of an earlier round that left the plan."""

    def entry(self) -> JournalEntry:
        """How the journal records it, before it is written."""
        return JournalEntry(
            path=self.path,
            resolved=self.resolved,
            existed=self.base.data is not None,
            mode=self.base.mode,
            uid=self.base.uid,
            gid=self.base.gid,
            before=self.base.sha256,
            written=(self.wanted.sha256,) if self.wanted.sha256 else (),
        )

    def touched(self) -> FileTouched:
        """The file by hash."""
        return FileTouched(path=self.path, before=self.base.sha256, after=self.wanted.sha256)


@dataclass(frozen=True)
class Patch:
    """The patch step (SPEC FR-003, FR-004)."""

    journals: JournalStore
    plans: PlanStore
    docker: DockerEngine
    compose: ComposeRunner
    resources: ProjectResources
    artifacts: ArtifactStore
    masking: Masking
    git: GitDiff
    holds: HoldStore

    @activity.defn(name=ports.PATCH.name)
    async def patch(self, job: PatchInput) -> PatchResult:
        """Open the journal and write the plan's files; a plan without files only opens the journal.

        Raises:
            OrchestratorError: ``project_busy``, ``project_held``, ``approval_expired``, ``circuit_open``,
                ``outside_maintenance_window``, ``lock_timeout``, ``journal_settled``, ``plan_drifted``,
                ``diff_invalid``, ``diff_not_allowed``, ``foreign_change``, ``write_failed`` and the
                workspace's own codes.
        """
        async with beating(lambda: "patch"), self.journals.locked(job.target.project.name):
            workspace = Workspace(job.target)
            journal = await asyncio.to_thread(self._existing_journal, job)
            changes = await asyncio.to_thread(self._prepare, job, journal, workspace)
            if journal is None:
                await asyncio.to_thread(self._require_permitted, job)
                new = await self._new_journal(job)
                _require_approved(job)  # measuring took its time
                journal = await uninterrupted(asyncio.to_thread(self.journals.open, new))
            guard = self.journals.guard(job.run.run_id, job.run.generation, job.run.epoch)
            redactor = await self.masking.redactor(job.target) if changes else self.masking.known.all
            before, warnings = await self._diff_before(job, changes, redactor)
            # cancelled, a thread writes on: the lock must not be let go before it has ended
            await uninterrupted(asyncio.to_thread(self._write, guard, workspace, changes))
            after = await self._diff_after(job, changes, redactor)
            return PatchResult(
                epoch=guard.epoch,
                files=tuple(change.touched() for change in changes),
                artifacts=before + after,
                warnings=warnings,
            )

    def _existing_journal(self, job: PatchInput) -> Journal | None:
        run = job.run
        self.journals.state.check_outside(Path(job.target.workspace))
        for other in self.journals.unsettled(job.target.project.name):
            if (other.run_id, other.generation) != (run.run_id, run.generation):
                raise OrchestratorError("project_busy", run_id=other.run_id, project=other.project)
        if self.journals.find(run.run_id, run.generation) is None:
            self.holds.check(job.target.project.name)  # a run that has begun may come to its end
            _require_approved(job)
            return None
        return self.journals.guard(run.run_id, run.generation, run.epoch).check()

    def _require_permitted(self, job: PatchInput) -> None:
        """Preflight may be hours ago, and other runs may have come first: ask again, under the lock."""
        permission, service, now = job.permission, job.target.service, self.journals.now()
        if over := expired(permission, now):
            raise OrchestratorError("plan_drifted", detail=over[0])
        begun = runs_begun(self.journals, job.target.project.name, service, besides=job.run.run_id)
        require_budget(begun, permission.repairs_per_day, now, service)
        require_open(permission.windows, now, service)

    async def _new_journal(self, job: PatchInput) -> Journal:
        """The state to lead back to, as it is now, under the project's lock."""
        target, project = job.target, job.target.project
        # First: a daemon that starts anew while we measure must not pass for the one that was measured.
        daemon_mark = await self.docker.daemon_mark()
        snapshot, (neighbours, dry_run), networks, volumes, images = await asyncio.gather(
            self.docker.snapshot(target),
            NeighbourProver(self.docker, self.compose).measure(target),
            self.resources.networks(project.name),
            self.resources.volumes(project.name),
            self.docker.images_built(project.name, target.service),
        )
        anonymous = [n for c in snapshot.containers for n in await self.docker.anonymous_volumes(c.id)]
        return Journal(
            run_id=job.run.run_id,
            generation=job.run.generation,
            workflow_id=job.run.workflow_id,
            target=target,
            policy_digest=job.plan.policy_digest,
            snapshot=snapshot,
            neighbours=neighbours,
            dry_run_before=dry_run,
            networks_before=networks,
            volumes_before=volumes,
            images_before=images,
            anonymous_volumes=tuple(sorted(anonymous)),
            previous_image_id=snapshot.container_image_id,
            tag_image_id=snapshot.image_id,
            daemon_mark=daemon_mark,
            opened_at=self.journals.now(),
        )

    def _prepare(self, job: PatchInput, journal: Journal | None, workspace: Workspace) -> tuple[Change, ...]:
        """Check everything that can be checked before the first write."""
        diff = b""
        if job.plan.writes:
            diff = self.plans.read(job.run.run_id, job.plan.digest, job.plan.diff_sha256)
        patches = parse(diff.decode("utf-8", "surrogateescape"))
        _require_the_plans_files(job.plan, patches)
        changes = [self._planned(job.plan, patch, journal, workspace) for patch in patches]
        changes += self._leaving(journal, {patch.path for patch in patches}, workspace)
        places = [change.resolved for change in changes]
        if len(set(places)) != len(places):
            raise OrchestratorError("diff_invalid", detail="two of its paths lead to the same file")
        if changes:
            workspace.check_writable(*(change.path for change in changes))
        return tuple(changes)

    def _planned(
        self, plan: ActionPlan, patch: FilePatch, journal: Journal | None, workspace: Workspace
    ) -> Change:
        entry = journal.entry(patch.path) if journal else None
        if entry is not None:  # an attempt before this one may have been killed while it wrote
            workspace.sweep(entry.path, entry.before, entry.written)
        file, current = workspace.resolve(patch.path), workspace.inspect(patch.path)
        base = self._pre_image(journal, entry) if journal and entry else current
        if base.sha256 != plan.base_hashes.get(patch.path):
            raise OrchestratorError("foreign_change", path=patch.path)
        after = apply(base.data, patch)
        if hashlib.sha256(after).hexdigest() != plan.after_hashes.get(patch.path):
            raise OrchestratorError("plan_drifted", detail=f"{patch.path} would not become what was planned")
        if entry is not None:
            _require_ours(entry, current, file.resolved)
        wanted = FileImage(after, base.mode, base.uid, base.gid)
        return Change(
            patch.path, file.resolved, base, current, wanted, recorded=entry is not None, planned=True
        )

    def _leaving(self, journal: Journal | None, planned: set[str], workspace: Workspace) -> list[Change]:
        """Files of an earlier round that are no longer in the plan."""
        changes = []
        for entry in journal.entries if journal else ():
            if journal is not None and entry.path not in planned:
                current, base = workspace.inspect(entry.path), self._pre_image(journal, entry)
                _require_ours(entry, current, workspace.resolve(entry.path).resolved)
                changes.append(
                    Change(entry.path, entry.resolved, base, current, base, recorded=True, planned=False)
                )
        return changes

    def _pre_image(self, journal: Journal, entry: JournalEntry) -> FileImage:
        return FileImage(self.journals.pre_image(journal, entry.path), entry.mode, entry.uid, entry.gid)

    def _write(self, guard: Guard, workspace: Workspace, changes: tuple[Change, ...]) -> None:
        """All originals into the journal, then the files; the right to write is asked for each time."""
        for change in changes:
            self.journals.append_entry(guard, change.entry(), change.base.data)
        for change in changes:
            expected, wanted = change.current.sha256, change.wanted
            if expected == wanted.sha256:
                continue
            guard.check()
            if wanted.data is not None:
                workspace.write_atomic(change.path, wanted, expected)
            elif expected is not None:
                workspace.remove(change.path, expected)

    async def _diff_before(
        self, job: PatchInput, changes: tuple[Change, ...], redactor: Redactor
    ) -> tuple[tuple[RunArtifact, ...], tuple[str, ...]]:
        """The user's uncommitted edits of the files that are about to be touched first."""
        name = artifact_name("diff-before.patch", job.run.round)
        if stored := await self.artifacts.existing(job.run.run_id, name):
            return (stored,), ()  # by an attempt before this one, before it wrote
        paths = tuple(change.path for change in changes if not change.recorded)
        if not paths:
            return (), ()
        diff = await self.git.against_head(job.target.workspace, paths)
        artifact = await self._store_diff(job, name, _NO_GIT if diff is None else diff, redactor)
        edited = bool(diff)
        warning = f"{', '.join(paths)}: uncommitted edits are there; they are kept"
        return (artifact,), (warning,) if edited else ()

    async def _diff_after(
        self, job: PatchInput, changes: tuple[Change, ...], redactor: Redactor
    ) -> tuple[RunArtifact, ...]:
        """The same question after the write; where git does not know a file, what this run changed."""
        if not changes:
            return ()
        paths = tuple(change.path for change in changes)
        diff = await self.git.against_head(job.target.workspace, paths) or ""
        for change in changes:
            if change.planned and f"\n+++ b/{change.path}" not in diff:
                diff += make_diff(change.path, change.base.data, change.wanted.data or b"")
        name = artifact_name("diff-after.patch", job.run.round)
        return (await self._store_diff(job, name, diff, redactor),)

    async def _store_diff(self, job: PatchInput, name: str, diff: str, redactor: Redactor) -> RunArtifact:
        return await self.artifacts.put(job.run.run_id, name, redactor.text(diff).encode("utf-8", "replace"))


def _require_approved(job: PatchInput) -> None:
    """An approval may lapse while the run waits for its turn (I2)."""
    until = job.approved_until
    if until is not None and datetime.now(UTC) >= until:
        raise OrchestratorError(
            "approval_expired", limit=f"its validity, which ended at {until:%H:%M:%S} UTC"
        )


def _require_the_plans_files(plan: ActionPlan, patches: tuple[FilePatch, ...]) -> None:
    """Diff and plan speak of the same files; the digest binds both, so this is a damaged plan."""
    if {patch.path for patch in patches} != set(plan.after_hashes):
        raise OrchestratorError("plan_drifted", detail="the stored diff names other files than the plan")


def _require_ours(entry: JournalEntry, current: FileImage, resolved: str) -> None:
    """A file of an earlier attempt or round is as it was, or as we wrote it, and where it was."""
    if current.sha256 not in {entry.before, *entry.written} or resolved != entry.resolved:
        raise OrchestratorError("foreign_change", path=entry.path)
