"""How the old containers ended, from Docker's event log: downtime, and a PID 1 that ignores SIGTERM. Pure."""

from collections.abc import Iterable
from datetime import datetime

from activities.adapters.docker_facts import ContainerEvent
from workflows.models.snapshot import ContainerState

_KILLED = 137


def downtime_seconds(
    old: Iterable[ContainerState], new: Iterable[ContainerState], events: Iterable[ContainerEvent]
) -> float | None:
    """From the first old container's end to the last new one's start; None where nothing ran before.

    Args:
        old: the containers as they were before the restart.
        new: the containers after it.
        events: what happened since.
    """
    died = {event.container_id: event.at for event in events if event.action == "die"}
    ended = [at for container in old if (at := _end_of(container, died)) is not None]
    started = [container.started_at for container in new if container.started_at is not None]
    if not ended or not started:
        return None
    return round(max((max(started) - min(ended)).total_seconds(), 0.0), 3)


def _end_of(container: ContainerState, died: dict[str, datetime]) -> datetime | None:
    return died.get(container.id) if container.up else None


def sigterm_warnings(old: Iterable[ContainerState], events: Iterable[ContainerEvent]) -> tuple[str, ...]:
    """One warning per old container that had to be killed: each restart costs its whole grace period."""
    known, warnings = {container.id: container.name for container in old}, []
    asked: dict[str, datetime] = {}
    for event in events:
        name = known.get(event.container_id)
        if name is None:
            continue
        if event.action == "kill":
            asked.setdefault(event.container_id, event.at)
        elif event.action == "die" and event.exit_code == _KILLED and event.container_id in asked:
            waited = (event.at - asked[event.container_id]).total_seconds()
            warnings.append(
                f"sigterm_ignored: {name} did not end on SIGTERM and was killed after {waited:.1f} s; let "
                "its first process handle the signal, or set init: true"
            )
    return tuple(warnings)
