"""What a journal holds: the state to lead back to, and what this run did to it (I4)."""

from datetime import datetime

from workflows.models.base import Model
from workflows.models.marks import Window
from workflows.models.record import RollbackOutcome
from workflows.models.snapshot import ContainerState, NeighbourProof, ServiceSnapshot
from workflows.models.target import Target

FIRST_EPOCH = 1


class JournalEntry(Model):
    """One project file as it was before the run, and every content this run gave it."""

    path: str
    """As the plan names it, relative to the workspace."""
    resolved: str
    """The file behind it once symbolic links were followed, relative to the workspace."""
    existed: bool
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    before: str | None = None
    """SHA-256 of the pre-image; None where the file did not exist."""
    written: tuple[str, ...] = ()
    """SHA-256 of every content this run wrote or was about to write, oldest first."""


class Settlement(Model):
    """The end of a journal; nothing may be changed in its name afterwards."""

    by: str
    """``report``, ``rollback`` or ``recover``."""
    at: datetime
    outcome: str
    """``succeeded``, ``rolled_back`` or ``accepted``."""


class Journal(Model):
    """The rollback point of one run: the state before round 1."""

    run_id: str
    generation: int = 1
    workflow_id: str = ""
    target: Target
    policy_digest: str = ""
    snapshot: ServiceSnapshot
    neighbours: tuple[ContainerState, ...] = ()
    dry_run_before: tuple[str, ...] = ()
    """Services that a plain ``up`` would have changed before this run."""
    networks_before: tuple[str, ...] = ()
    """Names of the project's networks before this run."""
    volumes_before: tuple[str, ...] = ()
    """Names of the project's volumes before this run."""
    images_before: tuple[str, ...] | None = None
    """Ids of the images that Compose had built for the target before this run; None: not known."""
    anonymous_volumes: tuple[str, ...] = ()
    """Names of the volumes that the target's containers had without a name of their own."""
    volumes_made: tuple[str, ...] = ()
    """Volumes that this run's own containers brought, noted before those containers are removed."""
    volumes_left: tuple[str, ...] = ()
    """Former anonymous volumes that this run's own renewal left behind, unused."""
    previous_image_id: str | None = None
    """What the target's containers ran."""
    tag_image_id: str | None = None
    """What the image reference pointed to; it may be another image."""
    daemon_mark: str | None = None
    """Another one later means that the Docker daemon restarted; None: not known."""
    ups: tuple[Window, ...] = ()
    """Every ``up`` of this run, noted before it starts."""
    containers_made: tuple[str, ...] = ()
    """Ids of the target's containers that this run's own ``up`` made."""
    builds: tuple[Window, ...] = ()
    """Every build of this run, noted before it starts."""
    images_made: tuple[str, ...] = ()
    """Ids of the images that this run's builds produced."""
    reference_found: str | None = None
    """What somebody else let the image reference point to, noted before a rollback borrows the name."""
    opened_at: datetime
    epoch: int = FIRST_EPOCH
    raised_by: str = ""
    entries: tuple[JournalEntry, ...] = ()
    rollback: RollbackOutcome | None = None
    """What the last rollback measured."""
    proof: NeighbourProof | None = None
    settled: Settlement | None = None

    @property
    def project(self) -> str:
        """The Compose project this journal guards."""
        return self.target.project.name

    @property
    def images_known(self) -> tuple[str | None, ...]:
        """Images that the reference may point to without anybody else's doing."""
        return (self.previous_image_id, self.tag_image_id, *self.images_made)

    def entry(self, path: str) -> JournalEntry | None:
        """The entry of a file as the plan names it."""
        return next((entry for entry in self.entries if entry.path == path), None)
