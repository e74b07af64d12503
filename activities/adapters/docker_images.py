"""Images: what a reference points to, tags, and holding an image against every prune (COMPOSE fact 3)."""

from dataclasses import dataclass

import docker
from docker.errors import APIError, ImageNotFound, NotFound

from activities.adapters import docker_facts as facts
from activities.adapters.docker_client import DockerClient
from workflows.models.marks import ImageMark

HELD_REPOSITORY = "mm-orchestrator/held"
HOLDER_PREFIX = "mm-orchestrator-held-"
_OTHER_ROLES = ("tagged",)
RUN_LABEL = "io.moonmind.orchestrator.run"
PROJECT_LABEL = "io.moonmind.orchestrator.project"
SERVICE_LABEL = "io.moonmind.orchestrator.service"


@dataclass(frozen=True)
class DockerImages:
    """What the orchestrator does with images."""

    client: DockerClient

    async def image_id(self, ref: str) -> str | None:
        """The id a reference or id stands for; None where there is no such image."""
        found = await self.image(ref)
        return found.id if found else None

    async def image(self, ref: str) -> facts.ImageFacts | None:
        """What an image says about itself; None where there is no such image."""

        def inspect(api: docker.APIClient) -> facts.ImageFacts | None:
            try:
                return _facts(api, ref)
            except ImageNotFound:
                return None

        return await self.client.ask(inspect)

    async def image_mark(self, ref: str) -> ImageMark | None:
        """Who an image was built for and when it was touched; None where there is no such image."""

        def inspect(api: docker.APIClient) -> ImageMark | None:
            try:
                return facts.image_mark(api.inspect_image(ref))  # type: ignore[no-untyped-call]
            except ImageNotFound:
                return None

        return await self.client.ask(inspect)

    async def tag(self, image_id: str, ref: str) -> None:
        """Let a reference point to an image.

        Raises:
            ImageNotFound: the image is gone.
        """
        repository, tag = split_reference(ref)
        await self.client.change(lambda api: api.tag(image_id, repository, tag))

    async def untag(self, ref: str) -> None:
        """Take a reference away; the image goes with its last one, but never from under a container.

        Where only a stopped container still needs the image, its last reference stays too: Docker would
        not untag but delete.
        """
        await self.client.change(lambda api: _untag(api, ref))

    async def images_built(self, project: str, service: str) -> tuple[str, ...]:
        """Ids of the images that Compose built for a service, with a name or without, sorted."""
        wanted = {"label": [f"{facts.PROJECT}={project}", f"{facts.SERVICE}={service}"]}

        def listed(api: docker.APIClient) -> tuple[str, ...]:
            return tuple(sorted(image["Id"] for image in api.images(filters=wanted)))

        return await self.client.ask(listed)

    async def remove_nameless(self, image_id: str) -> bool:
        """Remove an image that no name leads to; False where it has one, is in use, or is gone."""

        def remove(api: docker.APIClient) -> bool:
            try:
                if api.inspect_image(image_id)["RepoTags"]:  # type: ignore[no-untyped-call]
                    return False
                api.remove_image(image_id)
            except ImageNotFound:
                return False
            except APIError as error:
                if error.status_code != 409:
                    raise
                return False
            return True

        return await self.client.change(remove)

    async def hold_image(
        self, image_id: str, *, run_id: str, project: str, service: str, role: str = "previous"
    ) -> bool:
        """Keep an image from any prune until ``release_hold``; doing it again changes nothing.

        A tag alone does not survive ``image prune -a``, so a created, never started container uses the
        image too. It carries no Compose label: Compose never sees it.

        Returns:
            False where the image is gone already.
        """
        suffix = "" if role == "previous" else f"-{role}"
        name = f"{HOLDER_PREFIX}{run_id}{suffix}"
        # an image that Compose built carries its labels, and a container inherits them: blank them
        compose = {facts.PROJECT: "", facts.SERVICE: ""}
        marks = {RUN_LABEL: run_id, PROJECT_LABEL: project, SERVICE_LABEL: service, **compose}

        def hold(api: docker.APIClient) -> bool:
            try:
                api.tag(image_id, HELD_REPOSITORY, f"{run_id}{suffix}")
                volumes = _facts(api, image_id).volumes
            except ImageNotFound:
                return False
            create(api, volumes)
            return True

        def create(api: docker.APIClient, volumes: tuple[str, ...]) -> None:
            # tmpfs in place of the image's VOLUMEs, or each hold would leave anonymous volumes behind
            host = api.create_host_config(network_mode="none", tmpfs=dict.fromkeys(volumes, ""))
            try:
                api.create_container(
                    image_id, ["held"], name=name, labels=marks, entrypoint=[], host_config=host
                )
            except APIError as error:
                if error.status_code != 409:
                    raise
                if api.inspect_container(name)["Image"] != image_id:  # of another image: renew
                    api.remove_container(name, force=True)
                    create(api, volumes)

        return await self.client.change(hold)

    async def holds(self) -> frozenset[str]:
        """Run ids that hold an image on this daemon."""

        def listed(api: docker.APIClient) -> frozenset[str]:
            found = api.containers(all=True, filters={"label": RUN_LABEL})
            return frozenset(container["Labels"][RUN_LABEL] for container in found)

        return await self.client.ask(listed)

    async def holding_runs(self, project: str, service: str) -> tuple[str, ...]:
        """Run ids that hold an image of one service, the one that held first comes first."""
        wanted = {"label": [f"{PROJECT_LABEL}={project}", f"{SERVICE_LABEL}={service}"]}

        def listed(api: docker.APIClient) -> tuple[str, ...]:
            found = api.containers(all=True, filters=wanted)
            oldest_first = sorted(found, key=lambda container: int(container["Created"]))
            return tuple(dict.fromkeys(container["Labels"][RUN_LABEL] for container in oldest_first))

        return await self.client.ask(listed)

    async def release_hold(self, run_id: str) -> None:
        """Let go of every image a run holds; fine where it holds none."""

        def release(api: docker.APIClient) -> None:
            for container in api.containers(all=True, filters={"label": f"{RUN_LABEL}={run_id}"}):
                if not any(name.startswith(f"/{HOLDER_PREFIX}{run_id}") for name in container["Names"]):
                    continue  # somebody else's, whatever its label says
                try:
                    api.remove_container(container["Id"], v=True)
                except NotFound:
                    continue
            for image in api.images(name=HELD_REPOSITORY):
                for ref in image.get("RepoTags") or ():
                    if ref.partition(":")[2] in {run_id, *(f"{run_id}-{role}" for role in _OTHER_ROLES)}:
                        _untag(api, ref)

        await self.client.change(release)


def _facts(api: docker.APIClient, ref: str) -> facts.ImageFacts:
    return facts.image_facts(api.inspect_image(ref))  # type: ignore[no-untyped-call]


def _untag(api: docker.APIClient, ref: str) -> None:
    try:
        api.remove_image(ref)
    except ImageNotFound:
        return
    except APIError as error:
        if error.status_code != 409:
            raise
        if api.containers(filters={"ancestor": ref}):  # running: force can only untag
            api.remove_image(ref, force=True)


def split_reference(ref: str) -> tuple[str, str]:
    """Repository and tag; ``latest`` where none is written. A digest cannot be tagged, so it is cut."""
    name = ref.partition("@")[0]
    head, colon, tail = name.rpartition(":")
    return (head, tail) if colon and "/" not in tail else (name, "latest")
