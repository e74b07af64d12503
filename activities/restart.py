"""Restart: replace the target's containers, and nobody else's (SPEC FR-006, I3).

    1. nobody else has made, stopped or removed containers, nor moved the image reference (I8)
    2. mounts that would hide what the build installed are found before anything is stopped
    3. the old containers' logs are saved: they go with their containers
    4. ``docker compose up -d --no-deps --no-build`` with the measured number of replicas, noted before
    5. the new containers must exist and run the image that is there now

A retry finds the containers replaced already and leaves them alone.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from temporalio import activity

from activities.adapters import journal_marks
from activities.adapters.artifact_store import ArtifactStore, artifact_name
from activities.adapters.compose_cli import UpFlags
from activities.adapters.compose_runner import ComposeRunner, complaint
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.docker_facts import Mount
from activities.adapters.evidence_log import EvidenceLog, closing, continued_log
from activities.adapters.heartbeat import beating
from activities.adapters.journal import Guard, Journal, JournalStore
from activities.adapters.masking import Masking
from activities.adapters.process import ChildRegistry
from activities.adapters.redaction import Redactor
from activities.belongings import Belongings
from activities.holding import hold_previous
from activities.masked_paths import install_places, masked_places, volumes_to_renew
from activities.naming import give_name_back
from activities.stop_story import downtime_seconds, sigterm_warnings
from workflows import ports
from workflows.errors import OrchestratorError
from workflows.models.artifact import ArtifactState, RunArtifact
from workflows.models.plan import RestartStep
from workflows.models.snapshot import ContainerState, ServiceSnapshot
from workflows.ports import RestartInput, RestartResult

_MAX_SAVED_BYTES = 64 * 1024 * 1024
"""Of each old container's log; what is longer is saved to here, then its end."""

_INTERIM_NAME = re.compile(r"[0-9a-f]{12}_(?P<name>.+)")


@dataclass(frozen=True)
class Restart:
    """The restart step (SPEC FR-006)."""

    journals: JournalStore
    docker: DockerEngine
    compose: ComposeRunner
    artifacts: ArtifactStore
    masking: Masking

    @activity.defn(name=ports.RESTART.name)
    async def restart(self, job: RestartInput) -> RestartResult:
        """Replace the target's containers.

        Raises:
            OrchestratorError: ``restart_failed``, ``image_missing``, ``patch_masked``, ``foreign_change``,
                ``journal_settled``, ``lock_timeout``, ``docker_unavailable``.
        """
        run = job.run
        children = ChildRegistry(self.journals.state.children, run.run_id)
        async with beating(f"restart: {job.target.service}"):
            await children.end_earlier()  # it may hold the lock through its worker
            project = job.target.project.name
            async with self.journals.holding(project, run.run_id, run.generation, run.epoch) as guard:
                await children.end_earlier()
                return await self._restart(job, guard, children)

    async def _restart(self, job: RestartInput, guard: Guard, children: ChildRegistry) -> RestartResult:
        target, journal = job.target, guard.check()
        old = await self.docker.containers_at_rest(target.project.name, target.service)
        (await Belongings.measure(self.docker, journal, old)).require_nobody_else()
        image_id, renewed = await self._fitness(job, journal, old)
        gone = (
            () if image_id in {c.image_id for c in old} else await hold_previous(self.docker, journal, guard)
        )
        redactor = await self.masking.redactor(target)
        saved = await self._save_logs(job, journal, old, redactor)
        journal = journal_marks.begin_up(guard, old, image_id, job.run.round)
        begun = _begun(journal, job.run.round)
        replaced = _replaced_already(journal, old, begun)
        renewed = () if replaced else renewed  # what an attempt before this one renewed is in use now
        forced = _step(job).force_recreate and not replaced
        flags = UpFlags(force_recreate=forced, renew_anon_volumes=bool(renewed))
        log = await self._up(job, flags, guard, children, redactor, saved)
        _note_left_behind(guard, renewed)
        await self._give_names_back(job, guard)
        events = await self.docker.past_events(target.project.name, begun)
        after = await self.docker.snapshot(target)
        artifacts = (*saved, log)
        _require_replaced(after, image_id, _step(job).scale, artifacts)
        stopped = _all_of(journal.snapshot.containers, old)
        return RestartResult(
            snapshot=after,
            downtime_seconds=downtime_seconds(stopped, after.containers, events, begun),
            artifacts=artifacts,
            warnings=(*gone, *sigterm_warnings(stopped, events), *map(_left_behind, renewed)),
        )

    async def _fitness(
        self, job: RestartInput, journal: Journal, old: tuple[ContainerState, ...]
    ) -> tuple[str, tuple[Mount, ...]]:
        """The image to run, and the anonymous volumes to renew; before anything is stopped."""
        image = await self.docker.image(job.target.image)
        if image is None:
            raise OrchestratorError("image_missing", service=job.target.service, image=job.target.image)
        if not journal_marks.owns_reference(journal, await self.docker.image_mark(image.id)):
            raise OrchestratorError("foreign_change", path=f"what image {job.target.image} is")
        if not job.plan.writes:
            return image.id, ()
        mounts = await self._mounts(job, old)
        masked = masked_places(install_places(job.plan.after_hashes, image), mounts)
        return image.id, volumes_to_renew(masked, mounts)

    async def _mounts(self, job: RestartInput, old: tuple[ContainerState, ...]) -> tuple[Mount, ...]:
        """Of the containers; where there is none, what the compose file would mount."""
        if old:
            return tuple([mount for c in old for mount in await self.docker.mounts(c.id)])
        service = (await self.compose.model(job.target.project)).services[job.target.service]
        return tuple(
            Mount(kind=v.type, name=v.source or "" if v.type == "volume" else "", source=v.source or "",
                  destination=v.target)
            for v in service.volumes
            if not v.anonymous  # it is made anew, from the image
        )  # fmt: skip

    async def _save_logs(
        self, job: RestartInput, journal: Journal, old: tuple[ContainerState, ...], redactor: Redactor
    ) -> tuple[RunArtifact, ...]:
        """The whole logs of the containers that are about to go; a retry keeps what it has."""
        name = artifact_name("service-before.log", job.run.round)
        stored = await self.artifacts.existing(job.run.run_id, name)
        if stored is not None and stored.state is ArtifactState.STORED:
            return (stored,)
        before = {container.id for container in journal.snapshot.containers}
        if not old or (stored is not None and not any(container.id in before for container in old)):
            return () if stored is None else (stored,)
        log = EvidenceLog(self.artifacts.open(job.run.run_id, name), redactor)
        async with closing(log):
            for container in old:
                await self._save_log(container, log)
        return (await log.close(),)

    async def _save_log(self, container: ContainerState, log: EvidenceLog) -> None:
        log.say(f"==> {container.name} {container.id[:12]} ({container.status}) <==")
        if not await self.docker.log_stream(container.id, log.write, _MAX_SAVED_BYTES):
            log.say(f"==> cut after {_MAX_SAVED_BYTES >> 20} MiB; the end of the log follows <==")
            log.write((await self.docker.logs(container.id)).encode())

    async def _give_names_back(self, job: RestartInput, guard: Guard) -> None:
        """An ``up`` before this one may have been killed between creating a container and naming it."""
        containers = await self.docker.containers_at_rest(job.target.project.name, job.target.service)
        taken = {container.name for container in containers}
        for container in containers:
            renamed = _INTERIM_NAME.fullmatch(container.name)
            if renamed is not None and renamed["name"] not in taken:
                named = await give_name_back(self.docker, guard, container, renamed["name"])
                if container.up and not named.up:
                    guard.check()
                    await self.docker.start(container.id)

    async def _up(
        self,
        job: RestartInput,
        flags: UpFlags,
        guard: Guard,
        children: ChildRegistry,
        redactor: Redactor,
        saved: tuple[RunArtifact, ...],
    ) -> RunArtifact:
        target, printed = job.target, bytearray()
        name = artifact_name("restart.log", job.run.round)
        log = await continued_log(self.artifacts, job.run.run_id, name, redactor, printed.extend)
        async with closing(log):
            code = await self.compose.up(
                target.project,
                target.service,
                _step(job).scale,
                sink=log.write,
                children=children,
                flags=flags,
            )
        artifact = await log.close()
        now = await self.docker.containers(target.project.name, target.service)
        journal_marks.end_up(guard, now, exit_code=code)
        if code != 0:
            detail = complaint(bytes(printed[-16_384:]).decode("utf-8", "replace"))
            artifacts = (*saved, artifact)
            if "No such image" in detail:
                raise OrchestratorError(
                    "image_missing", artifacts=artifacts, service=target.service, image=target.image
                )
            raise OrchestratorError(
                "restart_failed", artifacts=artifacts, service=target.service, detail=detail
            )
        return artifact


