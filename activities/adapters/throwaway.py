"""One command in a container that is gone afterwards: an image's own tools, asked beside the project.

Files go in and come out through the Docker API, never as a mount: it works against a remote daemon, and
the workspace cannot be touched. The container has none of the service's environment, secrets, networks
and labels, so Compose and the neighbour proof (I3) do not see it. What a killed worker left behind
carries its own time limit as a label and is removed before the next one starts.
"""

import asyncio
import io
import secrets
import tarfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import LogConfig

from activities.adapters import docker_facts as facts
from activities.adapters.docker_client import CONTACT_SECONDS, DockerClient
from workflows.errors import OrchestratorError

THROWAWAY_LABEL = "io.moonmind.orchestrator.throwaway"
"""Its value is the second (Unix time) from which on the container may be removed by anybody."""
WORK_DIRECTORY = "/mm-orchestrator"
NOT_FOUND_EXIT_CODE = 127
_COMPOSE_PREFIX = "com.docker.compose."
_MEMORY_BYTES = 2 * 1024**3
_PROCESSES = 1024
_MAX_FILE_BYTES = 16 * 1024**2
_MAX_OUTPUT_BYTES = 512 * 1024
_LOG_DRIVER = LogConfig(type="json-file", config={"max-size": "4m", "max-file": "1"})
_PULL_SECONDS = 120.0
_FIRST_POLL_SECONDS = 0.05
_LAST_POLL_SECONDS = 0.5
_LEFTOVER_SECONDS = 120.0
"""After its time limit: what its own worker needs to fetch the files and remove it."""


class ThrowawayError(Exception):
    """The container could not be made: no such image on this daemon, or the files are too large."""


@dataclass(frozen=True)
class Task:
    """What to run, and what goes in and out."""

    image: str
    """Reference or id; it is never pulled here."""
    argv: tuple[str, ...]
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Path below the work directory -> content."""
    take: tuple[str, ...] = ()
    """Paths below the work directory to bring back, where they are plain files."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """In addition to what the image itself sets."""
    timeout_seconds: float = 60.0
    network: str = "bridge"


@dataclass(frozen=True)
class Outcome:
    """How it ended; both outputs are cut, and come from a program nobody here vouches for."""

    exit_code: int
    """127 where the image has no such command, 137 where the time was over."""
    stdout: str = ""
    stderr: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)
    timed_out: bool = False


@dataclass(frozen=True)
class Throwaway:
    """Runs tasks on the daemon that the ``docker`` command reaches."""

    client: DockerClient
    prefix: str = "mm-orchestrator-throwaway"
    """Of the containers' names."""

    async def run(self, task: Task) -> Outcome:
        """Run one task; the container is gone when this returns, fails or is cancelled.

        Raises:
            ThrowawayError: see there.
            OrchestratorError: ``docker_unavailable``, ``docker_forbidden``.
        """
        await self.sweep()
        name = f"{self.prefix}-{secrets.token_hex(8)}"
        try:
            await self.client.change(lambda api: _create(api, name, task))
            failure = await self.client.change(lambda api: _start(api, name))
            if failure is not None:
                return failure
            ended = await self._ended(name, task.timeout_seconds)
            return await self.client.ask(lambda api: _outcome(api, name, task, timed_out=not ended))
        except ImageNotFound as error:
            raise ThrowawayError(f"the image {task.image} is not on this Docker host") from error
        except APIError as error:
            raise ThrowawayError(f"the container cannot be made: {error.explanation or error}") from error
        finally:
            with suppress(OrchestratorError, APIError):  # the next sweep removes it
                await self.client.change(lambda api: _remove(api, name))

    async def provide(self, image: str) -> bool:
        """Whether the image is here, or could be pulled within two minutes, as a build would pull it."""

        def present(api: docker.APIClient) -> bool:
            with suppress(ImageNotFound):
                api.inspect_image(image)  # type: ignore[no-untyped-call]
                return True
            try:
                api.pull(image)
            except APIError:  # no such image, or no registry answers
                return False
            return True

        try:
            return await self.client.ask(present, _PULL_SECONDS)
        except OrchestratorError as error:
            if error.code != "docker_unavailable":
                raise
            return False

    async def sweep(self) -> int:
        """Remove what dead workers left behind, on this daemon; says how many.

        A daemon that does not answer at once is asked again the next time: nobody waits for this.
        """
        late = await self.client.ask(_overdue, CONTACT_SECONDS)
        return await self.client.change(lambda api: _remove_all(api, late)) if late else 0

    async def _ended(self, name: str, within_seconds: float) -> bool:
        """Whether it ended by itself in time; killed where it did not."""
        deadline = time.monotonic() + within_seconds
        pause = _FIRST_POLL_SECONDS
        while await self.client.ask(lambda api: _is_running(api, name)):
            if time.monotonic() >= deadline:
                await self.client.change(lambda api: _kill(api, name))
                return False
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, _LAST_POLL_SECONDS)
        return True


