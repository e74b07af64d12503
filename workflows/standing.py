"""How a service stands at one instant, by its containers alone: pure rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.models.snapshot import ContainerState

CRASH_LOOP_WINDOW = timedelta(seconds=60)
"""A container that Docker restarted and that has not run this long since may be crash-looping."""


@dataclass(frozen=True)
class Standing:
    """``broken``: something is wrong for sure; ``proved``: a health check says it is right."""

    broken: bool
    proved: bool
    reason: str


def standing(containers: Sequence[ContainerState], *, wanted: int, now: datetime) -> Standing:
    """Judge all replicas; the worst one decides."""
    if not containers:
        return Standing(broken=True, proved=False, reason="no container exists")
    for container in containers:
        if complaint := _complaint(container, now):
            return Standing(broken=True, proved=False, reason=f"{container.name} {complaint}")
    if len(containers) < wanted:
        reason = f"{len(containers)} of {wanted} replicas exist"
        return Standing(broken=True, proved=False, reason=reason)
    proved = all(container.health == "healthy" for container in containers)
    word = "running and healthy" if proved else "running, no health check speaks for it"
    count = f"{len(containers)} containers are" if len(containers) > 1 else f"{containers[0].name} is"
    return Standing(broken=False, proved=proved, reason=f"{count} {word}")


def _complaint(container: ContainerState, now: datetime) -> str:
    if container.status != "running":
        oom = ", out of memory" if container.oom_killed else ""
        return f"is {container.status} (exit code {container.exit_code}{oom})"
    if container.health == "unhealthy":
        return "is unhealthy"
    fresh = container.started_at is None or now - container.started_at < CRASH_LOOP_WINDOW
    if container.restart_count and fresh and container.health != "healthy":
        return f"was restarted {container.restart_count} times and has just started again"
    return ""
