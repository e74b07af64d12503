"""Watches one service until a verdict is reached: state of every replica, health checks, HTTP probes.

Looks often at first, then with growing pauses; an event from Docker wakes it at once (SPEC FR-007).
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from activities.adapters.docker_engine import DockerEngine
from activities.adapters.http_probe import HttpProber
from workflows.errors import OrchestratorError
from workflows.models.snapshot import ContainerState
from workflows.models.target import Target
from workflows.models.verification import HttpProbe, ProbeResult, Vantage, Verification
from workflows.verdict import Check, Verdict, Watch, check_replicas

NEARLY_SECONDS = 1.5
"""Long enough for a dry run, short enough for little to happen meanwhile."""
_WAKING = ("start", "die", "oom", "health_status", "stop", "destroy", "pause", "unpause")


@dataclass
class HealthWatch:
    """One verification of one service."""

    docker: DockerEngine
    prober: HttpProber
    target: Target
    rules: Verification
    known: frozenset[str]
    """Ids of containers from before the restart: their old restarts are not held against them."""
    report: Callable[[ProbeResult], None]
    """Hears of every single result."""
    foreign: Callable[[tuple[ContainerState, ...]], str] = lambda _containers: ""
    """Names the containers that somebody else made; empty where there is none (I8)."""
    nearly: Callable[[], None] = lambda: None
    """Called when the service was found good and only has to stay so for ``NEARLY_SECONDS`` or less."""
    containers: tuple[ContainerState, ...] = ()
    """As seen last."""
    exit_codes: dict[str, int] = field(default_factory=dict)
    """Container id -> the code its process ended with last, from Docker's events."""
    status: str = "starting"
    _restarts: dict[str, int] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _told_since: float | None = None
    """Since when the service was good as ``nearly`` was called."""

    async def watch(self) -> Verdict:
        """Look until the service has been good for long enough, has crashed, or the time is over.

        A container that somebody else made ends it at once: what is measured is no longer this run's work.
        """
        listener = asyncio.create_task(self._listen())
        try:
            return await self._look_until_decided()
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def _look_until_decided(self) -> Verdict:
        began, watch, quick = time.monotonic(), Watch(self.rules), 0
        while True:
            self._news.clear()
            checks = await self._look()
            if strange := self.foreign(self.containers):
                return Verdict("foreign_change", strange)
            at = time.monotonic() - began
            watch, verdict = watch.judge(at, checks)
            if verdict is not None:
                return verdict
            since = watch.good_since
            self._tell_nearly(since, at)
            self.status = watch.last_bad if since is None else f"good for {at - since:.0f} s"
            quick = 0 if await self._pause(watch.pause(at, quick)) else quick + 1

    def _tell_nearly(self, since: float | None, at: float) -> None:
        left = self.rules.stability_window_seconds - NEARLY_SECONDS
        if since is not None and since != self._told_since and at - since >= left:
            self._told_since = since
            self.nearly()

    async def _pause(self, seconds: float) -> bool:
        """Whether Docker reported something before the pause was over."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _listen(self) -> None:
        """Events only make the watch quicker; without them it still looks by itself."""
        with suppress(OrchestratorError):
            async with aclosing(self.docker.events(self.target.project.name)) as events:
                async for event in events:
                    if event.service != self.target.service:
                        continue
                    if event.exit_code is not None:
                        self.exit_codes[event.container_id] = event.exit_code
                    if event.action.startswith(_WAKING):
                        self._news.set()

    async def _look(self) -> list[Check]:
        began, at = time.monotonic(), datetime.now(UTC)
        try:
            self.containers = await self.docker.containers(self.target.project.name, self.target.service)
        except OrchestratorError as error:
            if error.code != "docker_unavailable":
                raise
            checks = [Check("state", ok=False, detail=error.message)]  # it may come back in time
        else:
            checks = list(check_replicas(self.containers, self.target.scale, self._baseline()))
        elapsed = round(time.monotonic() - began, 4)
        for check in checks:
            self.report(_result(check, at, elapsed))
        if any(container.status == "running" for container in self.containers):
            checks += await self._probe_all()
        return checks

    def _baseline(self) -> dict[str, int]:
        """A new container began with no restart; an old one with those it had at the first look."""
        for container in self.containers:
            old = container.restart_count if container.id in self.known else 0
            self._restarts.setdefault(container.id, old)
        return self._restarts

    async def _probe_all(self) -> list[Check]:
        asked = [self._probe(probe) for probe in self.rules.http if probe.vantage is Vantage.WORKER]
        for probe in self.rules.http:
            if probe.vantage is Vantage.TARGET:
                asked += [self._probe(probe, container) for container in self.containers]
        return list(await asyncio.gather(*asked))

    async def _probe(self, probe: HttpProbe, container: ContainerState | None = None) -> Check:
        if container is None:
            result = await self.prober.probe(probe)
        else:
            result = await self._probe_inside(probe, container)
            if len(self.containers) > 1:
                result = result.model_copy(update={"detail": f"{container.name}: {result.detail}"})
        self.report(result)
        return Check(result.check, ok=result.ok, detail=result.detail)

    async def _probe_inside(self, probe: HttpProbe, container: ContainerState) -> ProbeResult:
        """A process that ended since it was looked at is a crash, not a namespace that cannot be entered."""
        try:
            return await self.prober.probe(probe, container.pid, container.id)
        except OrchestratorError:
            now = await self.docker.container(container.id)
            if now is not None and now.pid == container.pid:
                raise
            return await self.prober.probe(probe, None)


def _result(check: Check, at: datetime, elapsed_seconds: float) -> ProbeResult:
    return ProbeResult(
        at=at, check=check.name, ok=check.ok, detail=check.detail, elapsed_seconds=elapsed_seconds
    )
