"""What Docker says about containers and images at one instant."""

from datetime import datetime
from enum import StrEnum

from workflows.models.base import Model


class ServiceState(StrEnum):
    """The state a rollback leads back to."""

    ABSENT = "absent"
    STOPPED = "stopped"
    RUNNING = "running"


class ContainerState(Model):
    """One container as ``docker inspect`` has it, without its environment."""

    id: str
    name: str
    service: str
    number: int = 1
    status: str
    """Docker's word: created, running, paused, restarting, removing, exited, dead."""
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    """Why Docker could not start it at all."""
    restart_count: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    image_id: str
    config_hash: str = ""
    health: str | None = None
    """None where the container has no health check, else starting, healthy or unhealthy."""
    restart_policy: str = "no"
    pid: int = 0

    @property
    def up(self) -> bool:
        """Whether Docker runs it or is about to run it again."""
        return self.status in {"running", "restarting", "paused"}


class ServiceSnapshot(Model):
    """The target service before or after a run."""

    service: str
    image_ref: str
    image_id: str | None = None
    """What the image reference points to now; None where no such image exists."""
    containers: tuple[ContainerState, ...] = ()
    taken_at: datetime

    @property
    def state(self) -> ServiceState:
        """Absent without a container, running if any replica is up, else stopped."""
        if not self.containers:
            return ServiceState.ABSENT
        return ServiceState.RUNNING if any(c.up for c in self.containers) else ServiceState.STOPPED

    @property
    def container_image_id(self) -> str | None:
        """The image the containers run; it may differ from what the tag points to."""
        return self.containers[0].image_id if self.containers else None


class NeighbourProof(Model):
    """Evidence for I3: the rest of the project before and after."""

    before: tuple[ContainerState, ...] = ()
    after: tuple[ContainerState, ...] = ()
    untouched: bool
    changed: tuple[str, ...] = ()
    """Containers that were stopped, recreated or restarted though they did not crash by themselves."""
    self_restarted: tuple[str, ...] = ()
    """Neighbours whose restart policy restarted them (``neighbour_restarted``)."""
    dry_run_new: tuple[str, ...] = ()
    """Services that a plain ``up`` would change now and would not have changed before."""
    omitted: int = 0
    """So many further containers, of which nothing is to be said, are only in ``containers.json``."""
    daemon_restarted: bool = False
    """Whether the Docker daemon restarted meanwhile."""
    excused: tuple[str, ...] = ()
    """Neighbours that only show what a restart of the daemon does by itself (COMPOSE fact 9)."""
