"""The target's containers, networks and volumes back to the snapshot; idempotent.

Where every original container is still there, only what this run put beside it goes. Otherwise Compose
makes containers of the previous image: the reference is moved to that image, ``up`` runs, and then the
reference is given back what it pointed to before (COMPOSE fact 4).

A container that somebody else made is left alone. ``up`` could not: it would replace or remove it. So
beside one nothing is made again, and what that leaves is measured and reported (I8).
"""

from dataclasses import dataclass, field

from activities.adapters import journal_marks
from activities.adapters.compose_cli import UpFlags
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Guard, Journal
from activities.adapters.process import ChildRegistry
from activities.adapters.project_resources import ProjectResources
from activities.belongings import Belongings
from activities.naming import give_name_back
from activities.restoring.images import ImageRestorer, ServiceRestored
from activities.restoring.story import Story
from workflows.models.snapshot import ContainerState, ServiceState

__all__ = ["ServiceRestored", "ServiceRestorer"]


@dataclass(frozen=True)
class ServiceRestorer:
    """Restores one service from one journal; every change asks the guard first."""

    docker: DockerEngine
    compose: ComposeRunner
    resources: ProjectResources
    children: ChildRegistry
    journal: Journal
    guard: Guard
    story: Story
    images: ImageRestorer = field(init=False)

    def __post_init__(self) -> None:
        images = ImageRestorer(self.docker, self.compose, self.children, self.guard, self.story)
        object.__setattr__(self, "images", images)

    async def restore(self, done: ServiceRestored) -> None:
        """Lead back to absent, stopped or running; ``done`` tells how far it came.

        Raises:
            OrchestratorError: ``journal_settled``, ``docker_unavailable``.
            DaemonRefused: Docker answered with an error.
        """
        originals = {container.id for container in self.journal.snapshot.containers}
        present = await self._containers()
        others = await Belongings.measure(self.docker, self.journal, present)
        for change in others.changes:
            done.foreign.append(change)
            self.story.say(f"Somebody else changed {change.replace(' (', ': ').rstrip(')')}. It is left so.")
        own = tuple(container for container in present if container not in others.strangers)
        if not originals:
            await self._back_to_absent(own, done)
        elif originals <= {container.id for container in own}:
            await self._keep_originals(originals, own, others.left_alone)
        elif not others.strangers and not others.taken_away:
            await self._make_again(done)
        elif any(container.id not in originals for container in own):
            done.problems.append("containers of this run are left beside those that somebody else changed")
        await self.images.give_the_reference_back(done)
        await self.images.remove_made()

    async def _containers(self) -> tuple[ContainerState, ...]:
        return await self.docker.containers_at_rest(self.journal.project, self.journal.target.service)

    # Absent before.

    async def _back_to_absent(self, present: tuple[ContainerState, ...], done: ServiceRestored) -> None:
        journal = self.journal
        for container in present:
            done.replaced = True
            mounted = [m for m in await self.docker.mounts(container.id) if m.kind == "volume"]
            names = {mount.name for mount in mounted if not mount.anonymous} - set(journal.volumes_before)
            journal = self.guard.store.record_volumes(self.guard, tuple(names))
            self.guard.check()
            await self.docker.remove_container(container.id, volumes=True)
            self.story.say(f"Container {container.name} was made by this run; it was removed.")
        for name in set(await self.resources.networks(journal.project)) - set(journal.networks_before):
            self.guard.check()
            gone = await self.resources.remove_network(name)
            self.story.say(f"Network {name} is new; it was {'removed' if gone else 'left, it is in use'}.")
        await self._remove_volumes(journal)

    async def _remove_volumes(self, journal: Journal) -> None:
        """Only volumes that this run's own containers brought; any other new one may be somebody's data."""
        new = set(await self.resources.volumes(journal.project)) - set(journal.volumes_before)
        for name in sorted(new):
            if name not in journal.volumes_made:
                self.story.say(f"Volume {name} is new but not known to be this run's; it was left.")
                continue
            self.guard.check()
            gone = await self.resources.remove_volume(name)
            self.story.say(f"Volume {name} is new; it was {'removed' if gone else 'left, it is in use'}.")

    # All originals still there.

    async def _keep_originals(
        self, originals: set[str], present: tuple[ContainerState, ...], left_alone: frozenset[str]
    ) -> None:
        begun = [container for container in present if container.id not in originals]
        replacing = {container.number for container in begun}
        now = {container.id: container for container in present}
        for container in present:
            if container.id in originals and container.number in replacing and container.up:
                now[container.id] = await self._stopped(container)
        for container in begun:  # only now: a rollback done again must still see what was begun
            self.guard.check()
            await self.docker.remove_container(container.id)
            self.story.say(f"Container {container.name} was begun by this run; it was removed.")
        for before in self.journal.snapshot.containers:
            named = await self._same_name(before, now[before.id])
            if before.id not in left_alone:
                await self._same_class(before, named)
        self.story.say("The previous containers were never replaced.")

    async def _stopped(self, container: ContainerState) -> ContainerState:
        """Wait for the stop that Compose may have ordered: Docker carries it out though nobody waits for it.

        Started again at once the container would go down after we measured it.
        """
        self.guard.check()
        await self.docker.stop(container.id)
        self.story.say(f"Container {container.name} was about to be replaced; its stop was awaited.")
        return container.model_copy(update={"status": "exited"})

    # Some original is gone.

    async def _make_again(self, done: ServiceRestored) -> None:
        journal, target = self.journal, self.journal.target
        done.replaced = True
        image = await self.images.previous_is_there(done)
        if image is None:
            return
        renewed = await self._renewed_volumes()
        stopped = journal.snapshot.state is ServiceState.STOPPED
        scale = len(journal.snapshot.containers)
        self.story.say(f"docker compose up: {scale} container(s) of the previous image.")
        journal_marks.begin_up(self.guard, await self._containers(), image, 0)
        code = await self.compose.up(
            target.project,
            target.service,
            scale,
            sink=self.story.sink,
            children=self.children,
            flags=UpFlags(no_start=stopped, renew_anon_volumes=bool(renewed)),
        )
        made = await self._containers()  # an earlier `up`, ended in the middle, may have ordered a removal
        journal_marks.end_up(self.guard, made, exit_code=code)  # a take-over ends our command, too
        if code != 0:
            done.problems.append(f"docker compose up ended with exit code {code}")
            self.story.say(f"docker compose up ended with exit code {code}.")
        if renewed:
            await self._drop_renewed(renewed, done)
        now = {container.number: container for container in made}
        for before in journal.snapshot.containers:
            if before.number in now:
                named = await self._same_name(before, now[before.number])
                await self._same_class(before, named)

    async def _renewed_volumes(self) -> set[str]:
        """Anonymous volumes with what the new image installed; they must not come along to the old one."""
        now = [n for c in await self._containers() for n in await self.docker.anonymous_volumes(c.id)]
        renewed = set(now) - set(self.journal.anonymous_volumes)
        self.guard.store.record_volumes(self.guard, tuple(renewed))
        return renewed

    async def _drop_renewed(self, renewed: set[str], done: ServiceRestored) -> None:
        """The old image fills new anonymous volumes; those of before cannot be attached again."""
        for name in sorted(renewed):
            self.guard.check()
            await self.resources.remove_volume(name)  # stays where a container uses it
        for name in self.journal.anonymous_volumes:
            done.not_undone.append(f"anonymous volume {name} was replaced by a new one; it is kept, unused")
        self.story.say("The anonymous volumes were filled anew from the previous image.")

    # Shared by all.

    async def _same_name(self, before: ContainerState, now: ContainerState) -> ContainerState:
        """The container with its name of before; it is down now where Docker needs that."""
        if now.name == before.name:
            return now
        named = await give_name_back(self.docker, self.guard, now, before.name)
        if named.name == before.name:
            self.story.say(f"Container {now.name} is called {before.name} again.")
        return named

    async def _same_class(self, before: ContainerState, now: ContainerState) -> None:
        if before.up and not now.up:
            self.guard.check()
            await self.docker.start(now.id)
            self.story.say(f"Container {before.name} was started.")
        elif now.up and not before.up:
            self.guard.check()
            await self.docker.stop(now.id)
            self.story.say(f"Container {before.name} was stopped.")