def _step(job: RestartInput) -> RestartStep:
    steps = (step for step in job.plan.steps if isinstance(step, RestartStep))
    return next(steps, RestartStep(scale=job.target.scale))


def _begun(journal: Journal, round_number: int) -> datetime:
    """When this round first set out to replace the containers; an attempt before this one may have."""
    return min(up.began_at for up in journal.ups if up.round == round_number)


def _replaced_already(journal: Journal, present: tuple[ContainerState, ...], begun: datetime) -> bool:
    """Whether an attempt before this one has made every container that is there."""
    made = set(journal.containers_made)
    return bool(present) and all(
        c.id in made and c.created_at is not None and c.created_at >= begun for c in present
    )


def _all_of(*groups: tuple[ContainerState, ...]) -> tuple[ContainerState, ...]:
    """Each container once, as it was seen first."""
    known: dict[str, ContainerState] = {}
    for group in groups:
        known |= {container.id: container for container in group if container.id not in known}
    return tuple(known.values())


def _require_replaced(
    after: ServiceSnapshot, image_id: str, scale: int, artifacts: tuple[RunArtifact, ...]
) -> None:
    """Compose said yes; Docker must say the same."""
    wrong = [c.name for c in after.containers if c.image_id != image_id]
    detail = ""
    if wrong:
        detail = f"{', '.join(wrong)} still runs another image than {after.image_ref}"
    elif len(after.containers) != scale:
        detail = f"there are {len(after.containers)} containers, wanted {scale}"
    if detail:
        raise OrchestratorError("restart_failed", artifacts=artifacts, service=after.service, detail=detail)


def _note_left_behind(guard: Guard, renewed: tuple[Mount, ...]) -> None:
    """For ``clean``; only now: a volume that an ``up`` did not come to renew is still the service's own."""
    names = {mount.name for mount in renewed}
    if names:
        guard.store.note(guard, lambda j: {"volumes_left": tuple(sorted({*j.volumes_left, *names}))})


def _left_behind(mount: Mount) -> str:
    return (
        f"volume_left: the former anonymous volume of {mount.destination} stays, unused: "
        f"docker volume rm {mount.name}"
    )
