"""How the old containers ended, from Docker's event log: downtime, and a PID 1 that ignores SIGTERM. Pure."""

from collections.abc import Iterable
from datetime import datetime

from activities.adapters.docker_facts import ContainerEvent
from workflows.models.snapshot import ContainerState

_KILLED = 137


def downtime_seconds(
    old: Iterable[ContainerState],
    new: Iterable[ContainerState],
    events: Iterable[ContainerEvent],
    ordered_at: datetime | None = None,
) -> float | None:
    """From the first old container's end to the last new one's start; None where nothing ran before.

    Args:
        old: the containers as they were before the restart, or before an attempt of it that was cut off.
        new: the containers after it.
        events: what happened since.
        ordered_at: when their replacement was ordered: an upper bound where Docker, which remembers its
            last 256 events only, has forgotten when a container ended that is gone now.
    """
    kept = {container.id: container for container in new}
    died = {e.container_id: e.at for e in reversed(tuple(events)) if e.action == "die"}
    ended = []
    for container in old:
        replaced = container.up and container.id not in kept
        at = died.get(container.id) if container.up else None
        if at is not None or (replaced and ordered_at is not None):
            ended.append(at or ordered_at)
    started = [container.started_at for container in kept.values() if container.started_at is not None]
    if not ended or not started:
        return None
    return round(max((max(started) - min(at for at in ended if at)).total_seconds(), 0.0), 3)


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
