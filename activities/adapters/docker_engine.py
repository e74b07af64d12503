"""Containers: their state, logs and events, and the few changes a rollback needs.

All reading is by Compose's labels; one-off containers (``compose run``) are not part of a service and are
left out unless asked for.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import docker
from docker.errors import NotFound

from activities.adapters import docker_facts as facts
from activities.adapters import process
from activities.adapters.docker_client import CALL_SECONDS, CONTACT_SECONDS, DockerClient
from activities.adapters.docker_events import DockerEvents
from activities.adapters.docker_facts import DaemonInfo, Inspect, Mount, ProjectLabels
from activities.adapters.docker_images import DockerImages
from activities.adapters.secret_sources import secrets_in
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ContainerState, ServiceSnapshot
from workflows.models.target import Target

_STOP_MARGIN_SECONDS = 30.0
_COMMAND_SECONDS = 20.0
_LAST_WORDS = timedelta(seconds=10)
_LAST_WORDS_BYTES = 2 * 1024 * 1024
_REMOVAL_SECONDS = 30.0
_REMOVAL_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class DockerEngine(DockerImages, DockerEvents):
    """The Docker daemon, as far as one Compose project needs it.

    Every method raises OrchestratorError ``docker_unavailable`` where the daemon cannot be reached and
    ``docker_forbidden`` where a proxy refuses.
    """

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "DockerEngine":
        """The daemon that the ``docker`` command reaches with this environment."""
        return cls(DockerClient(dict(environment)))

    async def info(self) -> DaemonInfo:
        """Which daemon answers; within 3 s or ``docker_unavailable``."""
        try:
            async with asyncio.timeout(CONTACT_SECONDS + 0.3):
                endpoint = await self.client.endpoint()
                answer = await self.client.ask(lambda api: api.info(), CONTACT_SECONDS)
        except TimeoutError as error:
            raise OrchestratorError("docker_unavailable", detail="no answer in time") from error
        return DaemonInfo(
            id=str(answer.get("ID", "")),
            name=str(answer.get("Name", "")),
            server_version=str(answer.get("ServerVersion", "")),
            endpoint=endpoint.url,
        )

    async def clock(self) -> float | None:
        """The daemon's own time, in seconds since the epoch; None where it does not say."""
        answer = await self.client.ask(lambda api: api.info())
        at = facts.moment(answer.get("SystemTime"))
        return None if at is None else at.timestamp()

    async def check_cli(self) -> DaemonInfo:
        """Prove that command line and API reach the same daemon, both asked at once.

        Whether a daemon is there, the API decides within 3 s; where it answers, the command is given the
        time that it takes on a busy machine. It is asked for the id of the daemon's default network, which
        is another one on every daemon and after each start of one. Where that does not agree (there is no
        such network, the daemon restarted in between) the daemon's own id decides; the command starts every
        plugin before it tells that.

        Raises:
            OrchestratorError: ``docker_unavailable``, ``docker_endpoint_mismatch``.
        """
        asked = asyncio.create_task(_cli_daemon_mark(self.client.environment))
        try:
            ours = await self.info()
            mark = await self.daemon_mark()
            if mark is not None and await asked == mark:
                return ours
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        theirs = await _cli_daemon_id(self.client.environment)
        if ours.id != theirs:
            detail = f"the API at {ours.endpoint} is daemon {ours.id!r}, the command's is {theirs!r}"
            raise OrchestratorError("docker_endpoint_mismatch", detail=detail)
        return ours

    async def daemon_mark(self) -> str | None:
        """Something that is another thing after each start of the daemon; None where it has no such thing.

        The daemon makes its default network anew when it starts, but for one that keeps its containers
        running (``live-restore``), and there a restart changes nothing that anybody sees.
        """

        def read(api: docker.APIClient) -> str | None:
            try:
                return str(api.inspect_network("bridge")["Id"])
            except NotFound:
                return None

        return await self.client.ask(read)

    async def containers(
        self, project: str, service: str | None = None, *, oneoff: bool = False
    ) -> tuple[ContainerState, ...]:
        """Containers of a project or service in every state, by service and number."""
        found = await self._inspect_all(project, service, oneoff=oneoff)
        return facts.by_number(facts.container_state(inspected) for inspected in found)

    async def containers_at_rest(self, project: str, service: str) -> tuple[ContainerState, ...]:
        """Containers of a service once none is on its way out, at the latest after 30 s.

        A removal that was ordered is carried out though the command that ordered it was ended. Until then
        the old container has the name and the number that belong to its successor.
        """
        deadline = time.monotonic() + _REMOVAL_SECONDS
        while True:
            present = await self.containers(project, service)
            if not any(c.status == "removing" for c in present) or time.monotonic() > deadline:
                return present
            await asyncio.sleep(_REMOVAL_POLL_SECONDS)

    async def container(self, container_id: str) -> ContainerState | None:
        """One container, or None where it is gone."""
        inspected = await self._inspect(container_id)
        return facts.container_state(inspected) if inspected else None

    async def compose_labels(self, project: str) -> ProjectLabels | None:
        """How Compose was called last; None where the project has no container.

        The daemon's list tells it without waiting for a container that is being started just now, as one
        in a crash loop always is, but knows of when only to the second.
        """
        wanted = [f"{facts.PROJECT}={project}", f"{facts.ONEOFF}=False"]
        listed = await self.client.ask(lambda api: api.containers(all=True, filters={"label": wanted}))
        told = [(int(one["Created"]), facts.project_labels(one["Labels"])) for one in listed]
        newest = max((at for at, named in told if named is not None), default=0)
        latest = {named for at, named in told if at == newest and named is not None}
        if len(latest) <= 1:
            return next(iter(latest), None)
        found = await self._inspect_all(project, None, oneoff=False)
        newest_first = sorted(found, key=lambda inspected: str(inspected.get("Created")), reverse=True)
        known = (facts.project_labels(facts.labels(inspected)) for inspected in newest_first)
        return next((named for named in known if named is not None), None)

    async def projects_in(self, working_dir: str) -> tuple[str, ...]:
        """Names of the Compose projects whose containers were started from a directory."""
        label = f"{facts.WORKING_DIR}={working_dir}"
        found = await self.client.ask(lambda api: api.containers(all=True, filters={"label": label}))
        return tuple(sorted({container["Labels"][facts.PROJECT] for container in found}))

    async def snapshot(self, target: Target) -> ServiceSnapshot:
        """The target service now."""
        return ServiceSnapshot(
            service=target.service,
            image_ref=target.image,
            image_id=await self.image_id(target.image),
            containers=await self.containers(target.project.name, target.service),
            taken_at=datetime.now(UTC),
        )

    async def neighbours(self, target: Target) -> tuple[ContainerState, ...]:
        """Every other container of the project (I3)."""
        everyone = await self.containers(target.project.name)
        return tuple(state for state in everyone if state.service != target.service)

    async def logs(self, container_id: str, tail_lines: int = 2000, since: datetime | None = None) -> str:
        """The end of a container's log, both streams, unmasked; empty where the container is gone."""

        def read(api: docker.APIClient) -> bytes:
            try:
                from_second = None if since is None else int(since.timestamp())
                return bytes(api.logs(container_id, tail=tail_lines, since=from_second))
            except NotFound:
                return b""

        return (await self.client.ask(read)).decode("utf-8", errors="replace")

    async def last_words(self, container: ContainerState) -> str:
        """What a container that was started anew had said in the seconds before it ended; unmasked.

        Docker takes the tail of a log before it looks at times, so this reads the time itself, at most the
        last MiBs of it. Empty where it never ended, or is gone.
        """
        ended, started = container.finished_at, container.started_at
        if ended is None or started is None or ended > started:
            return ""
        first, last = (ended - _LAST_WORDS).timestamp(), started.timestamp()

        def read(api: docker.APIClient) -> bytes:
            kept = bytearray()
            with suppress(NotFound):
                for chunk in api.logs(container.id, stream=True, since=max(first, 1.0), until=last):
                    kept += chunk
                    del kept[:-_LAST_WORDS_BYTES]
            return bytes(kept)

        return (await self.client.ask(read)).decode("utf-8", errors="replace")

    async def log_stream(
        self, container_id: str, sink: Callable[[bytes], None], max_bytes: int | None = None
    ) -> bool:
        """Hand a container's log to a sink, oldest first, in chunks, in a thread; nothing where it is gone.

        Returns:
            False where it was cut after ``max_bytes``.
        """

        def read(api: docker.APIClient) -> bool:
            handed = 0
            with suppress(NotFound):
                for chunk in api.logs(container_id, stream=True, follow=False):
                    sink(chunk)
                    handed += len(chunk)
                    if max_bytes is not None and handed >= max_bytes:
                        return False
            return True

        return await self.client.ask(read)

    async def remove_container(self, container_id: str, *, volumes: bool = False) -> None:
        """Kill and remove a container, its anonymous volumes too where asked; fine where it is gone."""
        await self._change(lambda api: api.remove_container(container_id, force=True, v=volumes))

    async def stop(self, container_id: str) -> None:
        """Stop a container with its own grace period; fine where it is gone or stopped."""
        inspected = await self._inspect(container_id)
        if inspected is not None:
            grace = float(str(facts.section(inspected, "Config").get("StopTimeout") or 10))
            timeout_seconds = grace + _STOP_MARGIN_SECONDS
            await self._change(lambda api: api.stop(container_id), timeout_seconds)

    async def start(self, container_id: str) -> None:
        """Start a container.

        Raises:
            NotFound: it is gone.
        """
        await self.client.change(lambda api: api.start(container_id))

    async def rename(self, container_id: str, name: str) -> bool:
        """Give a container back the name that a killed ``up`` took away (COMPOSE fact 4).

        Returns:
            False where it is still called otherwise. Docker cannot rename what crashes and is about to be
            started again: it answers 404, because the network sandbox is gone, not the container (26.1).
        """
        await self._change(lambda api: api.rename(container_id, name))
        now = await self.container(container_id)
        return now is None or now.name == name

    async def secret_values(self, container_id: str) -> frozenset[str]:
        """Values that must be masked wherever they turn up (I5); never stored."""
        inspected = await self._inspect(container_id)
        return secrets_in(facts.environment(inspected)) if inspected else frozenset()

    async def health_log(self, container_id: str) -> str:
        """What the health check printed lately, oldest first, unmasked; empty without a health check."""
        inspected = await self._inspect(container_id)
        return facts.health_log(inspected) if inspected else ""

    async def mounts(self, container_id: str) -> tuple[Mount, ...]:
        """Mounts of a container, by destination; none where it is gone."""
        inspected = await self._inspect(container_id)
        return facts.mounts(inspected) if inspected else ()

    async def anonymous_volumes(self, container_id: str) -> tuple[str, ...]:
        """Names of the volumes that nobody named."""
        return tuple(mount.name for mount in await self.mounts(container_id) if mount.anonymous)

    async def _change(
        self, change: Callable[[docker.APIClient], object], timeout_seconds: float = CALL_SECONDS
    ) -> None:
        def attempt(api: docker.APIClient) -> None:
            with suppress(NotFound):
                change(api)

        await self.client.change(attempt, timeout_seconds)

    async def _inspect(self, container_id: str) -> Inspect | None:
        return await self.client.ask(lambda api: _inspected(api, container_id))

    async def _inspect_all(self, project: str, service: str | None, *, oneoff: bool) -> list[Inspect]:
        wanted = [f"{facts.PROJECT}={project}"]
        if service is not None:
            wanted.append(f"{facts.SERVICE}={service}")
        if not oneoff:
            wanted.append(f"{facts.ONEOFF}=False")

        def read(api: docker.APIClient) -> list[Inspect]:
            listed = api.containers(all=True, filters={"label": wanted})
            found = (_inspected(api, container["Id"]) for container in listed)
            return [inspected for inspected in found if inspected is not None]

        return await self.client.ask(read)


def _inspected(api: docker.APIClient, container_id: str) -> Inspect | None:
    try:
        found: Inspect = api.inspect_container(container_id)
    except NotFound:
        return None
    return found


async def _cli_daemon_mark(environment: Mapping[str, str]) -> str:
    """Empty where the command does not tell; why not, the question for the daemon's own id finds out."""
    try:
        return await _told(("docker", "network", "inspect", "bridge", "--format", "{{.Id}}"), environment)
    except OrchestratorError:
        return ""


async def _cli_daemon_id(environment: Mapping[str, str]) -> str:
    return await _told(("docker", "info", "--format", "{{.ID}}"), environment)


async def _told(argv: tuple[str, ...], environment: Mapping[str, str]) -> str:
    try:
        done = await process.run(argv, env=environment, timeout_seconds=_COMMAND_SECONDS)
    except (TimeoutError, OSError) as error:
        detail = f"the docker command does not answer ({error or 'time over'})"
        raise OrchestratorError("docker_unavailable", detail=detail) from error
    if done.returncode != 0:
        detail = done.stderr.strip() or done.stdout.strip()
        raise OrchestratorError("docker_unavailable", detail=detail[-300:])
    return done.stdout.strip()
