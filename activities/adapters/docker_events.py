"""The daemon's event log: what happened to a project's containers, and what happens right now."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeAlias

import docker
from docker.errors import DockerException
from docker.types import CancellableStream

from activities.adapters import docker_facts as facts
from activities.adapters.docker_client import CONTACT_SECONDS, DockerClient, Endpoint, connect
from activities.adapters.docker_facts import ContainerEvent

Stream: TypeAlias = "CancellableStream[dict[str, object]]"
_REMEMBERED = 256
"""Events that a daemon keeps, of all kinds."""


@dataclass(frozen=True)
class DockerEvents:
    """Reads the event log of one Compose project."""

    client: DockerClient

    async def past_events(self, project: str, since: datetime) -> tuple[ContainerEvent, ...]:
        """The project's container events that the daemon still remembers (its last 256 of all kinds)."""

        def read(api: docker.APIClient) -> tuple[ContainerEvent, ...]:
            until = datetime.now(UTC).timestamp()
            found = _events(api, project, since=since.timestamp(), until=until)
            return tuple(facts.container_event(event) for event in found)

        return await self.client.ask(read)

    async def nothing_happened(self, project: str, since: float, until: float) -> bool:
        """Whether the daemon knows of no event meanwhile that a plain ``up`` of the project might notice.

        Health checks and what runs inside a container are no such events, nor are other projects'
        containers. False as well where the daemon's memory may not reach back so far.

        Args:
            project: the Compose project.
            since: seconds since the epoch on the daemon's own clock.
            until: the same; not in the future, or the answer waits for it.
        """

        def read(api: docker.APIClient) -> bool:
            stream = api.events(since=since, until=until, decode=True)  # type: ignore[call-overload]  # as below
            found = list(stream)
            return len(found) < _REMEMBERED and not any(facts.might_matter(event, project) for event in found)

        return await self.client.ask(read)

    async def events(self, project: str) -> AsyncGenerator[ContainerEvent, None]:
        """The project's container events from now on; ends when the daemon goes away.

        Close it (``contextlib.aclosing``), or its thread listens on.
        """
        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[ContainerEvent | None] = asyncio.Queue()

        def offer(event: ContainerEvent | None) -> None:
            with suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(queue.put_nowait, event)

        listener = _Listener(await self.client.endpoint(), project, offer)
        threading.Thread(target=listener.run, daemon=True, name=f"events-{project}").start()
        try:
            while (event := await queue.get()) is not None:
                yield event
        finally:
            await asyncio.to_thread(listener.stop)


@dataclass
class _Listener:
    """One thread, one connection; ``stop`` closes the connection under the reading thread."""

    endpoint: Endpoint
    project: str
    offer: Callable[[ContainerEvent | None], None]
    _stream: "Stream | None" = None
    _stopped: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        try:
            api = connect(self.endpoint, CONTACT_SECONDS)
            stream = _events(api, self.project)
            with self._lock:
                self._stream = stream
            if self._stopped:
                self.stop()
            for event in stream:
                self.offer(facts.container_event(event))
        except (DockerException, OSError, ValueError, AttributeError):
            pass  # the daemon is gone, or stop() closed the connection: both end the events
        finally:
            self.offer(None)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            stream = self._stream
        if stream is not None:
            with suppress(OSError, DockerException, AttributeError):
                stream.close()


def _events(
    api: docker.APIClient, project: str, since: float | None = None, until: float | None = None
) -> "Stream":
    wanted = {"type": "container", "label": f"{facts.PROJECT}={project}"}
    stream: Stream = api.events(  # type: ignore[call-overload]  # fractions of seconds are fine
        since=since, until=until, filters=wanted, decode=True
    )
    return stream