def _create(api: docker.APIClient, name: str, task: Task) -> None:
    image = api.inspect_image(task.image)  # type: ignore[no-untyped-call]
    # an image that Compose built hands its labels down to every container: blank them
    inherited = [key for key in facts.section(image, "Config", "Labels") if key.startswith(_COMPOSE_PREFIX)]
    compose = dict.fromkeys((*inherited, facts.PROJECT, facts.SERVICE), "")
    until = int(time.time() + task.timeout_seconds + _LEFTOVER_SECONDS)
    host = api.create_host_config(
        network_mode=task.network,
        mem_limit=_MEMORY_BYTES,
        memswap_limit=_MEMORY_BYTES,
        pids_limit=_PROCESSES,
        cap_drop=["NET_RAW", "MKNOD"],
        security_opt=["no-new-privileges"],
        log_config=_LOG_DRIVER,
    )
    api.create_container(
        task.image,
        list(task.argv),
        name=name,
        entrypoint=[],
        user="0:0",
        working_dir=WORK_DIRECTORY,
        environment=dict(task.environment),
        labels={THROWAWAY_LABEL: str(until), **compose},
        healthcheck={"test": ["NONE"]},
        host_config=host,
    )
    api.put_archive(name, "/", _packed(task.files))


def _start(api: docker.APIClient, name: str) -> Outcome | None:
    """None where it runs; the outcome of a command that the image does not have."""
    try:
        api.start(name)
    except APIError as error:
        said = str(error.explanation or error)
        if "executable file not found" in said or "no such file" in said:
            return Outcome(NOT_FOUND_EXIT_CODE, stderr=said)
        raise
    return None


def _is_running(api: docker.APIClient, name: str) -> bool:
    state = facts.section(api.inspect_container(name), "State")
    return bool(state.get("Running"))


def _kill(api: docker.APIClient, name: str) -> None:
    with suppress(APIError):  # it ended just now
        api.kill(name)
    api.wait(name, timeout=30)


def _remove(api: docker.APIClient, name: str) -> None:
    with suppress(NotFound):
        api.remove_container(name, force=True, v=True)


def _outcome(api: docker.APIClient, name: str, task: Task, *, timed_out: bool) -> Outcome:
    state = facts.section(api.inspect_container(name), "State")
    taken = ((path, _take(api, name, path)) for path in task.take)
    return Outcome(
        exit_code=int(str(state.get("ExitCode") or 0)),
        stdout=_output(api, name, stdout=True),
        stderr=_output(api, name, stdout=False),
        files={path: data for path, data in taken if data is not None},
        timed_out=timed_out,
    )


def _output(api: docker.APIClient, name: str, *, stdout: bool) -> str:
    data = bytearray()
    for chunk in api.logs(name, stdout=stdout, stderr=not stdout, stream=True, follow=False):
        data += chunk
        if len(data) >= _MAX_OUTPUT_BYTES:
            break
    return bytes(data[:_MAX_OUTPUT_BYTES]).decode("utf-8", "replace")


def _take(api: docker.APIClient, name: str, path: str) -> bytes | None:
    """One plain file, None where there is none or it is too large."""
    try:
        chunks, stat = api.get_archive(name, f"{WORK_DIRECTORY}/{path}")
    except NotFound:
        return None
    if int(stat.get("size", 0)) > _MAX_FILE_BYTES:
        return None
    archive = io.BytesIO(_bounded(chunks))
    with tarfile.open(fileobj=archive) as tar:
        member = tar.next()
        content = tar.extractfile(member) if member is not None and member.isfile() else None
        return content.read() if content is not None else None


def _bounded(chunks: Iterable[bytes]) -> bytes:
    """What arrives, as far as a file of the permitted size can go; a link may lead to a larger one."""
    data = bytearray()
    for chunk in chunks:
        data += chunk
        if len(data) > _MAX_FILE_BYTES + 64 * 1024:
            raise ThrowawayError("a file is larger than what is brought back")
    return bytes(data)


def _packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of the files below the work directory, owned by root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, data in files.items():
            info = tarfile.TarInfo(f"{WORK_DIRECTORY.lstrip('/')}/{PurePosixPath(path)}")
            info.size, info.mode, info.mtime = len(data), 0o644, int(time.time())
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _overdue(api: docker.APIClient) -> tuple[str, ...]:
    found: Iterable[Mapping[str, Any]] = ()
    with suppress(APIError):  # one vanished while they were listed: the next time will do
        found = api.containers(all=True, filters={"label": THROWAWAY_LABEL})
    return tuple(str(one["Id"]) for one in found if _until(one["Labels"]) < time.time())


def _remove_all(api: docker.APIClient, ids: tuple[str, ...]) -> int:
    for one in ids:
        with suppress(APIError):
            _remove(api, one)
    return len(ids)


def _until(labels: Mapping[str, str]) -> float:
    try:
        return float(labels.get(THROWAWAY_LABEL, ""))
    except ValueError:  # the label of something that is not ours to judge
        return float("inf")
