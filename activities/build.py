"""Build: only the target's image, through Compose, with the previous one held against any prune.

    1. what an earlier attempt left running is ended
    2. the files must be as planned, before the build and after it; and the reference must point to an
       image of before or of this run: a build takes the name away (I2, I8)
    3. the image the containers run, and the one the reference points to, are held (COMPOSE fact 3)
    4. ``docker compose build`` streams, masked, into ``build.log`` while it runs (SPEC FR-005)
    5. the new image must differ from the one that runs, or the patch changed nothing

A retry does the same again and goes on in the same log; BuildKit's cache makes it short.
"""

import time
from dataclasses import dataclass

from temporalio import activity

from activities.adapters import journal_marks
from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.build_output import BuildOutput
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.evidence_log import closing, continued_log
from activities.adapters.heartbeat import beating
from activities.adapters.journal import Guard, Journal, JournalStore
from activities.adapters.masking import Masking
from activities.adapters.process import ChildRegistry
from activities.belongings import require_own_files
from activities.holding import hold_previous
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.artifact import RunArtifact
from workflows.models.plan import ActionPlan, BuildStep
from workflows.models.target import Target
from workflows.ports import BuildInput, BuildResult

_ASKED_AGAIN = "==> BuildKit did not hand over the whole log in time; built again, to know the end <=="
_CLIPPED = "log_clipped: BuildKit cut the output of a build step; build.log is not complete"


@dataclass(frozen=True)
class Build:
    """The build step (SPEC FR-005)."""

    journals: JournalStore
    docker: DockerEngine
    compose: ComposeRunner
    artifacts: ArtifactStore
    masking: Masking

    @activity.defn(name=ports.BUILD.name)
    async def build(self, job: BuildInput) -> BuildResult:
        """Build the target's image, unless the plan is to restart only.

        Raises:
            OrchestratorError: ``build_failed``, ``patch_ineffective``, ``image_missing``, ``foreign_change``,
                ``image_only_service``, ``journal_settled``, ``lock_timeout``, ``docker_unavailable``.
        """
        output, run = BuildOutput(), job.run
        children = ChildRegistry(self.journals.state.children, run.run_id)
        async with beating(lambda: output.standing):
            if not _must_build(job.plan):
                return BuildResult(image_id=await self._image_id(job.target))
            await children.end_earlier()  # it may hold the lock through its worker
            project = job.target.project.name
            async with self.journals.holding(project, run.run_id, run.generation, run.epoch) as guard:
                await children.end_earlier()
                return await self._build(job, guard, children, output)

    async def _build(
        self, job: BuildInput, guard: Guard, children: ChildRegistry, output: BuildOutput
    ) -> BuildResult:
        if job.target.build is None:
            raise OrchestratorError("image_only_service", service=job.target.service)
        journal, began = guard.check(), time.monotonic()
        await require_own_files(job.target, job.plan)
        reference = await self.docker.image_mark(job.target.image)
        if not journal_marks.owns_reference(journal, reference):
            raise OrchestratorError("foreign_change", path=f"what image {job.target.image} is")
        gone = await hold_previous(self.docker, journal, guard)
        journal_marks.begin_build(guard, reference, job.run.round)
        artifact = await self._run(job, guard, children, output)
        await require_own_files(job.target, job.plan)  # what was built is what was planned and approved
        image_id = await self._image_id(job.target)
        await self._require_effect(job, journal, image_id, artifact)
        return BuildResult(
            image_id=image_id,
            previous_image_id=journal.previous_image_id,
            duration_seconds=round(time.monotonic() - began, 3),
            artifacts=(artifact,),
            warnings=(*gone, *_warnings(output)),
        )

    async def _run(
        self, job: BuildInput, guard: Guard, children: ChildRegistry, output: BuildOutput
    ) -> RunArtifact:
        target, name = job.target, artifact_name("build.log", job.run.round)
        redactor = await self.masking.redactor(target)
        log = await continued_log(self.artifacts, job.run.run_id, name, redactor, output.feed)
        async with closing(log):
            code = await self.compose.build(target.project, target.service, log.write, children)
            output.finish()
            if code != 0 and output.cut_off:  # what is built is in the cache by now, and prints nothing
                log.say(_ASKED_AGAIN)
                code = await self.compose.build(target.project, target.service, log.write, children)
        output.finish()
        artifact = await log.close()
        made = await self.docker.image_id(target.image) if code == 0 else None
        journal_marks.end_build(guard, made)
        if code != 0:
            raise OrchestratorError(
                "build_failed",
                artifacts=(artifact,),
                warnings=_warnings(output),
                service=target.service,
                detail=output.error,
            )
        return artifact

    async def _image_id(self, target: Target) -> str:
        image_id = await self.docker.image_id(target.image)
        if image_id is None:
            raise OrchestratorError("image_missing", service=target.service, image=target.image)
        return image_id

    async def _require_effect(
        self, job: BuildInput, journal: Journal, image_id: str, artifact: RunArtifact
    ) -> None:
        """A patch that is not part of the image cannot repair anything."""
        if not job.plan.writes:
            return
        running = {c.image_id for c in await self.docker.containers(journal.project, job.target.service)}
        before = {c.image_id for c in journal.snapshot.containers} or {journal.tag_image_id or ""}
        if image_id in running | before:
            raise OrchestratorError("patch_ineffective", artifacts=(artifact,))


def _must_build(plan: ActionPlan) -> bool:
    return any(isinstance(step, BuildStep) and step.build for step in plan.steps)


def _warnings(output: BuildOutput) -> tuple[str, ...]:
    return (_CLIPPED,) if output.clipped else ()
