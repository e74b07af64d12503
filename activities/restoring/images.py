"""The image reference and the images of a run: back to what they were, and never out of somebody's hands."""

from dataclasses import dataclass, field

from activities.adapters import journal_marks
from activities.adapters.compose_runner import ComposeRunner
from activities.adapters.docker_engine import DockerEngine
from activities.adapters.journal import Guard
from activities.adapters.process import ChildRegistry
from activities.restoring.story import Story
from workflows.models.marks import ImageMark


@dataclass
class ServiceRestored:
    """What the restoration had to do."""

    replaced: bool = False
    """Whether any original container was gone, so that another had to be made or one removed."""
    rebuilt: bool = False
    not_undone: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    """Containers and references that somebody else changed; they are left as they are."""


@dataclass(frozen=True)
class ImageRestorer:
    """Works from one journal; every change asks the guard first."""

    docker: DockerEngine
    compose: ComposeRunner
    children: ChildRegistry
    guard: Guard
    story: Story

    async def previous_is_there(self, done: ServiceRestored) -> str | None:
        """Let the reference point to what the containers ran, built again where it is gone.

        Returns:
            The image's id; None where there is no way to it, and ``done.problems`` says why.
        """
        journal = self.guard.check()
        image, target = journal.snapshot.container_image_id or "", journal.target
        await self._remember_somebodys_reference()
        if await self.docker.image_id(image) is None:
            return await self._rebuild(done)
        if await self.docker.image_id(target.image) != image:
            self.guard.check()
            await self.docker.tag(image, target.image)
            self.story.say(f"{target.image} points to the previous image {image[:19]} again.")
        return image

    async def _remember_somebodys_reference(self) -> None:
        """The name is borrowed while Compose makes containers; whose it is by then must not be forgotten."""
        journal = self.guard.check()
        now = await self.docker.image_mark(journal.target.image)
        if now is None or journal_marks.owns_reference(journal, now):
            return
        if journal.reference_found is None:
            self.guard.store.note(self.guard, lambda _: {"reference_found": now.id})

    async def _rebuild(self, done: ServiceRestored) -> str | None:
        journal = self.guard.check()
        target = journal.target
        self.story.say("The previous image is gone; it is built again from the restored files.")
        if target.build is None:
            done.problems.append("the previous image is gone and the service has no build section")
            return None
        journal_marks.begin_build(self.guard, await self.docker.image_mark(target.image), 0)
        code = await self.compose.build(
            target.project, target.service, sink=self.story.sink, children=self.children
        )
        self.guard.check()
        image_id = await self.docker.image_id(target.image) if code == 0 else None
        journal_marks.end_build(self.guard, image_id)
        done.rebuilt = image_id is not None
        if image_id is None:
            done.problems.append(f"the previous image is gone and its build ended with exit code {code}")
        return image_id

    async def give_the_reference_back(self, done: ServiceRestored) -> None:
        """What the reference pointed to may be another image than the containers ran (COMPOSE fact 4)."""
        journal = self.guard.check()
        ref, found = journal.target.image, journal.reference_found
        wanted = journal.tag_image_id if found is None else found
        if found is None and done.rebuilt and wanted == journal.previous_image_id:
            return  # that one is gone: the rebuilt image has its name
        mark = await self.docker.image_mark(ref)
        if not journal_marks.owns_reference(journal, mark) or found is not None:
            done.foreign.append(f"what image {ref} is")
            self.story.say(f"Somebody else let {ref} point to another image; it is left so.")
        self._note_what_a_killed_build_made(mark)
        if mark is not None and (mark.id == wanted or not journal_marks.owns_reference(journal, mark)):
            return
        if mark is None and wanted is None:
            return
        self.guard.check()
        await self._point(ref, wanted)

    def _note_what_a_killed_build_made(self, mark: ImageMark | None) -> None:
        """So that it is removed once it has no name, like all that this run built."""
        journal = self.guard.check()
        if mark and mark.id not in journal.images_known and journal_marks.owns_reference(journal, mark):
            self.guard.store.note(self.guard, lambda j: {"images_made": (*j.images_made, mark.id)})

    async def _point(self, ref: str, wanted: str | None) -> None:
        if wanted is None:
            await self.docker.untag(ref)
            self.story.say(f"There was no image {ref} before; the reference was removed.")
        elif await self.docker.image_id(wanted) is None:
            self.story.say(f"The image that {ref} pointed to is gone.")
        else:
            await self.docker.tag(wanted, ref)
            self.story.say(f"{ref} points to {wanted[:19]} again.")

    async def remove_made(self) -> None:
        """What the rounds of this run built and nothing uses now; a name given by others keeps an image."""
        journal = self.guard.check()
        if journal.images_before is None:
            return
        for image_id in sorted(set(journal.images_made) - set(journal.images_before)):
            self.guard.check()
            if await self.docker.remove_nameless(image_id):
                self.story.say(f"Image {image_id[:19]} was built by this run; it was removed.")
